"""Storage that goes away, comes back, or fails, during whole runs.

What a single lost answer does to the adapters is in `tests/adapters`, and what failing ports do to a run in
`tests/run`; here it is the real Azurite that stops, and the network before it that misbehaves.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from due_notices.report import Outcome
from tests.adapters.faulty_proxy import Step
from tests.conftest import use_environment
from tests.faults.harness import A_TICK, NINE, Arena, Case
from tests.faults.scenarios import Tally, proxies, restart, run_here, storage_goes_away, storm


@pytest.fixture(autouse=True)
def _own_environment(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_environment(monkeypatch, arena.stack.environ)
    yield
    if arena.stack.azurite.process_id is None:
        arena.stack.azurite.start()


def test_storage_that_restarts_during_a_run(arena: Arena) -> None:
    tally = Tally()

    report = restart(arena, "send", 120, tally)

    assert tally.faults == []
    assert report.outcome is Outcome.COMPLETED or report.error


def test_storage_that_stays_away_fails_the_run_with_a_sentence_and_the_next_tick_completes_the_day(
    arena: Arena, case: Case
) -> None:
    first = run_here(case, NINE, storage_goes_away(arena, "mark_sent", 2))
    arena.stack.azurite.start()
    case.remember_unfinished()

    assert first.outcome is Outcome.FAILED
    assert "check NOTICE_STORAGE, the account's firewall and the network" in (first.error or "")
    second = run_here(case, NINE + A_TICK)

    assert second.outcome is Outcome.COMPLETED
    assert second.sent + second.already_sent == len(arena.owed)
    assert case.look().faults(case.unfinished) == []


def test_storage_that_is_away_from_the_start_fails_the_run_before_anything_is_read(arena: Arena, case: Case) -> None:
    report = run_here(case, NINE, storage_goes_away(arena, "runs", 1))

    assert report.outcome is Outcome.FAILED
    assert report.graph_requests == 0
    assert "cannot be used" in (report.error or "")


def test_a_storm_of_refusals_and_lost_answers_passes_within_a_few_ticks(arena: Arena) -> None:
    tally = Tally()

    *before, last = storm(arena, random.Random(2), 0.3, tally)

    assert tally.faults == []
    assert last.outcome is Outcome.COMPLETED
    assert all(report.error for report in before)


def test_notices_that_cannot_be_marked_are_sent_again_with_the_same_id_and_marked_then(case: Case) -> None:
    with proxies(case.arena) as (_, table, connection_string):

        def on_call(when: str, method: str) -> None:
            if (when, method) == ("before", "mark_sent"):
                table.plan(*[Step.REFUSED_500] * 500)

        first = run_here(case, NINE, on_call, NOTICE_STORAGE=connection_string)
    case.remember_unfinished()
    second = run_here(case, NINE + timedelta(minutes=11))

    assert first.outcome is Outcome.FAILED
    assert "the service failed or is overloaded; the next tick tries again" in (first.error or "")
    assert second.outcome is Outcome.COMPLETED
    verdict = case.look()
    assert verdict.faults(case.unfinished) == []
    assert verdict.repeats
