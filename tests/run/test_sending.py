"""Every owed notice on the queue, once as far as can be known; and every failure said."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from due_notices.delivery import CHUNK, CHUNKS_AT_A_TIME, FAILURES_IN_A_ROW, SENDS_AT_A_TIME
from due_notices.errors import DirectoryError, SendError, StorageError
from due_notices.report import Outcome, RunReport
from due_notices.stages import SendWindow
from tests.factories import ClosedOn, notice_schema
from tests.run.world import TODAY, World, customer, customers, in_days

PERHAPS = SendError("no answer whether the queue took a message", accepted_perhaps=True)
CERTAINLY_NOT = SendError("the queue refused a message", accepted_perhaps=False)
BROKEN = StorageError("the queue cannot be used: create it")


# A day like any other.


def test_every_owed_notice_is_on_the_queue_and_remembered() -> None:
    world = World([*customers(25), customer(90, due=in_days(5)), customer(91, due=in_days(0))])

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert report.ok
    assert (report.owed, report.sent, report.failed, report.already_sent) == (26 + 1, 27, 0, 0)
    assert report.stages == {"-7": 26, "0": 1}
    assert report.late == 1
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert len(set(world.ids)) == 27
    assert world.watcher.to_send == 27
    assert report.waiting.queue == 27
    validator = jsonschema.Draft202012Validator(json.loads(notice_schema()))
    for event in world.events:
        validator.validate(event)


def test_due_dates_take_turns_because_each_takes_only_so_much_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("due_notices.delivery.CHUNKS_AT_A_TIME", 1)
    soon = [customer(number, due=in_days(0)) for number in range(1000, 1000 + 2 * CHUNK)]
    world = World([*customers(2 * CHUNK + 1), *soon])
    claim, partitions = world.storage.ledger.claim, []

    async def watched(partition: str, *rest: Any) -> Any:
        partitions.append(partition)
        return await claim(partition, *rest)

    world.storage.ledger.claim = watched  # type: ignore[assignment, method-assign]
    report = world.run()

    assert report.sent == len(set(world.ids)) == 4 * CHUNK + 1
    assert set(partitions[:2]) == set(partitions[2:4]) == {"2026-12-01", str(TODAY)}


def test_the_run_is_recorded_with_its_report() -> None:
    world = World(customers(3))

    report = world.run()

    assert world.record is not None
    assert world.record.outcome == "completed"
    assert world.record == RunReport.from_dict(report.to_dict())


def test_the_ledger_remembers_which_message_and_when() -> None:
    world = World(customers(1))

    world.run()

    (entry,) = world.storage.ledger.rows["2026-12-01"].values()
    assert entry.message_id == "message-1"
    assert entry.user_id == "user-00000"
    assert entry.sent_at == world.clock.now()


def test_a_completed_day_is_not_run_again() -> None:
    world = World(customers(3))
    world.run()
    world.next_tick()
    writes = world.storage.ledger.writes

    report = world.run()

    assert report.outcome is Outcome.ALREADY_COMPLETED
    assert report.ok
    assert world.directories == 1
    assert world.storage.ledger.writes == writes
    assert len(world.ids) == 3
    assert world.record is not None
    assert world.record.sent == 3


def test_the_next_day_sends_only_what_is_new() -> None:
    world = World(customers(3))
    world.run()
    world.clock.move(days=1)
    world.directory.users = [*customers(3), customer(7, due=in_days(8)), customer(8, due=in_days(4))]

    report = world.run()

    assert (report.outcome, report.sent, report.already_sent) == (Outcome.COMPLETED, 2, 3)
    assert report.stages == {"-7": 1, "-3": 1}
    assert len(set(world.ids)) == 5


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 24, 7, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 24, 18, tzinfo=UTC),
        datetime(2026, 11, 24, 23, tzinfo=UTC),
    ],
)
def test_outside_the_window_nothing_happens_and_nothing_is_recorded(moment: datetime) -> None:
    world = World(customers(3))
    world.clock.__init__(moment)  # type: ignore[misc]

    report = world.run()

    assert report.outcome is Outcome.OUTSIDE_WINDOW
    assert report.ok
    assert "outside the send window" in str(report.note)
    assert (world.storage.opened, world.directories) == (0, 0)
    assert world.storage.ledger.records == {}


def test_on_a_day_that_is_no_business_day_nothing_happens() -> None:
    from dataclasses import replace

    world = World(customers(3))
    rules = world.policy.rules
    closed = replace(rules, stages=replace(rules.stages, calendar=ClosedOn([TODAY])))

    report = world.run(rules=closed)

    assert report.outcome is Outcome.OUTSIDE_WINDOW
    assert "no business day: strike" in str(report.note)
    assert (world.storage.opened, world.directories) == (0, 0)


def test_a_limit_that_is_exceeded_sends_nothing() -> None:
    world = World(customers(11))

    report = world.run(limit=10)

    assert report.outcome is Outcome.LIMIT
    assert not report.ok
    assert (report.owed, report.sent, report.failed) == (11, 0, 0)
    assert "11 notices are owed and NOTICE_LIMIT is 10" in str(report.error)
    assert world.storage.queue.messages == []
    assert world.storage.ledger.writes == 0
    assert world.record is not None
    assert world.record.outcome == "limit"


def test_a_limit_that_is_just_reached_sends_and_one_that_is_raised_repairs_the_day() -> None:
    world = World(customers(10))
    assert world.run(limit=9).outcome is Outcome.LIMIT
    world.next_tick()

    assert world.run(limit=10).outcome is Outcome.COMPLETED
    assert len(set(world.ids)) == 10


def test_the_limit_counts_what_is_owed_not_what_was_sent_before() -> None:
    world = World(customers(10))
    world.run()
    world.clock.move(days=1)
    world.directory.users = [*customers(10), customer(50, due=in_days(8))]

    assert world.run(limit=5).outcome is Outcome.COMPLETED


def test_a_notice_too_large_for_a_message_is_skipped_alone() -> None:
    world = World([*customers(3), customer(66, displayName="x" * 50_000)])

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert (report.owed, report.sent) == (3, 3)
    assert report.skipped == {"too-large": 1}
    assert any("user-00066" in text for text in world.watcher.details)


# Sends that fail.


def test_one_notice_that_fails_fails_alone_and_the_next_run_sends_it() -> None:
    world = World(customers(25))
    world.storage.queue.failures.on(7, error=CERTAINLY_NOT)

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert (report.owed, report.sent, report.failed) == (25, 24, 1)
    assert report.error == str(CERTAINLY_NOT)
    assert world.storage.ledger.claimed == set()
    assert world.record is not None
    assert world.record.outcome == "failed"

    world.next_tick()
    second = world.run()

    assert (second.outcome, second.owed, second.sent, second.already_sent) == (Outcome.COMPLETED, 1, 1, 24)
    assert len(world.ids) == len(set(world.ids)) == 25
    assert world.clock.waits == []


def test_a_notice_that_was_perhaps_accepted_keeps_its_claim_until_it_lapses() -> None:
    world = World(customers(5))
    world.storage.queue.failures.on(2, error=PERHAPS)

    first = world.run()

    assert (first.outcome, first.sent, first.failed) == (Outcome.FAILED, 4, 1)
    assert len(world.storage.ledger.claimed) == 1
    assert len(world.ids) == 5

    world.clock.move(minutes=5)
    second = world.run()

    assert (second.outcome, second.owed, second.sent) == (Outcome.COMPLETED, 1, 1)
    assert sum(world.clock.waits) >= 300
    (repeated,) = [identifier for identifier, count in Counter(world.ids).items() if count > 1]
    assert Counter(world.ids)[repeated] == 2
    assert len(set(world.ids)) == 5
    assert world.storage.ledger.claimed == set()


def test_the_repeat_of_a_notice_is_the_same_but_for_its_time() -> None:
    world = World(customers(1))
    world.storage.queue.failures.on(1, error=PERHAPS)
    world.run()
    world.next_tick()
    world.run()

    first, second = world.events
    assert first.pop("time") < second.pop("time")
    assert first == second


def test_many_failures_in_a_row_stop_the_run() -> None:
    world = World(customers(300))
    world.storage.queue.failures.always = CERTAINLY_NOT

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert (report.sent, report.failed) == (0, 300)
    assert FAILURES_IN_A_ROW <= world.storage.queue.failures.calls < FAILURES_IN_A_ROW + 40
    assert f"stopped after {FAILURES_IN_A_ROW} failed sends in a row" in str(report.error)
    assert str(CERTAINLY_NOT) in str(report.error)
    assert world.storage.ledger.claimed == set()


def test_failures_with_successes_between_do_not_stop_the_run() -> None:
    world = World(customers(100))
    world.storage.queue.failures.on(*range(2, 100, 2), error=CERTAINLY_NOT)

    report = world.run()

    assert (report.sent, report.failed) == (51, 49)
    assert f"{CERTAINLY_NOT} (49 times)" in str(report.error)


def test_a_queue_that_cannot_be_used_stops_the_run_at_once() -> None:
    world = World(customers(300))
    world.storage.queue.failures.always = BROKEN

    report = world.run()

    assert (report.outcome, report.sent, report.failed) == (Outcome.FAILED, 0, 300)
    assert world.storage.queue.failures.calls <= 32
    assert str(BROKEN) in str(report.error)
    assert world.storage.ledger.claimed == set()


def test_a_queue_that_breaks_in_the_middle_leaves_everything_in_order() -> None:
    world = World(customers(300))
    world.storage.queue.failures.on(*range(120, 400), error=BROKEN)

    report = world.run()

    assert (report.sent, report.failed) == (119, 181)
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert world.storage.ledger.claimed == set()

    world.storage.queue.failures.planned.clear()
    world.next_tick()
    assert world.run().sent == 181
    assert len(world.ids) == len(set(world.ids)) == 300


# Ledgers that fail.


def test_a_ledger_that_cannot_be_opened_fails_the_run() -> None:
    world = World(customers(3))
    world.storage.unopenable = StorageError("no way in")

    report = world.run()

    assert (report.outcome, report.error) == (Outcome.FAILED, "no way in")
    assert world.directories == 0


@pytest.mark.parametrize("method", ["runs", "take_ownership", "sent", "claim"])
def test_a_ledger_that_fails_before_the_send_sends_nothing(method: str) -> None:
    world = World(customers(300))
    world.storage.ledger.failures[method].always = StorageError("the ledger table cannot be used")

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert "the ledger table cannot be used" in str(report.error)
    assert world.storage.queue.messages == []


def test_a_claim_whose_answer_is_lost_is_not_sent_and_heals_after_the_lapse() -> None:
    world = World(customers(3))
    world.storage.ledger.lost_answers["claim"].on(1, error=StorageError("gone"))

    assert world.run().sent == 0
    assert len(world.storage.ledger.claimed) == 3

    world.next_tick()
    assert world.run().sent == 3
    assert len(set(world.ids)) == len(world.ids) == 3


def test_marking_that_fails_is_said_and_repeats_the_same_ids_at_the_most() -> None:
    world = World(customers(5))
    world.storage.ledger.failures["mark_sent"].on(1, error=StorageError("the ledger table cannot be used"))

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert (report.sent, report.failed) == (5, 0)
    assert "the ledger table cannot be used" in str(report.error)

    world.next_tick()
    second = world.run()

    assert (second.outcome, second.sent) == (Outcome.COMPLETED, 5)
    assert Counter(Counter(world.ids).values()) == {2: 5}


def test_a_run_that_cannot_be_recorded_fails_and_the_next_one_sends_nothing_again() -> None:
    world = World(customers(5))
    world.storage.ledger.failures["record_run"].on(2, error=StorageError("the ledger table cannot be used"))

    report = world.run()

    assert (report.outcome, report.sent) == (Outcome.FAILED, 5)
    world.next_tick()
    second = world.run()
    assert (second.outcome, second.owed, second.already_sent) == (Outcome.COMPLETED, 0, 5)
    assert len(world.ids) == 5


def test_both_errors_are_said_when_the_failed_run_cannot_be_recorded_either() -> None:
    world = World(customers(5))
    world.storage.ledger.failures["sent"].always = StorageError("reading failed")
    world.storage.ledger.failures["record_run"].on(2, error=StorageError("recording failed"))

    assert world.run().error == "reading failed; recording failed"


def test_an_error_that_sending_and_recording_share_is_said_once() -> None:
    world = World(customers(5))
    for method in ("runs", "record_run"):
        world.storage.ledger.failures[method].always = StorageError("the ledger table cannot be used")

    assert world.run().error == "the ledger table cannot be used"


# Claims of others.


def test_a_lapsed_claim_is_taken_over() -> None:
    world = World(customers(5))
    theirs = world.claim_by_another(world.clock.now() - timedelta(minutes=10))

    report = world.run()

    assert (report.outcome, report.owed, report.sent) == (Outcome.COMPLETED, 5, 5)
    assert world.ids == theirs
    assert world.clock.waits == []


def test_a_held_claim_is_waited_for_and_taken_over_when_it_lapses() -> None:
    world = World(customers(5))
    world.claim_by_another(world.clock.now() - timedelta(minutes=2))

    report = world.run()

    assert (report.outcome, report.sent) == (Outcome.COMPLETED, 5)
    assert 480 <= sum(world.clock.waits) <= 480 + 30
    assert max(world.clock.waits) <= 30
    assert any("another run has claimed notices of this run (5)" in text for text in world.watcher.said)


def test_what_another_run_sends_meanwhile_counts_as_already_sent() -> None:
    world = World(customers(5))
    world.claim_by_another(world.clock.now())

    def after_wait() -> None:
        if sum(world.clock.waits) > 20:
            world.sent_by_another()

    world.clock.after_wait = after_wait

    report = world.run()

    assert (report.outcome, report.owed, report.sent, report.already_sent) == (Outcome.COMPLETED, 0, 0, 5)
    assert world.storage.queue.messages == []


def test_what_another_run_releases_meanwhile_is_sent() -> None:
    world = World(customers(5))
    world.claim_by_another(world.clock.now())
    world.clock.after_wait = world.storage.ledger.rows.clear

    report = world.run()

    assert (report.sent, report.already_sent) == (5, 0)
    assert sum(world.clock.waits) < 60


def test_a_claim_that_lapses_while_others_are_sent_is_not_forgotten() -> None:
    world = World(customers(5))
    theirs = world.claim_by_another(world.clock.now() - timedelta(minutes=9, seconds=58))
    world.directory.users = [*customers(5), *[customer(number) for number in range(50, 60)]]
    world.storage.queue.before_send = lambda _: world.clock.move(seconds=1)

    report = world.run()

    assert (report.outcome, report.owed, report.sent, report.failed) == (Outcome.COMPLETED, 15, 15, 0)
    assert set(theirs) < set(world.ids)


def test_what_another_run_claims_between_the_look_and_the_claim_is_left_to_it() -> None:
    world = World(customers(5))

    def snatch() -> None:
        world.claim_by_another(world.clock.now())
        world.clock.after_wait = world.sent_by_another

    world.watcher.owed = lambda _: snatch()  # type: ignore[method-assign, assignment]
    watcher = world.watcher
    from due_notices.run import send_due_notices

    report = send_due_notices(world.policy, world.services, watcher)

    assert (report.outcome, report.owed, report.sent, report.already_sent) == (Outcome.COMPLETED, 0, 0, 5)


def test_claims_that_are_held_beyond_the_time_limit_are_left_to_the_next_tick() -> None:
    world = World(customers(5))
    world.claim_by_another(world.clock.now() + timedelta(hours=2))  # by a clock that is wrong

    report = world.run(longest=timedelta(minutes=3))

    assert (report.outcome, report.sent, report.failed) == (Outcome.FAILED, 0, 5)
    assert "claimed by another run" in str(report.error)
    assert sum(world.clock.waits) <= 180 + 30


# The time limit.


def test_a_run_near_its_time_limit_stops_between_chunks_and_the_next_goes_on() -> None:
    begun = CHUNK * CHUNKS_AT_A_TIME
    world = World(customers(begun + 200), page_size=999)
    world.storage.queue.before_send = lambda _: world.clock.move(seconds=0.1)

    report = world.run(longest=timedelta(seconds=30))

    assert report.outcome is Outcome.FAILED
    assert (report.sent, report.failed) == (begun, 200)
    assert "came near the host's time limit" in str(report.error)
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert world.storage.ledger.claimed == set()

    world.next_tick()
    second = world.run()
    assert (second.outcome, second.sent, second.already_sent) == (Outcome.COMPLETED, 200, begun)
    assert len(world.ids) == len(set(world.ids))


def test_notices_that_wait_behind_a_slow_queue_are_not_sent_on_an_old_claim() -> None:
    world = World(customers(100))
    world.storage.queue.before_send = lambda _: world.clock.move(seconds=10)

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert 19 <= report.sent <= 22
    assert report.failed == 100 - report.sent
    assert "waited too long" in str(report.error)
    assert world.storage.ledger.claimed == set()


# What the report compares.


@pytest.mark.parametrize(
    ("before", "owed", "unusual", "usual"),
    [
        ([], 99, False, None),
        ([], 100, True, None),
        ([20, 20, 20], 199, False, 20),
        ([20, 20, 20], 200, True, 20),
        ([5], 99, False, 5),
        ([10, 20, 1000], 150, False, 20),
        ([0, 0, 30], 299, False, 30),
        ([0, 0], 99, False, 0),
        ([0] * 29, 5_000, True, 0),
    ],
)
def test_an_unusual_day_is_said(before: list[int], owed: int, unusual: bool, usual: int | None) -> None:  # noqa: FBT001
    world = World(customers(owed), page_size=999)
    for number, count in enumerate(before, start=1):
        world.record_run(TODAY - timedelta(days=number), sent=count)
    world.record_run(TODAY - timedelta(days=20), "failed", sent=1)

    report = world.run()

    assert (report.unusual, report.usual_owed) == (unusual, usual)


def test_after_an_outage_what_was_passed_over_and_what_was_missed_is_counted_and_never_sent() -> None:
    world = World([customer(1, due=in_days(2)), customer(2, due=in_days(-5)), customer(3, due=in_days(-4))])
    world.record_run(TODAY - timedelta(days=6))

    report = world.run()

    # Superseded: -7 of the first. The second and the third are too late for their last stage.
    assert (report.sent, report.late, report.superseded, report.missed, report.expired) == (1, 1, 1, 2, 0)
    assert report.stages == {"-3": 1}


@pytest.mark.parametrize("list_skips", [None, 20])
def test_a_preview_writes_nothing(list_skips: int | None) -> None:
    world = World([*customers(5), customer(9, due="nonsense")])

    shown = world.preview(list_skips=list_skips)

    assert len(shown.plan.notices) == 5
    assert world.storage.ledger.writes == 0
    assert world.storage.ledger.records == {}
    assert world.storage.queue.messages == []
    assert world.storage.opened == world.storage.closed == 1


def test_a_preview_of_another_day_shows_that_day() -> None:
    world = World(customers(5, due=in_days(10)))

    assert len(world.preview().plan.notices) == 0
    assert len(world.preview(business_date=TODAY + timedelta(days=3)).plan.notices) == 5


def test_a_preview_at_night_works_all_the_same() -> None:
    world = World(customers(5))
    world.clock.move(hours=13)

    assert len(world.preview().plan.notices) == 5


def test_skips_are_said_by_id_and_never_by_name() -> None:
    world = World([customer(number, due="nonsense") for number in range(30)])

    world.run()

    (said,) = [text for text in world.watcher.details if text.startswith("skipped")]
    assert "malformed: 30" in said
    assert "user-00003" in said
    assert "and 25 more" in said
    assert "Person" not in said
    assert "nonsense" not in said


# Ctrl-C.


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("after", [1, 60, 100, 101, 437])
def test_what_is_under_way_at_ctrl_c_ends_marked_as_sent(after: int) -> None:
    world = World(customers(1_000), page_size=999)
    world.storage.queue.latency = lambda: 0.0
    sends = 0

    def interrupt(_: str) -> None:
        nonlocal sends
        sends += 1
        if sends == after:
            os.kill(os.getpid(), signal.SIGINT)

    world.storage.queue.before_send = interrupt

    with pytest.raises(KeyboardInterrupt):
        world.run()

    assert after <= len(world.ids) < after + SENDS_AT_A_TIME
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert sum("Ctrl-C again" in text for text in world.watcher.said) == 1
    assert world.storage.opened == world.storage.closed

    report = world.run()
    assert report.outcome is Outcome.COMPLETED
    assert report.sent + report.already_sent == len(world.ids) == len(set(world.ids)) == 1_000
    assert world.clock.waits == []


# Right before a notice is sent.


def test_what_expires_while_the_run_reads_is_not_sent_and_its_claim_is_given_back() -> None:
    world = World([customer(1, due=in_days(1)), customer(2, due=in_days(7))])
    world.policy = replace(world.policy, window=SendWindow.parse("00:00-24:00"))
    world.clock.move(hours=14, minutes=50)  # it is 23:50; at midnight the first one's next stage comes
    world.directory.before_page = lambda: world.clock.move(minutes=15)

    report = world.run()

    assert (report.outcome, report.sent, report.failed, report.stages) == (Outcome.FAILED, 1, 1, {"-7": 1})
    assert "the send window had closed" in str(report.error)
    assert world.storage.ledger.claimed == set()
    world.directory.before_page = lambda: None
    second = world.run()
    assert (second.outcome, second.stages) == (Outcome.COMPLETED, {"0": 1})


def test_what_is_left_when_the_window_closes_waits_for_the_next_one() -> None:
    world = World(customers(10))
    world.clock.move(hours=8, minutes=59)
    world.storage.queue.before_send = lambda _: world.clock.move(seconds=20)

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert 0 < report.sent < 10
    assert report.failed == 10 - report.sent
    assert "the send window had closed" in str(report.error)
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert world.storage.ledger.claimed == set()


def test_a_claim_of_another_run_from_long_ago_counts_as_sent() -> None:
    world = World(customers(3))
    world.claim_by_another(world.clock.now() - timedelta(days=200))
    for rows in world.storage.ledger.rows.values():
        for row, past in rows.items():
            rows[row] = replace(past, business_date=TODAY - timedelta(days=81))

    report = world.run()

    assert (report.outcome, report.owed, report.sent, report.already_sent) == (Outcome.COMPLETED, 0, 0, 3)


# The records of runs.


def test_a_run_is_recorded_when_it_begins_and_replaced_when_it_ends() -> None:
    world = World(customers(3))
    begun: list[Outcome] = []
    world.directory.before_page = lambda: begun.extend(
        record.outcome for record in world.storage.ledger.records.values()
    )

    report = world.run()

    assert begun == [Outcome.BEGAN]
    (record,) = world.storage.ledger.records.values()
    assert (record.run_id, record.outcome, record.at) == (report.run_id, Outcome.COMPLETED, world.clock.now())


def test_each_run_of_a_day_has_a_record_and_a_tick_that_finds_it_completed_has_none() -> None:
    world = World(customers(3))
    world.directory.faults.on(1, error=DirectoryError("down"))

    outcomes = []
    for _ in range(3):
        outcomes.append(world.run().outcome)
        world.next_tick()

    assert outcomes == [Outcome.FAILED, Outcome.COMPLETED, Outcome.ALREADY_COMPLETED]
    assert len(world.storage.ledger.records) == 2


def test_the_ledger_of_another_deployment_is_refused_and_left_alone() -> None:
    world = World(customers(3))
    world.run()
    world.next_tick()
    ledger = world.storage.ledger
    before = (dict(ledger.records), ledger.writes)
    ledger.owner = ledger.owner._replace(queue="another-queue")

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert "give this deployment its own LEDGER_TABLE" in str(report.error)
    assert (dict(ledger.records), ledger.writes) == before
    with pytest.raises(StorageError, match="belongs to another deployment"):
        world.preview()
