"""What an amount says: the column proves its decimal sign, or the sign is asked for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.amounts import AmountReader, Sign, taken_apart, with_sign
from due_notices.commands.import_.problems import ListRefused, Problem, RowRefused
from due_notices.commands.import_.rows import Entry, Kind, Row
from tests.commands.import_.given_lists import codes, rows, written

GROUPS: dict[Sign, tuple[str, ...]] = {
    ".": (",", "'", "\u2019", " ", "\u00a0", "\u202f"),
    ",": (".", "'", "\u2019", " ", "\u00a0", "\u202f"),
}


def column(folder: Path, *cells: str, currency: str = "") -> Path:
    lines = [f'ada{number}@example.com,2026-12-15,R{number},"{cell}",{currency}' for number, cell in enumerate(cells)]
    return written(folder, "\n".join(["email,due,ref,balance,currency", *lines]) + "\n")


def amounts(found: list[Row]) -> list[str | None]:
    return [row.amount for row in found if isinstance(row, Entry)]


@pytest.mark.parametrize(
    ("cells", "currency", "expected"),
    [
        (("1.234,56", "1.500"), "EUR", ["1234.56", "1500"]),
        (("1,234.56", "1,500"), "USD", ["1234.56", "1500"]),
        (("1234,5", "1.500"), "", ["1234.5", "1500"]),
        (("12,345", "5,000"), "JPY", ["12345", "5000"]),
        (("12.345", "1250.500", "0.109"), "KWD", ["12.345", "1250.500", "0.109"]),
        (("12,345,678", "1,234"), "EUR", ["12345678", "1234"]),
        (("1'234.50", "12\u2019500.00"), "CHF", ["1234.50", "12500.00"]),
        (("1\u202f234,50", "1 234,50"), "EUR", ["1234.50", "1234.50"]),
        (("12,34,567.50", "1,00,000"), "INR", ["1234567.50", "100000"]),
        (("120", "75"), "EUR", ["120", "75"]),
        (("12000.00",), "JPY", ["12000"]),
        (("120.5000", "1.25"), "EUR", ["120.50", "1.25"]),
        ((".50", "1.25"), "EUR", ["0.50", "1.25"]),
        (("0012.50",), "EUR", ["12.50"]),
    ],
)
def test_a_column_proves_its_decimal_sign(
    tmp_path: Path, cells: tuple[str, ...], currency: str, expected: list[str]
) -> None:
    assert amounts(rows(column(tmp_path, *cells, currency=currency))) == expected


@pytest.mark.parametrize(
    ("cells", "currency", "code"),
    [
        (("1,234", "2,500"), "", "decimal"),
        (("1.234",), "EUR", "decimal"),
        (("12.345",), "KWD", "decimal"),
        (("1.234,56", "1,234.56"), "EUR", "decimal"),
        (("$12.50", "$1.25"), "", "currency"),
        (("12.50 kr",), "", "currency"),
    ],
)
def test_a_column_that_may_mean_two_things_is_asked_about(
    tmp_path: Path, cells: tuple[str, ...], currency: str, code: str
) -> None:
    with pytest.raises(ListRefused) as refused:
        rows(column(tmp_path, *cells, currency=currency))

    assert codes(refused.value) == {code}


def test_what_is_asked_for_decides(tmp_path: Path) -> None:
    ambiguous = column(tmp_path, "1,234", "2,500")

    assert amounts(rows(ambiguous, decimal=".")) == ["1234", "2500"]
    assert amounts(rows(ambiguous, decimal=",", currency="KWD")) == ["1.234", "2.500"]
    assert amounts(rows(ambiguous, currency="JPY")) == ["1234", "2500"]


@pytest.mark.parametrize(
    ("cell", "currency", "code"),
    [
        ("1.234", "EUR", "decimals"),
        ("12.505", "EUR", "decimals"),
        ("12000.50", "JPY", "decimals"),
        ("twelve", "EUR", "amount"),
        ("1,2,3", "EUR", "amount"),
        ("=1+1", "EUR", "amount"),
        ("", "EUR", "amount"),
        ("12.50 USD", "EUR", "currency"),
        ("12.50", "Euro", "currency"),
        ("12O", "EUR", "amount"),  # a letter instead of a zero
        ("1.2k", "EUR", "amount"),
        ("1.5 Mio", "EUR", "amount"),
        ("12.5 T\u20ac", "EUR", "amount"),
        ("$12.50", "EUR", "currency"),
        ("kr 12.50", "EUR", "currency"),
        ("\u00a512", "USD", "currency"),
        ("1234567890123456", "EUR", "amount"),
    ],
)
def test_a_cell_that_cannot_be_taken_is_refused_alone(tmp_path: Path, cell: str, currency: str, code: str) -> None:
    found = rows(column(tmp_path, cell, "1234.56", "1.25", currency=currency), decimal=".")

    assert found[0].code == code if isinstance(found[0], Problem) else False


@pytest.mark.parametrize("cell", ["-55.00", "55.00-", "(55.00)", "\u221255.00", "-$55.00", "€ -55.00", "55.00 CR"])
def test_what_is_owed_to_the_customer_is_no_obligation(tmp_path: Path, cell: str) -> None:
    found = rows(column(tmp_path, cell, "12.50"), currency="USD" if "$" in cell else None)

    assert found[0] == Kind(2, "credit")


def test_what_has_nothing_left_to_pay_is_paid(tmp_path: Path) -> None:
    found = rows(column(tmp_path, "0.00", "-0.00", "12.50"))

    assert [row.state for row in found if isinstance(row, Entry)] == ["paid", "paid", "open"]


@pytest.mark.parametrize(
    ("cell", "currency"),
    [
        ("€ 12,50", "EUR"),
        ("12.50 CHF", "CHF"),
        ("US$12.50", "USD"),
        ("R$ 12,50", "BRL"),
        ("12,50 zł", "PLN"),
        ("USD 12.50", "USD"),
    ],
)
def test_a_cell_names_its_currency(cell: str, currency: str) -> None:
    assert taken_apart(cell).currency == currency


@given(
    amount=st.decimals(0, 10**9, places=2, allow_nan=False, allow_infinity=False),
    sign=st.sampled_from([".", ","]),
    group=st.integers(0, 5),
)
def test_a_grouped_number_is_read_back(amount: Decimal, sign: Sign, group: int) -> None:
    plain = f"{amount:,.2f}".replace(",", "\x00").replace(".", sign).replace("\x00", GROUPS[sign][group])

    assert AmountReader(sign)(plain, "EUR") == (False, f"{amount:.2f}", "EUR")


@given(st.text(max_size=20))
def test_no_text_makes_it_fail(text: str) -> None:
    try:
        negative, plain, _ = AmountReader(".")(text, "EUR")
    except RowRefused:
        return
    assert Decimal(plain) >= 0
    assert isinstance(negative, bool)


@given(st.from_regex(r"[0-9][0-9.,' ]{0,12}[0-9]", fullmatch=True))
def test_what_can_be_read_with_both_signs_means_the_same_or_has_three_digits_behind(number: str) -> None:
    found = {with_sign(number, sign, None) for sign in GROUPS}

    if None not in found and len(found) > 1:
        assert len(number.replace(",", ".").rpartition(".")[2]) == 3
