"""Ticks killed by SIGKILL: at least 25 here; `make faults` kills hundreds more."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import pytest

from tests.faults.child import Point
from tests.faults.harness import NINE, TODAY, Arena, Case, Child
from tests.faults.scenarios import Tally, die_at, named_kills, random_kills

CHAINS = [
    ("before a claim", "after a claim", "between send and mark", "before the day is closed"),
    ("after a claim", "in the middle of a chunk", "between chunks", "between send and mark"),
    ("in the middle of a chunk", "before a claim", "between send and mark", "between chunks"),
    ("between chunks", "after a claim", "in the middle of a chunk", "after the day is closed"),
]


@pytest.mark.parametrize("chain", CHAINS, ids=", ".join)
def test_whatever_the_points_at_which_ticks_die_each_notice_reaches_the_queue(
    arena: Arena, chain: tuple[str, ...]
) -> None:
    tally = Tally()

    named_kills(arena, chain, tally)

    assert tally.faults == []
    assert tally.kills == len(chain)


def test_a_tick_may_die_at_any_moment(arena: Arena) -> None:
    tally = Tally()

    random_kills(arena, 8, random.Random(4), tally, deaths=8)

    assert tally.faults == []
    assert tally.kills == 8


def test_what_was_sent_and_not_marked_is_repeated_with_the_same_id_and_nothing_else_is(case: Case) -> None:
    die_at(case, [Point("before", "mark_sent", 1)])
    after_the_kill = case.look(case.arena.owed)
    assert after_the_kill.faults(finished=False) == []
    assert after_the_kill.messages

    report = case.runs(NINE + timedelta(hours=1))

    # The verifier took the first messages, so it now sees those of the second tick alone.
    again = case.look()
    assert report["outcome"] == "completed"
    assert again.on_queue.keys() | after_the_kill.on_queue.keys() == case.arena.owed
    assert again.on_queue.keys() & after_the_kill.on_queue.keys() <= case.unfinished
    first = {message.id: message.event["data"] for message in after_the_kill.messages}
    for message in again.messages:
        assert message.event["data"] == first.get(message.id, message.event["data"])


def test_a_tick_right_after_the_death_waits_until_the_claims_have_lapsed(case: Case) -> None:
    die_at(case, [Point("after", "send", 20)])

    report = case.runs(NINE + timedelta(minutes=1))

    assert report["outcome"] == "completed"
    assert report["seconds"]["total"] > 8 * 60
    assert case.look().faults(case.unfinished) == []


def test_nothing_is_lost_when_a_tick_dies_before_it_forgets_and_the_next_day_forgets_it(case: Case) -> None:
    assert case.runs(NINE - timedelta(days=1))["outcome"] == "completed"
    old, young = "2025-01-01", "2026-02-01"
    names = [f"{number:032x}_0" for number in range(1500)]
    for due, rows in ((old, names), (young, names[:3])):
        sent_at = datetime.fromisoformat(f"{due}T09:00:00Z")
        case.add_rows(due, rows, noticeId="0" * 32, userId="user", state="sent", businessDate=due, sentAt=sent_at)
        report = json.dumps({"runId": "run", "businessDate": due, "outcome": "completed"})
        case.add_rows("runs", [f"{due}_run"], outcome="completed", report=report)

    die_at(case, [Point("before", "forget", 1)])

    assert case.runs(NINE + timedelta(hours=1))["outcome"] == "already-completed"
    assert len(case.rows(f"PartitionKey eq '{old}'")) == 1500
    child = Child(case.tick(NINE + timedelta(days=1)))
    assert child.report()["outcome"] == "completed"
    assert case.rows(f"PartitionKey eq '{old}'") == []
    assert len(case.rows(f"PartitionKey eq '{young}'")) == 3
    days = {row["RowKey"][:10] for row in case.rows("PartitionKey eq 'runs'")}
    assert days == {young, *(str(TODAY + timedelta(days=number)) for number in (-1, 0, 1))}
    verdict = case.look()
    assert verdict.repeats == 0
    assert verdict.on_queue.keys() >= case.arena.owed
