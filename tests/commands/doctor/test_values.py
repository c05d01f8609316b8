from __future__ import annotations

import pytest

from due_notices.commands.doctor.values import judge_values
from tests.factories import ATTRIBUTE, obligation_json, on, rules

TODAY = on("2026-11-30")
GOOD = "2026-12-01"


@pytest.mark.parametrize(
    ("found", "well", "hints"),
    [
        ([], True, []),
        ([None, "", " ", []], False, ["none of the first 4 users", ATTRIBUTE, "DUE_DATE_ATTRIBUTE"]),
        ([GOOD, [GOOD, GOOD], None], True, ["of 3 obligations of the first 3 users 3 can be read"]),
        ([*[GOOD] * 9, "soon"], True, ["10 obligations", "9 can be read", "1 are malformed", "YYYY-MM-DD"]),
        ([*[GOOD] * 8, "soon", "2569-12-01"], False, ["2 are malformed", "preview --skipped"]),
        ([obligation_json(amount="5", currency="BGN")], False, ["BGN (1)", "sent as they are"]),
        ([obligation_json(amount="5", currency="EUR")], True, ["1 can be read"]),
        ([obligation_json(amount="5", currency="XAU")], True, ["1 can be read"]),
    ],
)
def test_what_the_first_users_hold_is_judged(*, found: list[object], well: bool, hints: list[str]) -> None:
    judged, text = judge_values(found, rules(), TODAY)

    assert judged is well
    assert all(hint in text for hint in hints)
    assert "soon" not in text
