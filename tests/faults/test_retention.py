"""The ledger forgets what is old, and never what could still be asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from due_notices.calendars import ONE_DAY, BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.errors import StorageError
from due_notices.ladder import Case, CompletedRun, day_of, decide, is_asked, longest_look_back, unasked
from due_notices.planning import Rules
from due_notices.policy import MOST_CATCH_UP_DAYS, Policy
from due_notices.ports import Claim
from due_notices.report import Outcome
from due_notices.stages import Stages
from local.expected import expected
from tests import factories
from tests.contract.ledger_rows import claim_rows, key
from tests.fakes import START
from tests.run.world import POLICY, TODAY, World, customer, customers

CALENDARS: tuple[BusinessCalendar, ...] = (
    EveryDay(),
    HolidayCalendar("DE"),
    HolidayCalendar("CN"),
    HolidayCalendar("SA"),
)
STAGES = st.lists(st.integers(-365, 365), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return a policy as the settings accept it: the ledger remembers at least as long as a run may look back."""
    catch_up, calendar = draw(st.integers(0, MOST_CATCH_UP_DAYS)), draw(st.sampled_from(CALENDARS))
    days = draw(STAGES)
    stages = Stages(days, catch_up, calendar, max(30, 2 * max(days[-1], 0) + 14))
    kept = longest_look_back(stages) + draw(st.integers(0, 100))
    rules = Rules(replace(stages, retention_days=kept), ZoneInfo("UTC"), ("due",))
    return factories.policy(rules=rules)


@given(policies(), st.dates(date(2000, 1, 1), date(2080, 1, 1)), st.integers(1, 1000), st.integers(1, 4000))
@settings(max_examples=300)
def test_nothing_forgotten_is_ever_asked_for_again(
    policy: Policy, completed: date, days_later: int, days_before: int
) -> None:
    """Whatever the settings and the outage: what was forgotten after a completed run is over for every later one."""
    stages, done = policy.rules.stages, day_of(completed, policy.rules.stages)
    forgotten = policy.forget_before(completed, done.reach) - timedelta(days=days_before)

    later = day_of(completed + timedelta(days=days_later), stages, [CompletedRun(completed, "", done.own_reach)])

    assert not is_asked(stages, later, forgotten)
    assert unasked(stages, later, forgotten) == "over"


@given(policies(), st.dates(date(2000, 1, 1), date(2080, 1, 1)), st.data())
@settings(max_examples=300)
def test_nothing_forgotten_is_sent_again_whatever_pauses_and_changes_of_rules(
    policy: Policy, completed: date, data: st.DataObject
) -> None:
    """Runs of some days, each under the rules of the one before or under others; then one that may have forgotten."""
    stages, runs = policy.rules.stages, list[CompletedRun]()
    for name in data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=2, max_size=4)):
        done = day_of(completed, stages, runs, name)
        runs.append(CompletedRun(completed, name, done.own_reach))
        completed += data.draw(st.sampled_from([1, 1, 1, 2, 30])) * ONE_DAY
    later = day_of(completed, stages, runs, data.draw(st.sampled_from(["a", "b"])))
    due = policy.forget_before(done.business_date, done.reach) - data.draw(st.integers(1, 60)) * ONE_DAY
    paused_until = later.reach + data.draw(st.integers(-2, 90)) * ONE_DAY
    assume(paused_until < later.business_date and is_asked(stages, later, due, paused_until))

    decision = decide(stages, later, Case(due, paused_until))

    assert decision.state != "owed"
    assert decision.stage is None


@given(policies(), st.dates(date(2000, 1, 1), date(2080, 1, 1)))
@settings(max_examples=20)
def test_every_due_date_that_is_asked_for_is_kept(policy: Policy, today: date) -> None:
    day = day_of(today, policy.rules.stages, [CompletedRun(today - ONE_DAY, "other rules")], "rules")

    assert policy.forget_before(today, day.reach) <= day.reach


def test_the_retention_counts_from_the_due_date() -> None:
    policy = factories.policy(retention_days=400)

    assert policy.forget_before(date(2027, 1, 6), date(2026, 10, 1)) == date(2025, 12, 1)


def test_what_is_asked_for_far_back_is_remembered_longer() -> None:
    policy = factories.policy(retention_days=400)

    assert policy.forget_before(TODAY, TODAY - timedelta(days=900)) == TODAY - timedelta(days=900)


async def fill(world: World, due: date, count: int, on: date) -> None:
    for start in range(0, count, 100):
        rows = claim_rows([key(number, 0) for number in range(start, min(start + 100, count))])
        await world.storage.ledger.claim(due.isoformat(), rows, Claim("a claim", START, on), START)


OLD = POLICY.forget_before(TODAY, TODAY) - ONE_DAY


async def old_world(count: int = 250, **fields: object) -> World:
    world = World(customers(3), **fields)  # type: ignore[arg-type]
    await fill(world, OLD, count, OLD)
    await fill(world, OLD + ONE_DAY, 2, OLD)
    world.record_run(OLD)
    return world


def left(world: World) -> int:
    return len(world.storage.ledger.rows[str(OLD)])


@pytest.fixture
def world(runner: object) -> World:
    return runner.run(old_world())  # type: ignore[attr-defined, no-any-return]


def test_a_completed_run_forgets_what_is_old_and_says_so(world: World) -> None:
    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert left(world) == 0
    assert len(world.storage.ledger.rows[str(OLD + ONE_DAY)]) == 2
    assert {day for day, _ in world.storage.ledger.records} == {TODAY}
    assert f"the ledger forgot entries from before {OLD + ONE_DAY}: 251" in world.watcher.details


def test_a_run_that_is_not_completed_forgets_nothing(world: World) -> None:
    assert world.run(limit=1).outcome is Outcome.LIMIT

    assert left(world) == 250
    assert world.run().outcome is Outcome.COMPLETED
    assert world.run().outcome is Outcome.ALREADY_COMPLETED
    assert world.storage.ledger.failures["forget"].calls == 1  # the completed run's


def test_forgetting_that_fails_does_not_fail_the_day_and_is_said(world: World) -> None:
    world.storage.ledger.failures["forget"].always = StorageError("the ledger table cannot be used")

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert report.error is None
    assert any("LEDGER_RETENTION_DAYS failed: the ledger table cannot be used" in said for said in world.watcher.said)
    world.storage.ledger.failures["forget"].always = None
    world.clock.move(days=1)
    assert world.run().outcome is Outcome.COMPLETED
    assert left(world) == 0


def test_forgetting_ends_in_time_and_the_next_day_goes_on(world: World) -> None:
    world.storage.ledger.clock = world.clock
    world.storage.queue.before_send = lambda _: world.clock.move(minutes=1)

    assert world.run(longest=timedelta(minutes=3)).outcome is Outcome.COMPLETED

    assert left(world) == 250
    world.storage.queue.before_send = lambda _: None
    world.clock.move(days=1)
    world.run()
    assert left(world) == 0


def test_the_report_is_out_before_anything_is_forgotten(world: World) -> None:
    outcomes: list[Outcome] = []
    forget = world.storage.ledger.forget

    async def watched(*arguments: Any, **options: Any) -> int:
        outcomes.extend(report.outcome for report in world.watcher.reports)
        return await forget(*arguments, **options)

    world.storage.ledger.forget = watched  # type: ignore[method-assign]

    world.run()

    assert outcomes == [Outcome.COMPLETED]
    assert len(world.watcher.reports) == 1


def test_an_obligation_whose_row_was_forgotten_is_not_sent_again() -> None:
    world = World([customer(1, due=str(TODAY)), customer(2, due=str(TODAY + timedelta(days=3000)))])
    assert world.run().sent == 1

    world.clock.move(days=(TODAY - OLD).days + 2)
    assert world.run().outcome is Outcome.COMPLETED

    assert world.storage.ledger.sent_ids == set()
    world.clock.move(days=1)
    assert world.run().sent == 0
    assert len(world.storage.queue.messages) == 1
    assert len(expected(world.users, "due", TODAY).notices) == 1
