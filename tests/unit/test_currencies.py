from __future__ import annotations

import pytest
from iso4217 import Currency

from due_notices.currencies import CODES, DECIMALS, decimals_of

IN_FORCE = {currency.code: currency.exponent for currency in Currency}


def test_the_table_is_that_of_iso_4217() -> None:
    assert IN_FORCE.keys() == CODES
    assert {code: decimals_of(code) for code in CODES} == IN_FORCE


def test_26_currencies_do_not_have_two_decimals() -> None:
    assert {code: exponent for code, exponent in IN_FORCE.items() if exponent not in {2, None}} == DECIMALS
    assert len(DECIMALS) == 26


@pytest.mark.parametrize("code", ["BGN", "HRK", "ANG", "ZWL", "EEK", "XYZ", "eur", ""])
def test_what_iso_4217_does_not_have_has_no_decimals(code: str) -> None:
    assert code not in CODES
    assert decimals_of(code) is None
