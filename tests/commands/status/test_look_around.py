"""Which of the recorded runs `status` judges by, and which it only names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from due_notices.commands.status.gather import look_around
from due_notices.commands.status.verdict import Situation
from due_notices.report import RunReport
from tests.factories import policy, rules, run_report
from tests.fakes import START
from tests.run.world import World

TODAY = START.date()
YESTERDAY = TODAY - timedelta(days=1)
MINE = policy(rules=rules(filter_digest="mine"))


def around(*runs: RunReport) -> Situation:
    world = World([])
    world.storage.ledger.take()
    for number, run in enumerate(runs):
        run_id = f"run {number}"
        world.storage.ledger.records[run.business_date, run_id] = replace(run, run_id=run_id)
    return look_around(MINE, world.services)


def test_it_judges_by_the_runs_of_the_same_filter_and_names_the_others() -> None:
    mine, other = run_report(YESTERDAY, filter_digest="mine"), run_report(TODAY, filter_digest="a laptop's")

    found = around(mine, other)

    assert [run.filter_digest for run in found.records] == ["mine"]
    assert [run.filter_digest for run in found.others] == ["a laptop's"]


def test_without_a_run_of_the_same_filter_the_others_are_better_than_none() -> None:
    found = around(run_report(YESTERDAY, filter_digest="before"))

    assert [run.business_date for run in found.records] == [YESTERDAY]
    assert len(found.others) == 1


def test_a_record_of_the_future_is_none_of_the_runs() -> None:
    found = around(run_report(TODAY + timedelta(days=1), filter_digest="mine"))

    assert (found.records, len(found.later)) == ([], 1)


def test_runs_that_have_not_ended_are_known_although_a_later_one_completed() -> None:
    found = around(
        run_report(TODAY, "began", filter_digest="mine", at=START),
        run_report(TODAY, filter_digest="mine", at=START + timedelta(hours=1)),
    )

    assert found.records[0].completed
    assert len(found.unfinished) == 1
