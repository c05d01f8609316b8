"""Starts ticks as processes, kills them, and lets the verifier judge what they leave behind.

One local stack with Azurite on disk serves all cases; each case has a queue and a ledger of its own. The ticks
are forked from a server that has imported the program once.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueServiceClient

from local.customers import sample_customers
from local.expected import expected
from local.stack import LocalStack
from tests.faults.child import Activity, Point, ShiftedClock, Tick, run_tick
from tests.verify import OPTIONS, Verdict, verify

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
TODAY = NINE.date()
CHUNKS = {0: 150, 1: 90, 3: 60, 7: 30}
"""Days until due, and how many customers owe then: partitions of two chunks, of one, and of less than one."""
BEGINNINGS = "acegikmoqsuwy13579"
"""Of the names of these customers, so that each shard of a day has some."""
A_TICK = timedelta(hours=1)
PATIENCE = 60.0  # seconds for a process; a tick takes less than one
# Windows cannot fork; the tests that kill are skipped there.
PROCESSES = (
    multiprocessing.get_context("spawn") if sys.platform == "win32" else multiprocessing.get_context("forkserver")
)


def crowd(attribute: str) -> list[dict[str, Any]]:
    """Return customers with about 350 notices in partitions of several sizes, among others of every kind."""
    numbers = itertools.count()
    plain = [
        {
            "id": f"c0ffee00-0000-4000-8000-{next(numbers):012d}",
            "accountEnabled": True,
            "displayName": "Casey Crowd",
            "mail": f"casey.{days}.{number}@example.com",
            "userPrincipalName": f"{BEGINNINGS[number % len(BEGINNINGS)]}.{days}.{number}@example.com",
            attribute: json.dumps({"due": str(TODAY + timedelta(days=days)), "ref": f"INV-{days}-{number}"}),
        }
        for days, count in CHUNKS.items()
        for number in range(count)
    ]
    return plain + sample_customers(TODAY, 250, attribute=attribute)


class Child:
    """A tick in its process."""

    def __init__(self, tick: Tick, together: Any = None, activity: Activity | None = None) -> None:
        """Start it."""
        self._answers, theirs = PROCESSES.Pipe(duplex=False)
        self._process = PROCESSES.Process(target=run_tick, args=(tick, theirs, together, activity), daemon=True)
        self._process.start()
        theirs.close()

    def report(self) -> dict[str, Any]:
        """Wait for its end and return its report."""
        report = self._answer(self._answers, "begun")
        self._end()
        assert report is not None, f"the tick ended without a report, exit code {self._process.exitcode}"
        return report

    def answer(self) -> dict[str, Any] | None:
        """Wait for its end and return its answer; None where it died."""
        answer = self._answer(self._answers, "begun")
        self._end()
        return answer

    def dies(self) -> None:
        """Wait for the death that was planned for it."""
        assert self._answer(self._answers, "begun") is None, "the tick came to its end without meeting its point"
        self._end()
        assert self._process.exitcode == -signal.SIGKILL

    def is_killed_after(self, seconds: float) -> bool:
        """Kill it so long after its begin, wherever that is; False where it had come to its end already."""
        assert self._answers.recv() == "begun"
        self._process.join(seconds)
        self._process.kill()
        self._end()
        return self._process.exitcode == -signal.SIGKILL

    def _end(self) -> None:
        self._process.join(PATIENCE)
        assert not self._process.is_alive()
        self._answers.close()

    @staticmethod
    def _answer(answers: Connection, *ignored: object) -> dict[str, Any] | None:
        try:
            while answers.poll(PATIENCE):
                answer: Any = answers.recv()
                if answer not in ignored:
                    report: dict[str, Any] = answer
                    return report
        except EOFError:
            return None
        raise AssertionError("the tick does not come to an end")


@dataclass
class Case:
    """A queue and a ledger of its own, and settings that differ from the stack's.

    `unfinished` are the notices that were claimed and unfinished at a kill.
    """

    arena: Arena
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)

    def tick(self, start: datetime, kill: Point | None = None, *, patient: bool = False) -> Tick:
        """Return a tick on this case."""
        names = {"NOTICE_QUEUE": self.name, "LEDGER_TABLE": self.name}
        self.arena.stack.tell_time(ShiftedClock(start).now)
        return Tick({**self.arena.stack.environ, **self.settings, **names}, start, kill, patient)

    def runs(self, start: datetime = NINE) -> dict[str, Any]:
        """Let a tick run to its end and return its report."""
        return Child(self.tick(start)).report()

    def look(self, owed: Collection[str] | None = None) -> Verdict:
        """Read queue and ledger back; the queue cannot be read again for two minutes."""
        owed = self.arena.owed if owed is None else owed
        return verify(self.arena.stack.azurite.connection_string, self.name, self.name, owed, keep=False)

    def remember_unfinished(self) -> None:
        """Take note of the claims that a kill has left behind."""
        rows = self.arena.tables.get_table_client(self.name).query_entities(
            "PartitionKey lt 'A' and state eq 'claimed'", select=["noticeId"]
        )
        self.unfinished.update(row["noticeId"] for row in rows)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return rows of the table."""
        return [dict(row) for row in self.arena.tables.get_table_client(self.name).query_entities(query)]

    def add_rows(self, partition: str, names: Sequence[str], **fields: str | datetime) -> None:
        """Write rows of one partition, as if an earlier run had."""
        table = self.arena.tables.get_table_client(self.name)
        rows = [{"PartitionKey": partition, "RowKey": name, **fields} for name in names]
        for start in range(0, len(rows), 100):
            table.submit_transaction([("create", row) for row in rows[start : start + 100]])

    def delete(self) -> None:
        """Remove queue and table."""
        self.arena.queues.delete_queue(self.name)
        self.arena.tables.delete_table(self.name)


class Arena:
    """The local stack with the crowd, Azurite on disk, and any number of cases."""

    def __init__(self) -> None:
        """Prepare; nothing runs yet."""
        PROCESSES.set_forkserver_preload(["tests.faults.child"])
        self._resources = ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self.stack = self._resources.enter_context(LocalStack(persistent_storage=True))
        self.users = crowd(self.stack.attribute)
        self.owed = frozenset(expected(self.users, self.stack.attribute, TODAY).notices)
        self.stack.reset(self.users)
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def connect(self) -> None:
        """Open the clients by which the harness itself looks at the storage."""
        text = self.stack.azurite.connection_string
        self.queues = self._resources.enter_context(QueueServiceClient.from_connection_string(text, **OPTIONS))
        self.tables = self._resources.enter_context(TableServiceClient.from_connection_string(text, **OPTIONS))

    def case(self, settings: Mapping[str, str] | None = None) -> Case:
        """Make a case."""
        name = f"case{next(self._numbers)}"
        self.queues.create_queue(name)
        self.tables.create_table(name)
        return Case(self, name, settings or {})

    def together(self, parties: int) -> Any:
        """Return where so many ticks wait for each other."""
        return PROCESSES.Barrier(parties)
