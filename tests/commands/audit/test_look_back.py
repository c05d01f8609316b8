"""Which of the recorded runs an audit goes by."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from due_notices.commands.audit.figures import Period
from due_notices.commands.audit.gather import look_back
from due_notices.report import RunReport
from tests.factories import policy, rules, run_report
from tests.fakes import START
from tests.run.world import World

TODAY = START.date()
MINE = policy(rules=rules(filter_digest="mine"))


def days_of(*runs: RunReport) -> dict[date, tuple[str, int]]:
    """Return the outcome of each day that an audit shows, and how many were sent on it."""
    world = World([])
    world.storage.ledger.take()
    for number, run in enumerate(runs):
        world.storage.ledger.records[run.business_date, f"run {number}"] = run
    period = Period(TODAY - timedelta(days=9), TODAY, UTC)
    found = look_back(MINE, world.services, period, None, lambda _: None)
    return {run.business_date: (str(run.outcome), run.sent) for run in found}


def on(days_ago: int, outcome: str = "completed", *, by: str = "mine", hour: int = 0, sent: int = 1) -> RunReport:
    at = START - timedelta(days=days_ago) + timedelta(hours=hour)
    return run_report(at.date(), outcome, filter_digest=by, at=at, sent=sent)


def test_a_run_with_another_filter_ends_nobodys_day() -> None:
    found = days_of(on(3), on(2, "failed"), on(2, by="a laptop's", hour=1, sent=5), on(1, by="a laptop's"))

    assert found == {TODAY - timedelta(days=3): ("completed", 1), TODAY - timedelta(days=2): ("failed", 1)}


def test_the_days_before_the_first_run_with_this_filter_are_those_of_any() -> None:
    found = days_of(on(3, by="before"), on(2, by="before"), on(1))

    assert [outcome for outcome, _ in found.values()] == ["completed"] * 3


def test_of_a_ledger_without_a_run_with_this_filter_it_shows_all() -> None:
    assert len(days_of(on(3, by="before"), on(2, by="before"))) == 2
