"""Whatever a run raises, foreseen or not, ends in a failed report that says where, and never what was in the error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from due_notices.errors import StorageError
from due_notices.report import Outcome
from tests.run.world import World, customers

TEXT = "person.1@example.com owes 120.50"
BREAK: dict[str, Callable[[World, Exception], None]] = {
    "opening the storage": lambda world, error: setattr(world.storage, "unopenable", error),
    "asking for earlier runs": lambda world, error: world.storage.ledger.failures["runs"].on(1, error=error),
    "reading": lambda world, error: world.directory.faults.on(1, error=error),
    "asking what was sent": lambda world, error: world.storage.ledger.failures["sent"].on(1, error=error),
    "claiming": lambda world, error: world.storage.ledger.failures["claim"].on(1, error=error),
    "recording": lambda world, error: world.storage.ledger.failures["record_run"].on(1, error=error),
}


@pytest.mark.parametrize("kind", [TypeError, KeyError, ZeroDivisionError, RecursionError])
@pytest.mark.parametrize("where", BREAK)
def test_an_unexpected_error_ends_in_a_failed_report(where: str, kind: type[Exception]) -> None:
    world = World(customers(3))
    BREAK[where](world, kind(TEXT))

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert kind.__name__ in report.error
    assert TEXT not in report.to_json()


@pytest.mark.parametrize("where", ["reading", "asking what was sent", "claiming"])
def test_it_is_recorded_where_the_ledger_can_be_written(where: str) -> None:
    world = World(customers(3))
    BREAK[where](world, TypeError(TEXT))

    report = world.run()

    assert world.record is not None
    assert (world.record.outcome, world.record.error) == (Outcome.FAILED, report.error)


@pytest.mark.parametrize("where", BREAK)
def test_the_next_tick_does_what_the_broken_one_did_not(where: str) -> None:
    world = World(customers(3))
    BREAK[where](world, TypeError(TEXT))
    world.run()
    world.storage.unopenable = None
    world.clock.move(hours=1)

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert len(world.ids) == len(set(world.ids)) == 3


def test_one_cause_met_twice_is_said_once() -> None:
    world = World(customers(3))
    for method in ("runs", "record_run"):
        world.storage.ledger.failures[method].on(1, error=StorageError("the table is not there"))

    assert world.run().error == "the table is not there"
