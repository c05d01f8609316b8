"""When a number that fell is a fall, and what is worth a look, from values to values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.status.verdict import FINDINGS, Level
from due_notices.falls import SIGNS, base_of, payments_stand_still, signs_of, why_fallen
from due_notices.report import RunReport
from tests.factories import on, run_report

TODAY = on("2026-11-24")
BEFORE: dict[str, Any] = {"users_read": 1000, "obligations": 1000, "owed": 90, "sent": 90, "already_sent": 10}


def base(**figures: Any) -> RunReport:
    return run_report("2026-11-23", **{**BEFORE, **figures})


def today(**figures: Any) -> RunReport:
    return run_report(TODAY, **{**BEFORE, **figures})


def signs(report: RunReport, before: RunReport | None, days: Sequence[RunReport] = ()) -> list[str]:
    return list(signs_of(report, before, days, 20, "the attribute"))


@pytest.mark.parametrize(
    ("figures", "falls"),
    [
        ({"users_read": 800}, False),
        ({"users_read": 799}, True),
        ({"users_read": 0, "obligations": 0}, True),
        ({"users_read": 5000}, False),
        ({"obligations": 200}, False),
        ({"obligations": 199}, True),
        ({"obligations": 0}, True),
        ({"users_counted": None}, False),
        ({"users_counted": 1000}, False),
        ({"users_counted": 1020}, False),
        ({"users_counted": 1021}, True),
        ({"users_counted": 979}, True),
        ({"users_read": 100_000, "users_counted": 101_000}, False),
        ({"users_read": 100_000, "users_counted": 101_011}, True),
    ],
    ids=str,
)
def test_a_number_that_fell_further_than_it_may_is_a_fall(figures: dict[str, Any], falls: bool) -> None:  # noqa: FBT001
    assert (why_fallen(today(**figures), base(), 20) is not None) is falls


def test_a_fall_names_both_numbers_and_the_run_before() -> None:
    why = str(why_fallen(today(users_read=400, obligations=0, users_counted=1000), base(), 20))

    for part in ("400 users", "1,000 in the run of 2026-11-23", "0 obligations", "Graph counts 1,000"):
        assert part in why


def test_the_limit_is_a_setting() -> None:
    assert why_fallen(today(users_read=600), base(), 40) is None
    assert why_fallen(today(users_read=599), base(), 40) is not None


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_did_not_fall_is_no_fall(then: int, more: int) -> None:
    assert (
        why_fallen(today(users_read=then + more, obligations=then + more), base(users_read=then, obligations=then), 1)
        is None
    )


def test_a_first_run_has_nothing_to_fall_from_but_the_count() -> None:
    assert why_fallen(today(users_read=1), None, 20) is None
    assert why_fallen(today(users_read=999, users_counted=2500), None, 20) is not None


def test_the_base_is_the_last_completed_run_of_an_earlier_day_whatever_its_filter() -> None:
    runs = [
        run_report("2026-11-20"),
        run_report("2026-11-21", filter_digest="another"),
        run_report("2026-11-22", "failed"),
        run_report("2026-11-23", "fallen"),
        run_report(TODAY),
        run_report("2026-11-25"),
    ]

    assert base_of(runs, TODAY) is runs[1]
    assert base_of(runs[4:], TODAY) is None


def test_what_was_accepted_today_is_normal_for_the_rest_of_the_day() -> None:
    accepted = run_report(TODAY, accepted=True)

    assert base_of([run_report("2026-11-23"), accepted], TODAY) is accepted
    assert base_of([run_report("2026-11-23"), run_report(TODAY, "failed", accepted=True)], TODAY) is not accepted


def test_every_sign_is_a_finding_to_look_at() -> None:
    assert {FINDINGS[name] for name in SIGNS} == {Level.LOOK}


@pytest.mark.parametrize(
    ("figures", "found"),
    [
        ({}, []),
        ({"obligations": 600}, []),
        ({"obligations": 599}, ["values-fell"]),
        ({"obligations": 199}, []),  # a fall says it
        ({"skipped": {"unreachable": 20}, "owed": 80, "already_sent": 0}, []),
        ({"skipped": {"unreachable": 21}, "owed": 79, "already_sent": 0}, ["skips-grew"]),
        ({"skipped": {"disabled": 30}, "owed": 70, "already_sent": 0}, ["skips-grew"]),
        ({"skipped": {"opted-out": 30}, "owed": 70, "already_sent": 0}, ["skips-grew"]),
        ({"skipped": {"not-allowed": 30}, "owed": 70, "already_sent": 0}, ["skips-grew"]),
        ({"skipped": {"paid": 900}}, []),
        ({"skipped": {"malformed": 200}}, []),
        ({"skipped": {"malformed": 201}}, ["skips-grew"]),
        ({"missed": 3, "expired": 2}, ["given-up-grew"]),
    ],
    ids=str,
)
def test_signs_against_the_last_completed_run(figures: dict[str, Any], found: list[str]) -> None:
    assert signs(today(**figures), base()) == found


def test_as_many_given_up_as_before_are_no_sign() -> None:
    assert signs(today(missed=3, expired=2), base(missed=1, expired=4)) == []


def test_all_customers_unreachable_since_yesterday_is_a_sign() -> None:
    before, now = (
        base(users_read=400, owed=400),
        today(users_read=400, owed=0, already_sent=0, skipped={"unreachable": 400}),
    )

    assert signs(now, before) == ["skips-grew"]


def test_a_first_run_in_which_nobody_has_a_value_names_users_and_attribute() -> None:
    found = signs_of(run_report(TODAY, users_read=2_500), None, (), 20, "extension_0_due")

    assert list(found) == ["no-values"]
    assert "2,500 users" in found["no-values"]
    assert "extension_0_due" in found["no-values"]


@pytest.mark.parametrize("base", [None, run_report("2026-11-27")])
def test_a_directory_in_which_nobody_is_read_is_worth_a_look(base: RunReport | None) -> None:
    """As with a USER_FILTER that has left nobody from the first day on: no run before had more."""
    found = signs_of(run_report(TODAY), base, (), 20, "x")

    assert list(found) == ["no-values"]
    assert "USER_FILTER" in found["no-values"]


def test_nobody_read_after_a_run_that_read_some_is_a_fall_and_says_nothing_of_the_attribute() -> None:
    before = run_report("2026-11-27", users_read=100)

    assert why_fallen(run_report(TODAY), before, 20) is not None
    assert signs_of(run_report(TODAY), before, (), 20, "x") == {}


@pytest.mark.parametrize("reason", ["malformed", "unreachable", "disabled", "opted-out", "not-allowed"])
def test_a_first_run_in_which_most_are_skipped_is_worth_a_look(reason: str) -> None:
    def signs(skipped: int) -> dict[str, str]:
        report = run_report(TODAY, users_read=100, obligations=100, owed=100 - skipped, skipped={reason: skipped})
        return signs_of(report, None, (), 20, "x")

    assert signs(50) == {}
    assert f"51% are skipped as {reason}" in signs(51)["skips-grew"]


# Payments that stand still.


def record(day: date, open_each: Iterable[int]) -> RunReport:
    """Return a day's completed run; `open_each` are the open obligations of its due dates, the newest first."""
    counts = {(day - timedelta(days=age)).isoformat(): count for age, count in enumerate(open_each)}
    return run_report(day, open_by_due_date=counts)


def history(paying: Sequence[bool]) -> list[RunReport]:
    """Return a record for each day: 100 owe on each due date, and of each some pay on each day on which any do."""
    first, found = on("2026-10-01"), []
    for number in range(len(paying)):
        day = first + timedelta(days=number)
        counts = [100 - sum(paying[max(number - age + 1, 0) : number + 1]) for age in range(30)]
        found.append(record(day, counts))
    return found


@pytest.mark.parametrize(
    ("paying", "since"),
    [
        ([True] * 31 + [False] * 7, on("2026-10-31")),
        ([True] * 31 + [False] * 6, None),
        ([True] * 31 + [False] * 6 + [True], None),
        ([True] * 45, None),
        ([False] * 45, None),
        ([True, False] * 15 + [True] + [False] * 7, None),  # on half of the days before
        ([True, False] * 14 + [True, True, True] + [False] * 7, on("2026-10-31")),
    ],
)
def test_payments_stand_still_when_they_stop_for_seven_days(paying: list[bool], since: date | None) -> None:
    days = history(paying)

    assert payments_stand_still(days[-1], days[:-1]) == since
    assert ("payments-stand-still" in signs_of(days[-1], days[-2], days[:-1], 20, "x")) is (since is not None)


def test_where_nothing_is_open_no_payment_is_missed() -> None:
    days = history([True] * 31 + [False] * 7)

    assert payments_stand_still(run_report(days[-1].business_date), days[:-1]) is None


def test_a_due_date_that_a_run_no_longer_counts_was_not_paid() -> None:
    days = history([True] * 31 + [False] * 7)
    last = days[-1].business_date
    shorter = {due: count for due, count in days[-1].open_by_due_date.items() if due >= str(last - timedelta(days=9))}

    days[-1] = run_report(last, open_by_due_date=shorter, reach=last - timedelta(days=9))

    assert payments_stand_still(days[-1], days[:-1]) == on("2026-10-31")
