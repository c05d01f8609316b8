"""A completed day is looked at again where an operator or a setting asks for it; what was missed is sent once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from due_notices.commands.status.gather import look_around
from due_notices.commands.status.verdict import Level, Verdict, judge
from due_notices.errors import DirectoryError
from due_notices.report import Outcome
from due_notices.run import Wish
from tests.factories import obligation_json, run_report
from tests.run.world import TODAY, World, customer, customers, in_days


def stages_sent(world: World) -> list[int]:
    return [event["data"]["stage"] for event in world.events]


def test_a_value_corrected_after_the_days_run_is_sent_the_same_day_by_running_again() -> None:
    world = World([customer(1, due="soon"), customer(2)])
    assert world.run().sent == 1
    world.directory.users = [customer(1, due=in_days(0)), customer(2)]
    world.next_tick()

    assert world.run().outcome is Outcome.ALREADY_COMPLETED
    report = world.run(Wish.AGAIN)

    assert (report.outcome, report.sent, report.already_sent) == (Outcome.COMPLETED, 1, 1)
    assert stages_sent(world) == [-7, 0]


def test_the_timer_looks_again_after_so_many_hours() -> None:
    world = World([customer(1, due="soon")])
    again = timedelta(hours=2)
    world.run(look_again=again)
    world.directory.users = [customer(1, due=in_days(0))]

    world.next_tick()
    assert world.run(look_again=again).outcome is Outcome.ALREADY_COMPLETED
    world.next_tick()
    report = world.run(look_again=again)
    world.next_tick()

    assert (report.outcome, report.sent) == (Outcome.COMPLETED, 1)
    assert world.run(look_again=again).outcome is Outcome.ALREADY_COMPLETED


def test_a_day_that_was_completed_stays_so_whatever_becomes_of_the_second_look() -> None:
    world = World([customer(1, due="soon")])
    world.run()
    world.directory.users = customers(3)

    assert world.run(Wish.AGAIN, limit=0).outcome is Outcome.LIMIT

    record = world.record
    assert record is not None
    assert (record.completed, record.obligations, record.owed) == (True, 3, 3)


def stop_at_the_limit(world: World) -> None:
    assert world.run(Wish.AGAIN, limit=0).outcome is Outcome.LIMIT


def test_run_missed_over_the_limit_says_how_the_notices_are_sent_after_all() -> None:
    world = World(customers(3, due=in_days(-5)))
    world.record_run(TODAY - timedelta(days=1))

    stopped = world.run(Wish.MISSED, limit=1)

    assert stopped.outcome is Outcome.LIMIT
    assert "preview --missed" in (stopped.error or "")
    assert "run --missed" in (stopped.error or "")
    assert "next tick" not in (stopped.error or "")
    assert world.run(limit=1).sent == 0


def fail_to_read(world: World) -> None:
    world.directory.faults.on(1, error=DirectoryError("Graph is away"))
    assert world.run(Wish.AGAIN).outcome is Outcome.FAILED


def be_killed(world: World) -> None:
    world.storage.ledger.records[TODAY, "killed"] = run_report(TODAY, "began", at=world.clock.now())


@pytest.mark.parametrize(
    ("stop", "finding"), [(stop_at_the_limit, "limit"), (fail_to_read, "run-failed"), (be_killed, "run-failed")]
)
def test_a_second_look_that_did_not_end_well_is_a_finding_until_the_next_tick_has_gone_on(
    stop: Callable[[World], None], finding: str
) -> None:
    def verdict() -> Verdict:
        return judge(look_around(world.policy, world.services))

    world = World([customer(1, due="soon"), *customers(10)[1:]])
    world.run()
    world.directory.users = customers(10)
    world.next_tick()
    stop(world)
    world.next_tick()

    assert (world.record is not None and world.record.completed, verdict().level) == (True, Level.ACT)
    assert [found.name for found in verdict().findings] == [finding]

    report = world.run()

    assert (report.outcome, report.sent) == (Outcome.COMPLETED, 1)
    assert verdict().level < Level.ACT
    world.next_tick()
    assert world.run().outcome is Outcome.ALREADY_COMPLETED


def test_the_figures_of_a_day_add_up_what_was_done_and_show_what_was_seen_last() -> None:
    world = World(customers(3))
    requests = world.run().graph_requests
    world.directory.users = [*customers(5), customer(9, due=in_days(30)), customer(10, due="soon")]
    second = world.run(Wish.AGAIN)

    record = world.record

    assert record is not None
    requests += second.graph_requests
    assert (record.sent, record.stages, record.graph_requests) == (5, {"-7": 5}, requests)
    assert (record.owed, record.already_sent, record.not_yet, record.skipped) == (2, 3, 1, {"malformed": 1})
    assert record == replace(second, sent=5, stages={"-7": 5}, graph_requests=requests)


def test_what_is_usual_is_that_of_the_days_before() -> None:
    world = World(customers(3))
    world.record_run(TODAY - timedelta(days=1), sent=40)
    world.run()

    assert world.run(Wish.AGAIN).usual_owed == 40


def test_an_obligation_that_appears_after_its_last_chance_is_missed_named_and_sent_once_by_run_missed() -> None:
    world = World([customer(1, due=in_days(-5)), customer(2, due=in_days(30))])
    world.record_run(TODAY - timedelta(days=1))

    report = world.run()

    assert (report.sent, report.missed, report.expired, report.not_yet) == (0, 1, 0, 1)
    (named,) = [text for text in world.watcher.details if text.startswith("missed")]
    assert "user-00001" in named
    assert [one.user_id for one in world.preview().plan.given_up] == ["user-00001"]

    sent = world.run(Wish.MISSED)

    assert (sent.sent, sent.late, sent.missed) == (1, 1, 0)
    assert stages_sent(world) == [0]
    assert world.run(Wish.MISSED).sent == 0
    assert not world.preview().plan.given_up


def test_a_dispute_that_ends_after_the_last_chance_is_missed_and_named() -> None:
    due = in_days(0)
    world = World([customer(1, due=obligation_json(due, status="disputed"))])
    for _ in range(5):
        assert world.run().skipped == {"disputed": 1}
        world.clock.move(days=1)
    world.directory.users = [customer(1, due=obligation_json(due))]

    report = world.run()

    assert (report.sent, report.missed, report.over) == (0, 1, 0)
    assert any("user-00001" in text for text in world.watcher.details if text.startswith("missed"))
    assert world.run(Wish.MISSED).sent == 1


def test_the_log_promises_no_notice_where_no_stage_is_left() -> None:
    paused = obligation_json(str(TODAY - timedelta(days=450)), pausedUntil=str(TODAY - timedelta(days=2)))
    world = World([customer(1, due=paused)])
    world.record_run(TODAY - timedelta(days=1))

    report = world.run()

    assert report.expired == 1
    (named,) = [text for text in world.watcher.details if text.startswith("expired")]
    assert "a notice for 0 of them; by user: user-00001" in named
    assert world.run(Wish.MISSED).sent == 0


def test_thousands_of_missed_ones_are_named_on_lines_that_are_not_cut() -> None:
    world = World(customers(1_000, due=in_days(-5)), page_size=999)
    world.record_run(TODAY - timedelta(days=1))

    report = world.run()

    lines = [text for text in world.watcher.details if text.startswith("missed")]
    assert report.missed == 1_000
    assert len(lines) == 4
    assert max(map(len, lines)) < 32_768
    assert all(sum(f"user-{number:05d}" in line for line in lines) == 1 for number in range(0, 1_000, 37))
    assert len(report.log_line()) < 2_000


def test_a_record_keeps_the_rules_and_how_far_they_asked() -> None:
    world = World(customers(1))

    report = world.run()

    (kept,) = world.storage.ledger.records.values()
    assert (kept.reach, kept.rules_digest) == (report.reach, world.policy.rules.digest)
    assert kept.reach is not None
    assert kept.reach < TODAY - timedelta(days=30)


def test_the_batch_counts_what_was_sent_earlier_in_the_day_though_it_is_paid_since() -> None:
    first, second, third = in_days(0), in_days(1), in_days(3)
    world = World([customer(1, due=[first, second])])
    world.run()
    paid = [obligation_json(due, status="paid") for due in (first, second)]
    world.directory.users = [customer(1, due=[*paid, third])]

    assert world.run(Wish.AGAIN).sent == 1

    assert [event["data"]["batch"]["size"] for event in world.events] == [2, 2, 3]
    assert len({event["data"]["batch"]["id"] for event in world.events}) == 1
