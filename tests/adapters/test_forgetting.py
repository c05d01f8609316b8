"""How the table forgets: some transactions at a time, none after the time is over, and memory that stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from due_notices.adapters import table_ledger
from due_notices.adapters.storage_errors import failure
from due_notices.adapters.storage_pipeline import StoragePipeline
from due_notices.errors import StorageError
from due_notices.ports import Ledger, Storage
from tests.adapters.storage_access import StorageAccess
from tests.contract.ledger_rows import DUE, keys, sent
from tests.fakes import MovableClock

BEFORE = (date(2026, 1, 1), DUE)
ROWS = 20 * 25


class Watched:
    """The transactions that a ledger makes: how many, and how many at a time. Each takes `seconds` of the clock."""

    def __init__(self, clock: MovableClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.under_way = 0
        self.refuse_first = False
        self.transactions = 0
        self.most_at_a_time = 0
        self.queries = 0

    def watch(self, pipeline: StoragePipeline) -> None:
        """Stand between the ledger and its pipeline."""
        post, get = pipeline.post, pipeline.get

        async def watched_post(*arguments: Any, **options: Any) -> bytes:
            self.under_way += 1
            self.transactions += 1
            self.most_at_a_time = max(self.most_at_a_time, self.under_way)
            try:
                if self.refuse_first and self.transactions == 1:
                    raise failure(403, "AuthorizationFailure")
                await asyncio.sleep(0)  # the others of the same moment begin, too
                return await post(*arguments, **options)
            finally:
                self.under_way -= 1
                self._clock.move(seconds=self._seconds)

        async def watched_get(url: str, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
            self.queries += 1
            return await get(url, headers)

        pipeline.post, pipeline.get = watched_post, watched_get  # type: ignore[method-assign]


@pytest.fixture
def ledger(storage: Storage, runner: asyncio.Runner) -> Ledger:
    """A ledger with 20 old partitions of 25 rows each."""

    async def fill() -> None:
        await asyncio.gather(*(sent(storage.ledger, keys(25), partition=f"2025-01-{day:02d}") for day in range(1, 21)))

    runner.run(fill())
    return storage.ledger


def watched(ledger: Ledger, clock: MovableClock, seconds: float = 0) -> Watched:
    found = Watched(clock, seconds)
    found.watch(vars(ledger)["_pipeline"])
    return found


def test_many_partitions_are_forgotten_some_at_a_time(
    ledger: Ledger, runner: asyncio.Runner, clock: MovableClock, storage_access: StorageAccess
) -> None:
    watch = watched(ledger, clock)

    assert runner.run(ledger.forget(*BEFORE)) == ROWS

    assert storage_access.rows() == []
    assert watch.transactions == 20
    assert watch.most_at_a_time == table_ledger.TRANSACTIONS_AT_A_TIME
    assert watch.queries == 2  # notices and runs, once each


def test_no_transaction_begins_after_its_time(
    ledger: Ledger, runner: asyncio.Runner, clock: MovableClock, storage_access: StorageAccess
) -> None:
    at_a_time = table_ledger.TRANSACTIONS_AT_A_TIME
    watch = watched(ledger, clock, seconds=10)

    forgotten = runner.run(ledger.forget(*BEFORE, until=clock.monotonic() + 25))

    # Two have ended by then; what was under way comes to its end.
    assert watch.transactions <= 2 + at_a_time
    assert forgotten == watch.transactions * 25
    assert len(storage_access.rows()) == ROWS - forgotten
    assert runner.run(ledger.forget(*BEFORE)) == ROWS - forgotten


def test_pages_are_forgotten_one_after_the_other(
    ledger: Ledger,
    runner: asyncio.Runner,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    storage_access: StorageAccess,
) -> None:
    monkeypatch.setattr(table_ledger, "PAGE", 60)
    watch = watched(ledger, clock)

    assert runner.run(ledger.forget(*BEFORE)) == ROWS

    assert storage_access.rows() == []
    assert watch.queries == ROWS // 60 + 1 + 1


def test_no_page_is_asked_for_after_its_time_and_the_oldest_are_forgotten_first(
    ledger: Ledger,
    runner: asyncio.Runner,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    storage_access: StorageAccess,
) -> None:
    monkeypatch.setattr(table_ledger, "PAGE", 50)
    watch = watched(ledger, clock, seconds=10)

    assert runner.run(ledger.forget(*BEFORE, until=clock.monotonic() + 15)) == 50

    assert watch.queries == 1
    assert min(row["PartitionKey"] for row in storage_access.rows()) == "2025-01-03"


def test_when_one_transaction_is_refused_no_other_is_left_under_way(
    ledger: Ledger, runner: asyncio.Runner, clock: MovableClock
) -> None:
    watch = watched(ledger, clock)
    watch.refuse_first = True

    with pytest.raises(StorageError, match="AuthorizationFailure"):
        runner.run(ledger.forget(*BEFORE))

    assert watch.transactions > 1
    assert watch.under_way == 0
