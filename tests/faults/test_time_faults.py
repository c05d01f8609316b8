"""A host that is down for days, a tick in the hour that occurs twice, midnight, and the host's time limit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from due_notices.report import Outcome, RunReport
from due_notices.stages import SendWindow
from local.expected import DEFAULTS, Past, expected
from tests.fakes import START, MovableClock
from tests.faults.figures import figures, figures_expected
from tests.run.world import POLICY, TODAY, World, customer, customers, in_days

OFFSETS = range(-8, 15)
"""Days from the first run's date on which somebody owes."""


def on_queue(world: World) -> list[str]:
    return [json.loads(text)["id"] for text in world.storage.queue.messages]


@pytest.mark.parametrize("days_down", range(1, 7))
def test_after_days_without_the_host_a_run_sends_and_counts_what_a_second_calculation_says(days_down: int) -> None:
    world = World([customer(100 + offset, due=in_days(offset)) for offset in OFFSETS])
    first = expected(world.users, "due", TODAY)
    assert world.run().outcome is Outcome.COMPLETED
    back = TODAY + timedelta(days=days_down + 1)
    world.clock.move(days=days_down + 1)

    report = world.run()

    second = expected(world.users, "due", back, DEFAULTS, Past(TODAY + timedelta(days=1)), first.rows(TODAY))
    assert sorted(on_queue(world)) == sorted([*first.notices, *second.notices])
    assert (report.sent, report.late, report.superseded) == (len(second.notices), second.late, second.superseded)
    assert figures(report.to_dict()) == figures_expected(second)


def test_an_outage_within_the_catch_up_window_loses_no_stage_that_nothing_came_after() -> None:
    world = World([customer(1, due=in_days(1))], policy=replace(POLICY, rules=replace(POLICY.rules)))
    world.record_run(TODAY - timedelta(days=1))
    world.clock.move(days=1 + DEFAULTS.catch_up)

    report = world.run()

    assert (report.sent, report.late, report.expired) == (1, 1, 0)
    world.clock.move(days=1)
    assert world.run().sent == 0


def test_ticks_in_the_hour_that_occurs_twice_send_once() -> None:
    zone = ZoneInfo("Europe/Berlin")  # 25 October 2026: 02:00 to 03:00 twice
    policy = replace(POLICY, rules=replace(POLICY.rules, time_zone=zone), window=SendWindow.parse("02:00-03:00"))
    first_hour = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    users = [customer(number, due="2026-10-25") for number in range(5)]
    world = World(users, policy=policy, clock=MovableClock(first_hour))
    assert [moment.astimezone(zone).hour for moment in (first_hour, first_hour + timedelta(hours=1))] == [2, 2]

    outcomes = [world.run().outcome]
    world.clock.move(hours=1)
    outcomes.append(world.run().outcome)
    world.clock.move(hours=1)
    outcomes.append(world.run().outcome)

    assert outcomes == [Outcome.COMPLETED, Outcome.ALREADY_COMPLETED, Outcome.OUTSIDE_WINDOW]
    assert len(on_queue(world)) == 5


@pytest.mark.parametrize("while_it", ["reads", "sends"])
def test_a_run_over_midnight_keeps_its_business_date_and_the_next_day_repeats_nothing(while_it: str) -> None:
    policy = replace(POLICY, window=SendWindow.parse("00:00-24:00"))
    midnight = datetime.combine(TODAY + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    world = World(customers(30), policy=policy, clock=MovableClock(midnight - timedelta(minutes=1)))
    calls: list[object] = []

    def over_midnight(*call: object) -> None:
        calls.append(call)
        if len(calls) == 2:
            world.clock.move(minutes=2)

    if while_it == "reads":
        world.directory.before_page = over_midnight
    else:
        world.storage.queue.before_send = over_midnight

    first = world.run()

    assert world.clock.now() > midnight
    assert first.business_date == TODAY
    assert first.outcome is Outcome.COMPLETED
    assert {json.loads(text)["data"]["daysUntilDue"] for text in world.storage.queue.messages} == {7}
    second = world.run()
    assert (second.business_date, second.sent, second.already_sent) == (TODAY + timedelta(days=1), 0, 30)


def test_a_run_near_the_time_limit_stops_between_chunks_and_ticks_go_on_until_the_day_is_done() -> None:
    world = World(customers(5000), page_size=999)
    world.storage.queue.before_send = lambda _: world.clock.move(seconds=0.4)
    reports: list[RunReport] = []

    while not reports or reports[-1].outcome is not Outcome.COMPLETED:
        began = world.clock.now()
        reports.append(world.run())
        assert world.clock.now() - began < timedelta(minutes=30)  # functionTimeout in host.json
        world.clock.move_to(max(world.clock.now(), START + timedelta(hours=len(reports))))

    assert len(reports) > 1
    assert all("near the host's time limit" in (report.error or "") for report in reports[:-1])
    assert sorted(on_queue(world)) == sorted(expected(world.users, "due", TODAY).notices)
    assert world.storage.ledger.claimed == set()
