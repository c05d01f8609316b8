"""The second calculation over all users, against examples that were worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from local.expected import CompletedRun, Past, Rules, SentRow, expected, obligation_key, past_of, user_key
from tests.local.calculation import daily, day

TODAY = day("11-24")
DUE = "2026-12-01"


def user(*values: object, number: int = 1, **fields: object) -> dict[str, Any]:
    return {
        "id": f"user-{number}",
        "mail": f"casey.{number}@example.com",
        "due": [value if isinstance(value, str) else json.dumps(value) for value in values],
        **fields,
    }


def run(*users: Mapping[str, Any], rows: list[SentRow] | None = None, today: date = TODAY, **rules: Any) -> Any:
    return expected(users, "due", today, Rules(**rules), daily(today), rows or [])


def row(
    stage: int, when: str, due: str = "12-01", reference: str = "", amount: str = "", currency: str = ""
) -> SentRow:
    key = obligation_key(day(due), reference, amount, currency)
    return SentRow(day(due), user_key("user-1"), key, stage, day(when), has_reference=bool(reference))


def test_two_accounts_with_one_address_are_two_customers() -> None:
    fees = {"due": DUE, "ref": "FEES-2026-12", "amount": "80.00"}
    shared = "parent@example.com"

    result = run(user(fees, mail=shared), user({**fees, "amount": "95.00"}, number=2, mail=shared))

    assert len(result.notices) == 2


def test_without_a_reference_the_amount_as_a_number_tells_obligations_apart() -> None:
    result = run(user({"due": DUE, "amount": "100.00"}, {"due": DUE, "amount": "20.00"}, {"due": DUE, "amount": "20"}))

    assert sorted(notice.amount for notice in result.notices.values()) == ["100", "20"]
    assert (result.obligations, result.skipped) == (3, {"duplicate": 1})


def test_a_part_that_is_paid_leaves_the_other_owed() -> None:
    result = run(user({"due": DUE, "amount": "100.00"}, {"due": DUE, "amount": "20.00", "status": "paid"}))

    assert [notice.amount for notice in result.notices.values()] == ["100"]
    assert result.skipped == {"paid": 1}


@pytest.mark.parametrize(
    ("statuses", "skipped", "notices"),
    [
        (("open", "paid"), {"paid": 1, "duplicate": 1}, 0),
        (("open", "disputed"), {"disputed": 1, "duplicate": 1}, 0),
        (("void", "open"), {"duplicate": 1}, 1),
        (("void", "paid"), {"paid": 1, "duplicate": 1}, 0),
    ],
)
def test_of_the_values_of_one_reference_one_speaks(
    statuses: tuple[str, ...], skipped: dict[str, int], notices: int
) -> None:
    result = run(user(*({"due": DUE, "ref": "INV-1", "amount": "5", "status": status} for status in statuses)))

    assert (result.skipped, len(result.notices)) == (skipped, notices)


def test_an_invoice_voided_and_issued_anew_without_a_number_is_open() -> None:
    assert len(run(user({"due": DUE, "amount": "5", "status": "void"}, {"due": DUE, "amount": "5.00"})).notices) == 1


def test_among_open_ones_the_latest_pause_holds() -> None:
    paused = {"due": DUE, "ref": "INV-1", "pausedUntil": "2026-11-30"}

    result = run(user({**paused, "pausedUntil": "2026-11-20", "amount": "1"}, paused))

    assert result.skipped == {"paused": 1, "duplicate": 1}


def test_a_users_reason_comes_before_an_obligations_but_only_where_the_ledger_is_asked() -> None:
    values = [
        {"due": DUE, "ref": "asked"},
        {"due": DUE, "ref": "asked and paid", "status": "paid"},
        {"due": "2026-12-24", "ref": "later"},
        {"due": "2026-01-01", "ref": "long ago"},
        {"due": "2026-01-01", "ref": "long ago and paid", "status": "paid"},
        "no date",
    ]

    result = run(user(*values, accountEnabled=False))

    assert result.skipped == {"disabled": 2, "paid": 1, "malformed": 1}
    assert result.figures == {"not yet": 1, "over": 1}
    assert result.obligations == 6


def test_a_reference_or_a_part_payment_added_later_inherits_the_history() -> None:
    before = [row(-7, "11-24", amount="100")]
    today = day("11-25")

    assert run(user({"due": DUE, "amount": "80"}), rows=before, today=today).figures == {"already sent": 1}
    assert run(user({"due": DUE, "ref": "INV-1"}), rows=before, today=today).figures == {"already sent": 1}


def test_a_history_is_not_inherited_by_another_reference_beside_others_or_where_a_value_is_malformed() -> None:
    before = [row(-7, "11-24", reference="INV-0")]
    today = day("11-25")

    assert run(user({"due": DUE, "ref": "INV-1"}), rows=before, today=today).figures == {"owed": 1}
    other = {"due": DUE, "ref": "INV-2", "status": "paid"}
    assert run(user(DUE, other), rows=before, today=today).figures == {"owed": 1}
    assert run(user(DUE, "no date"), rows=before, today=today).figures == {"owed": 1}
    assert run(user(DUE), rows=before, today=today).figures == {"already sent": 1}
    assert run(user(DUE), rows=[row(-7, "11-24", "12-02")], today=today).figures == {"owed": 1}


def test_what_is_inherited_counts_for_the_ladder_and_not_as_its_own() -> None:
    """Stage 0 went under another key; after the catch-up of step 5 the obligation was missed by its own."""
    late = run(user(DUE), rows=[row(0, "12-01", amount="5")], today=day("12-10"), stages=(0, 5))

    assert late.figures == {"missed": 1}
    assert [notice.sending.stage for notice in late.by_hand.values()] == [5]


def test_an_id_is_made_of_six_facts() -> None:
    """SHA-256 over user, due date, reference, amount, currency and stage, joined by U+001F."""
    result = run(user({"due": DUE, "amount": "120.50", "currency": "EUR"}, {"due": DUE, "ref": "INV-1", "amount": "5"}))

    assert sorted(result.notices) == sorted(
        ["744131db814403ad87a8f13d9ae2e7df", "6362fdea1406167cc8c1d0302cfb4f88"],
    )


def test_blank_values_are_none() -> None:
    assert run(user(), user("", " "), user(due=None), {"id": "user-2"}).obligations == 0


def test_the_last_completed_run_of_the_same_filter_decides_else_any() -> None:
    rules, today = Rules((0, 5)), day("12-10")
    runs = [
        CompletedRun(day("11-26"), "r1", "all", day("09-01")),  # nine days before the 5th: too old to count
        CompletedRun(day("12-03"), "r2", "laptop", day("10-02")),
        CompletedRun(day("12-04"), "r1", "all", day("10-10")),
        CompletedRun(day("12-09"), "r2", "laptop", day("10-01")),  # for "all" this comes after the 5th
        CompletedRun(day("12-10"), "r2", "all", day("08-01")),  # today's counts for nothing
    ]

    assert past_of(today, rules, runs, "r1", "all") == Past(day("12-05"), rules_differ=False, asked_from=day("10-02"))
    assert past_of(today, rules, runs, "r1", "new") == Past(day("12-10"), rules_differ=True, asked_from=day("10-01"))
    assert past_of(today, rules, [], "r1", "all") == Past()
