"""The numbers of the coming days: what so many runs, one after another, would send, from one reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from due_notices.commands.status.forecast import Forecast
from due_notices.commands.status.gather import look_ahead
from due_notices.errors import ListingExpired
from due_notices.planning import Day, Rules, plan_notices
from due_notices.policy import Policy
from due_notices.ports import Claim, ClaimRow
from due_notices.run import send_due_notices
from due_notices.services import Services
from due_notices.stages import HolidayCalendar
from local.customers import SAMPLE_ATTRIBUTE, sample_customers
from tests.factories import (
    ALICE,
    ATTRIBUTE,
    BOB,
    DMITRI,
    graph_user,
    obligation_json,
    on,
    page_of,
    policy,
    rules,
    run_report,
)
from tests.fakes import START, FakeDirectory, FakeStorage, MovableClock

TODAY = START.date()  # a Tuesday
SAMPLE_RULES = rules(-7, -3, -1, 0, 3, attribute=(SAMPLE_ATTRIBUTE,))


def coming(count: int, first: date = TODAY) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


def forecast(users: Sequence[Mapping[str, Any]], days: Sequence[date], by: Rules, page: int = 50) -> Forecast:
    made = Forecast(by, days)
    for start in range(0, len(users), page):
        made.add(page_of(users[start : start + page], by.attribute))
    return made


def day_by_day(users: Sequence[Mapping[str, Any]], days: Sequence[date], by: Rules) -> dict[date, Counter[int]]:
    """Plan each day over all users and send, as runs do, and count what each of them sent."""
    sent: set[str] = set()
    found = {}
    for day in days:
        new = [
            notice
            for notice in plan_notices([page_of(users, by.attribute)], by, Day(day, day - timedelta(days=1))).notices
            if notice.id not in sent
        ]
        sent |= {notice.id for notice in new}
        found[day] = Counter(notice.stage for notice in new)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("calendar", [None, HolidayCalendar("DE")])
def test_the_forecast_counts_what_one_run_after_another_would_send(seed: int, calendar: HolidayCalendar | None) -> None:
    users = sample_customers(TODAY, 400, seed)
    by = SAMPLE_RULES if calendar is None else rules(-7, -3, 0, calendar=calendar, attribute=(SAMPLE_ATTRIBUTE,))
    days = [day for day in coming(14) if by.stages.calendar.why_closed(day) is None]

    assert forecast(users, days, by).counts == day_by_day(users, days, by)


def test_pages_of_any_size_make_no_difference() -> None:
    users = sample_customers(TODAY, 300, 5)

    assert forecast(users, coming(10), SAMPLE_RULES, 7).counts == forecast(users, coming(10), SAMPLE_RULES, 300).counts


def test_two_accounts_with_one_address_count_once_on_whatever_pages() -> None:
    value = obligation_json("2026-12-02", ref="INV-1")
    users = [graph_user(value, who=who, mail="same@example.com") for who in (ALICE, BOB, DMITRI)]

    assert sum(sum(counts.values()) for counts in forecast(users, coming(7), rules(-3), 1).counts.values()) == 1


def test_one_reference_of_two_addresses_is_two_notices() -> None:
    value = obligation_json("2026-12-02", ref="INV-1")
    users = [graph_user(value, who=who, mail=f"{who}@example.com") for who in (ALICE, BOB)]

    assert sum(sum(counts.values()) for counts in forecast(users, coming(7), rules(-3), 1).counts.values()) == 2


def test_a_pause_that_ends_lets_the_notice_go_late() -> None:
    user = graph_user(obligation_json("2026-11-27", pausedUntil="2026-11-25"))

    counts = forecast([user], coming(4), rules(-3)).counts

    assert counts == {TODAY: {}, on("2026-11-25"): {}, on("2026-11-26"): {-3: 1}, on("2026-11-27"): {}}


def services(
    users: Sequence[Mapping[str, Any]], clock: MovableClock, attribute: str = SAMPLE_ATTRIBUTE
) -> tuple[Services, FakeStorage, FakeDirectory]:
    storage, directory = FakeStorage(), FakeDirectory(users, attribute=attribute, page_size=100)
    return Services(lambda: directory, storage, clock), storage, directory


SAMPLE_POLICY = policy(rules=SAMPLE_RULES)


def test_looking_ahead_agrees_with_the_runs_that_follow_and_writes_nothing(clock: MovableClock) -> None:
    users = sample_customers(TODAY, 400, 2)
    of_run, storage, _ = services(users, clock)

    foreseen = look_ahead(SAMPLE_POLICY, of_run, 7)

    assert (storage.ledger.writes, storage.queue.messages) == (0, [])
    for day in foreseen:
        report = send_due_notices(SAMPLE_POLICY, of_run)
        assert report.business_date == day.date
        assert report.stages == {str(stage): count for stage, count in day.stages.items()}
        clock.move(days=1)


def test_after_todays_run_the_next_day_counts_only_what_is_new(clock: MovableClock) -> None:
    users = sample_customers(TODAY, 400, 2)
    of_run, _, _ = services(users, clock)
    send_due_notices(SAMPLE_POLICY, of_run)

    today, tomorrow = look_ahead(SAMPLE_POLICY, of_run, 2)
    clock.move(days=1)

    assert (today.stages, today.closed) == ({}, "today's run is completed")
    assert sum(tomorrow.stages.values()) == send_due_notices(SAMPLE_POLICY, of_run).sent


def test_what_the_ledger_has_does_not_come_again(clock: MovableClock) -> None:
    of_run, storage, _ = services([graph_user("2026-12-01", who=ALICE)], clock, ATTRIBUTE)
    plain = policy(-7)
    before = look_ahead(plain, of_run, 1)
    send_due_notices(plain, of_run)
    storage.ledger.records.clear()

    assert [day.stages for day in (*before, *look_ahead(plain, of_run, 1))] == [{-7: 1}, {}]


def test_closed_days_and_a_day_that_is_over_say_why(clock: MovableClock) -> None:
    german = policy(-1, calendar=HolidayCalendar("DE"))
    clock.move_to(datetime(2026, 11, 27, 18, tzinfo=UTC))  # Friday, the window is over

    found = look_ahead(german, services([graph_user("2026-12-01")], clock, ATTRIBUTE)[0], 5)

    assert [day.closed for day in found] == ["today's send window is over", "weekend", "weekend", None, None]
    assert [day.stages for day in found] == [{}, {}, {}, {-1: 1}, {}]


def test_nothing_but_closed_days_asks_the_directory_nothing(clock: MovableClock) -> None:
    german = policy(calendar=HolidayCalendar("DE"))
    clock.move_to(datetime(2026, 11, 28, 9, tzinfo=UTC))
    of_run, _, directory = services([], clock)

    assert [day.closed for day in look_ahead(german, of_run, 2)] == ["weekend", "weekend"]
    assert directory.requests == 0


def test_a_listing_that_begins_again_counts_nobody_twice(clock: MovableClock) -> None:
    users = sample_customers(TODAY, 300, 2)
    of_run, _, directory = services(users, clock)
    whole = look_ahead(SAMPLE_POLICY, of_run, 5)
    directory.faults.on(3, error=ListingExpired("lost"))

    assert look_ahead(SAMPLE_POLICY, of_run, 5) == whole
    assert sum(sum(day.stages.values()) for day in whole)


def test_who_is_gone_when_the_listing_begins_again_is_not_counted(clock: MovableClock) -> None:
    of_run, _, directory = services(sample_customers(TODAY, 300, 2), clock)
    directory.faults.on(3, error=ListingExpired("lost"))

    def forget_all() -> None:
        if directory.requests == 3:
            directory.users = []

    directory.before_page = forget_all

    assert [day.stages for day in look_ahead(SAMPLE_POLICY, of_run, 5)] == [{}] * 5


def test_a_claim_of_a_dead_run_is_still_owed(clock: MovableClock) -> None:
    of_run, storage, _ = services([graph_user("2026-12-01", who=ALICE) | {SAMPLE_ATTRIBUTE: "2026-12-01"}], clock)
    only: Policy = policy(rules=rules(-7, attribute=(SAMPLE_ATTRIBUTE,)))
    (notice,) = plan_notices(of_run.open_directory().pages(), only.rules, Day(TODAY)).notices

    import asyncio

    row = ClaimRow(notice.row, notice.id, ALICE, has_reference=False, message_hash="")
    asyncio.run(storage.ledger.take_ownership())
    asyncio.run(storage.ledger.claim(notice.partition, [row], Claim("dead", clock.now(), TODAY), clock.now()))
    asyncio.run(storage.ledger.record_run(run_report(TODAY, "failed")))

    assert [day.stages for day in look_ahead(only, of_run, 1)] == [{-7: 1}]
