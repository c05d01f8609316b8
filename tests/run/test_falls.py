"""A run whose world fell silent: what is owed is sent, the day stays open, and every tick looks again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from due_notices.report import Outcome
from due_notices.run import Wish
from tests.factories import obligation_json, run_report
from tests.fakes import START
from tests.run.world import POLICY, TODAY, World, customer, customers

YESTERDAY = TODAY - timedelta(days=1)


def world(now: list[dict[str, Any]], **before: Any) -> World:
    """Return a world in which the run of yesterday read 100 users with a value each."""
    found = World(now)
    found.storage.ledger.take()
    found.storage.ledger.records[YESTERDAY, "yesterday's"] = run_report(
        YESTERDAY, **{"users_read": 100, "obligations": 100, **before}
    )
    return found


@pytest.mark.parametrize(
    "now",
    [
        [],
        [customer(number, due="") for number in range(100)],
        customers(19),
        customers(79),
    ],
    ids=["no users", "no values", "few users", "fewer users"],
)
def test_a_fall_sends_what_is_owed_and_leaves_the_day_open(now: list[dict[str, Any]]) -> None:
    fallen = world(now)

    report = fallen.run()

    assert (report.outcome, report.ok) == (Outcome.FALLEN, False)
    assert report.sent == report.owed == sum(bool(user["due"]) for user in now)
    assert "run --accept" in str(report.error)
    assert fallen.record == report
    fallen.next_tick()
    assert fallen.run().outcome is Outcome.FALLEN


def test_the_next_tick_completes_the_day_once_the_numbers_are_back() -> None:
    back = world(customers(50))
    assert back.run().outcome is Outcome.FALLEN

    back.directory.users = customers(100)
    back.next_tick()

    report = back.run()
    assert (report.outcome, report.sent, report.already_sent) == (Outcome.COMPLETED, 50, 50)
    back.next_tick()
    assert back.run().outcome is Outcome.ALREADY_COMPLETED


def test_accepted_numbers_are_the_new_normal() -> None:
    smaller = world(customers(50))
    assert smaller.run().outcome is Outcome.FALLEN

    report = smaller.run(Wish.ACCEPT)
    assert (report.outcome, report.accepted, report.error) == (Outcome.COMPLETED, True, None)
    assert smaller.run().outcome is Outcome.ALREADY_COMPLETED
    assert smaller.run(Wish.AGAIN).outcome is Outcome.COMPLETED

    smaller.clock.move(days=1)
    assert smaller.run().outcome is Outcome.COMPLETED


def test_a_fall_on_a_day_that_was_completed_leaves_it_completed() -> None:
    later = world(customers(100))
    assert later.run().outcome is Outcome.COMPLETED

    later.directory.users = customers(10)
    report = later.run(Wish.AGAIN)
    assert report.outcome is Outcome.FALLEN
    assert "the day was completed before and stays so, `due-notices run --again` looks once more" in str(report.error)
    assert "each tick" not in str(report.error)
    assert later.record is not None
    assert later.record.completed
    later.next_tick()
    assert later.run().outcome is Outcome.ALREADY_COMPLETED


def test_a_fall_promises_another_look_where_there_is_one() -> None:
    """On a day not yet completed, and where the timer looks at completed ones again by itself."""
    first = world(customers(10))
    assert "each tick looks again" in str(first.run().error)

    second = world(customers(100))
    second.policy = replace(POLICY, look_again=timedelta(hours=1))
    assert second.run().outcome is Outcome.COMPLETED
    second.directory.users = customers(10)
    for _ in range(2):
        second.next_tick()
        report = second.run()
        assert report.outcome is Outcome.FALLEN
        assert "each tick looks again" in str(report.error)


def test_a_run_with_a_mistyped_filter_falls_too() -> None:
    mistyped = world(customers(10), filter_digest="before")

    assert mistyped.run().outcome is Outcome.FALLEN


@pytest.mark.parametrize("accepted_on", [YESTERDAY, TODAY])
def test_few_users_accepted_with_another_filter_hide_no_fall(accepted_on: date) -> None:
    """A trial on a laptop with a filter of its own, which falls, says itself that `run --accept` accepts the number."""
    fallen = world(customers(50))
    fallen.storage.ledger.records[accepted_on, "trial"] = run_report(
        accepted_on, users_read=3, obligations=3, accepted=True, filter_digest="a trial's", at=START
    )

    report = fallen.run()

    assert report.outcome is Outcome.FALLEN
    assert "50 users were read, and 100" in str(report.error)


def test_a_run_with_another_filter_does_not_say_what_is_usual() -> None:
    """It may have seen the same addresses gone before the first run of one's own did."""
    silent = world([customer(number, mail=None) for number in range(100)])
    silent.storage.ledger.records[YESTERDAY, "trial"] = run_report(
        YESTERDAY,
        users_read=100,
        obligations=100,
        skipped={"unreachable": 100},
        filter_digest="a trial's",
        at=START - timedelta(hours=12),
    )

    report = silent.run()

    assert "100% are skipped as unreachable, and 0% were" in report.signs["skips-grew"]


def test_a_fall_beside_notices_that_could_not_be_sent_is_a_failed_run_that_says_both() -> None:
    from due_notices.errors import SendError

    both = world(customers(10))
    both.storage.queue.failures.on(1, error=SendError("the queue refused it", accepted_perhaps=False))

    report = both.run()

    assert report.outcome is Outcome.FAILED
    assert "the queue refused it" in str(report.error)
    assert "10 users were read, and 100" in str(report.error)


# What the tenant counts.


def test_a_tenant_that_counts_more_than_was_listed_is_a_fall() -> None:
    """Graph stops giving next links in the middle."""
    cut = World(customers(999), page_size=999)
    cut.directory.counts = lambda: 2_500

    report = cut.run()

    assert (report.outcome, report.users_counted) == (Outcome.FALLEN, 2_500)
    assert "999 users were read, and Graph counts 2,500" in str(report.error)


def test_a_count_that_is_right_when_asked_again_is_no_fall() -> None:
    counts = iter([2_500, 100])
    late = World(customers(100))
    late.directory.counts = lambda: next(counts)

    report = late.run()

    assert (report.outcome, report.users_counted) == (Outcome.COMPLETED, 100)


def test_the_first_count_holds_where_there_is_no_second_one() -> None:
    counts: Iterator[int | None] = iter([2_500, None])
    cut = World(customers(999), page_size=999)
    cut.directory.counts = lambda: next(counts)

    report = cut.run()

    assert (report.outcome, report.users_counted) == (Outcome.FALLEN, 2_500)


def test_a_count_that_agrees_is_asked_for_once() -> None:
    counts = iter([100])
    plain = World(customers(100))
    plain.directory.counts = lambda: next(counts)

    assert plain.run().users_counted == 100


def test_a_tenant_that_does_not_count_is_said_and_no_fall() -> None:
    silent = World(customers(100))
    silent.directory.counts = lambda: None

    report = silent.run()

    assert (report.outcome, report.users_counted) == (Outcome.COMPLETED, None)


# What is worth a look.


def test_a_first_run_warns_where_nobody_has_a_value() -> None:
    empty = World([customer(number, due="") for number in range(5)])

    report = empty.run()

    assert report.outcome is Outcome.COMPLETED
    assert list(report.signs) == ["no-values"]
    assert [said for said in empty.watcher.said if "none of 5 users has a value in due" in said]
    assert list(empty.preview().signs) == ["no-values"]


def test_a_sign_is_reported_and_the_day_completed() -> None:
    unreachable = world(
        [customer(number, mail=None) for number in range(100)], owed=10, obligations=100, already_sent=90
    )

    report = unreachable.run()

    assert (report.outcome, list(report.signs)) == (Outcome.COMPLETED, ["skips-grew"])


def test_the_open_obligations_of_the_last_thirty_due_dates_are_counted() -> None:
    dues = [0, -1, -1, -29, -30, 1, 400]
    users = [customer(number, due=str(TODAY + timedelta(days=days))) for number, days in enumerate(dues)]
    paid = obligation_json(str(TODAY), status="paid")
    counted = World([*users, customer(9, due=paid), customer(10, due=str(TODAY), accountEnabled=False)])

    report = counted.run()

    assert report.open_by_due_date == {
        str(TODAY - timedelta(days=29)): 1,
        str(TODAY - timedelta(days=1)): 2,
        str(TODAY): 2,
    }


# Before anything is sent.


def test_preview_says_a_fall_before_anything_is_sent() -> None:
    fallen = world(customers(50))

    found = fallen.preview()

    assert found.fallen is not None
    assert fallen.storage.queue.messages == []
    assert world(customers(100)).preview().fallen is None


# Whose run, and by whose clock.


def test_a_laptop_with_another_filter_completes_no_other_filters_day() -> None:
    everybody = World(customers(100))
    mine = replace(POLICY, rules=replace(POLICY.rules, filter_digest="mine"))
    everybody.policy = mine
    assert everybody.run().outcome is Outcome.COMPLETED

    everybody.policy = POLICY
    report = everybody.run()

    assert (report.outcome, report.already_sent) == (Outcome.COMPLETED, 100)
    everybody.policy = mine
    assert everybody.run().outcome is Outcome.ALREADY_COMPLETED


def test_a_record_of_the_future_counts_for_nothing_and_what_it_sent_counts_as_sent() -> None:
    ahead = World(customers(10))
    ahead.clock.move(days=1)
    tomorrow = ahead.run()
    assert tomorrow.outcome is Outcome.COMPLETED
    ahead.clock = type(ahead.clock)()

    report = ahead.run()

    assert (report.outcome, report.usual_owed) == (Outcome.COMPLETED, None)
    assert len(set(ahead.ids)) == len(ahead.ids) == 10


@pytest.mark.parametrize(
    ("seconds", "sends"), [(299, True), (-299, True), (300, False), (-300, False), (86_400, False)]
)
def test_a_clock_that_differs_from_the_services_sends_nothing(seconds: int, sends: bool) -> None:  # noqa: FBT001
    wrong = World(customers(3))
    wrong.directory.clock_ahead = timedelta(seconds=seconds)

    report = wrong.run()

    assert (report.outcome is Outcome.COMPLETED) is sends
    assert len(wrong.storage.queue.messages) == (3 if sends else 0)
    assert sends or "this machine's clock is" in str(report.error)


def test_the_log_has_the_report_as_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    from due_notices.services import LogProgress

    caplog.set_level(logging.INFO, "due_notices")
    fallen = run_report(TODAY, "fallen", error="an error")

    LogProgress().ended(fallen)
    LogProgress().ended(run_report(TODAY))

    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", fallen.log_line()),
        ("INFO", run_report(TODAY).log_line()),
    ]


# One deadline, and figures that stay true.


@pytest.mark.parametrize(("longest", "outcome"), [(20, "failed"), (40, "completed"), (80, "completed")])
def test_a_table_that_answers_slowly_lets_a_run_end_in_time_with_a_report(longest: int, outcome: str) -> None:
    slow = World(customers(100))
    begin = slow.storage.ledger._begin

    async def after_five_seconds(method: str) -> None:
        slow.clock.move(seconds=5)
        await begin(method)

    slow.storage.ledger._begin = after_five_seconds  # type: ignore[method-assign]

    report = slow.run(longest=timedelta(seconds=longest))

    assert slow.watcher.reports == [report]
    assert (slow.clock.monotonic() <= longest, report.outcome) == (True, outcome)


def test_what_was_sent_before_the_ledger_failed_is_in_the_report() -> None:
    from due_notices.errors import StorageError

    broken = World(customers(7))
    broken.storage.ledger.failures["mark_sent"].always = StorageError("the ledger table cannot be used")

    report = broken.run()

    assert (report.outcome, report.sent, report.failed) == (Outcome.FAILED, 7, 0)
    assert broken.record is not None
    assert broken.record.sent == 7


def test_only_those_who_would_have_been_notified_are_given_up() -> None:
    old = str(TODAY - timedelta(days=5))
    users = [
        customer(1, due=old),
        customer(2, due=old, accountEnabled=False),
        customer(3, due=obligation_json(old, status="paid")),
        customer(4, due=old, mail=None),
    ]
    missed = World(users)
    missed.record_run(TODAY - timedelta(days=6))

    report = missed.run()

    assert (report.missed + report.expired, sum(report.skipped.values())) == (1, 3)
