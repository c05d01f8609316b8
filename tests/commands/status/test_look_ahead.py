"""The numbers of the coming days: what so many runs, one after another, would send, from one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from due_notices.calendars import HolidayCalendar
from due_notices.commands.status.gather import look_ahead
from due_notices.errors import ListingExpired
from due_notices.run import send_due_notices
from due_notices.services import Services
from local.customers import SAMPLE_ATTRIBUTE, sample_customers
from tests.factories import (
    ALICE,
    ATTRIBUTE,
    BOB,
    DMITRI,
    graph_user,
    obligation_json,
    policy,
    rules,
)
from tests.fakes import START, FakeDirectory, FakeStorage, MovableClock
from tests.run.world import World, customer, in_days

TODAY = START.date()  # a Tuesday
SAMPLE_RULES = rules(-7, -3, -1, 0, 3, attribute=(SAMPLE_ATTRIBUTE,))


def services(
    users: Sequence[Mapping[str, Any]], clock: MovableClock, attribute: str = SAMPLE_ATTRIBUTE
) -> tuple[Services, FakeStorage, FakeDirectory]:
    storage, directory = FakeStorage(), FakeDirectory(users, attribute=attribute, page_size=100)
    return Services(lambda: directory, storage, clock), storage, directory


SAMPLE_POLICY = policy(rules=SAMPLE_RULES)


def test_looking_ahead_agrees_with_the_runs_that_follow_and_writes_nothing(clock: MovableClock) -> None:
    users = sample_customers(TODAY, 400, 2)
    of_run, storage, _ = services(users, clock)

    foreseen = look_ahead(SAMPLE_POLICY, of_run, 7).days

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

    today, tomorrow = look_ahead(SAMPLE_POLICY, of_run, 2).days
    clock.move(days=1)

    assert (today.stages, today.closed) == ({}, "today's run is completed")
    assert sum(tomorrow.stages.values()) == send_due_notices(SAMPLE_POLICY, of_run).sent


def test_what_the_ledger_has_does_not_come_again(clock: MovableClock) -> None:
    of_run, storage, _ = services([graph_user("2026-12-01", who=ALICE)], clock, ATTRIBUTE)
    plain = policy(-7)
    before = look_ahead(plain, of_run, 1).days
    send_due_notices(plain, of_run)
    storage.ledger.records.clear()

    assert [day.stages for day in (*before, *look_ahead(plain, of_run, 1).days)] == [{-7: 1}, {}]


def test_closed_days_and_a_day_that_is_over_say_why(clock: MovableClock) -> None:
    german = policy(-1, calendar=HolidayCalendar("DE"))
    clock.move_to(datetime(2026, 11, 27, 18, tzinfo=UTC))  # Friday, the window is over

    found = look_ahead(german, services([graph_user("2026-12-01")], clock, ATTRIBUTE)[0], 5).days

    assert [day.closed for day in found] == ["today's send window is over", "weekend", "weekend", None, None]
    assert [day.stages for day in found] == [{}, {}, {}, {-1: 1}, {}]


def test_nothing_but_closed_days_asks_the_directory_nothing(clock: MovableClock) -> None:
    german = policy(calendar=HolidayCalendar("DE"))
    clock.move_to(datetime(2026, 11, 28, 9, tzinfo=UTC))
    of_run, _, directory = services([], clock)

    assert [day.closed for day in look_ahead(german, of_run, 2).days] == ["weekend", "weekend"]
    assert directory.requests == 0


def test_a_listing_that_begins_again_counts_nobody_twice(clock: MovableClock) -> None:
    users = sample_customers(TODAY, 300, 2)
    of_run, _, directory = services(users, clock)
    whole = look_ahead(SAMPLE_POLICY, of_run, 5).days
    directory.faults.on(3, error=ListingExpired("lost"))

    assert look_ahead(SAMPLE_POLICY, of_run, 5).days == whole
    assert sum(sum(day.stages.values()) for day in whole)


def test_who_is_gone_when_the_listing_begins_again_is_not_counted(clock: MovableClock) -> None:
    of_run, _, directory = services(sample_customers(TODAY, 300, 2), clock)
    directory.faults.on(3, error=ListingExpired("lost"))

    def forget_all() -> None:
        if directory.requests == 3:
            directory.users = []

    directory.before_page = forget_all

    assert [day.stages for day in look_ahead(SAMPLE_POLICY, of_run, 5).days] == [{}] * 5


def test_what_a_late_step_pushes_away_is_seen_ahead(clock: MovableClock) -> None:
    of_run, _, _ = services([graph_user("2026-11-20")], clock, ATTRIBUTE)  # steps on 23 and 27 November, and no run

    found = look_ahead(policy(3, 7), of_run, 7).days

    assert {day.date.day: dict(day.stages) for day in found if day.stages} == {24: {3: 1}, 28: {7: 1}}


def test_a_pause_that_ends_lets_the_notice_go_late(clock: MovableClock) -> None:
    user = graph_user(obligation_json("2026-11-27", pausedUntil="2026-11-25"))
    of_run, _, _ = services([user], clock, ATTRIBUTE)

    assert [day.stages for day in look_ahead(policy(-3), of_run, 4).days] == [{}, {}, {-3: 1}, {}]


def test_two_accounts_with_one_address_count_as_two(clock: MovableClock) -> None:
    value = obligation_json("2026-12-02", ref="INV-1")
    users = [graph_user(value, who=who, mail="same@example.com") for who in (ALICE, BOB, DMITRI)]
    of_run, _, _ = services(users, clock, ATTRIBUTE)

    assert sum(sum(day.stages.values()) for day in look_ahead(policy(-3), of_run, 7).days) == 3


def test_a_claim_of_a_dead_run_is_still_owed(clock: MovableClock) -> None:
    world = World([customer(1, due=in_days(7))], clock=clock)
    world.claim_by_another(clock.now())

    assert [day.stages for day in look_ahead(world.policy, world.services, 1).days] == [{-7: 1}]
