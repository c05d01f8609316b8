"""One tick of the program in a process of its own, which can be killed at a named point.

It is the program as the composition root builds it; what is added sits between the core and its ports, so that
the product knows nothing of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, Literal, NamedTuple, cast

from due_notices import bootstrap
from due_notices.adapters import graph, key_vault, msal, storage_queue, table_ledger  # noqa: F401 (loaded once, for all)
from due_notices.fan_out import Shards
from due_notices.ports import Ledger, NoticeQueue, OpenStorage, Progress, Storage
from due_notices.run import send_due_notices
from due_notices.settings import Settings


class Point(NamedTuple):
    """The moment before or after the n-th call (from 1) of a port's method."""

    when: Literal["before", "after"]
    method: str
    number: int = 1


@dataclass(frozen=True)
class Tick:
    """A tick: its settings, what its clock shows when it begins, and where it dies.

    `patient` shortens its waits to a twentieth, so that others get on; else a wait moves the clock at once.
    """

    environ: Mapping[str, str]
    start: datetime
    kill: Point | None = None
    patient: bool = False


class Activity(NamedTuple):
    """What a tick does instead of a whole run: an activity of a day in shards, with its input."""

    name: str
    given: Mapping[str, Any]


class ShiftedClock:
    """A clock that goes at its usual pace from any moment on."""

    def __init__(self, start: datetime, *, patient: bool = False) -> None:
        """Begin at `start`."""
        self._start = start
        self._born = time.monotonic()
        self._skipped = 0.0
        self._patient = patient

    def now(self) -> datetime:
        """Return what it shows."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self._born + self._skipped

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self._skipped += seconds

    async def wait(self, seconds: float) -> None:
        """Move on, or wait a little where others have to get on meanwhile."""
        if self._patient:
            await asyncio.sleep(seconds / 20)
        else:
            self.sleep(seconds)
            await asyncio.sleep(0)


OnCall = Callable[[str, str], None]


class _Watched:
    """A port that calls `on_call` before and after each of its calls."""

    def __init__(self, port: object, on_call: OnCall) -> None:
        self._port = port
        self._on_call = on_call

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._port, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            self._on_call("before", name)
            result = await method(*arguments, **options)
            self._on_call("after", name)
            return result

        return call


def watched(open_storage: OpenStorage, on_call: OnCall) -> OpenStorage:
    """Return a way to open the same storage with its calls watched."""

    @asynccontextmanager
    async def open_() -> AsyncIterator[Storage]:
        async with open_storage() as storage:
            yield Storage(
                cast("NoticeQueue", _Watched(storage.queue, on_call)),
                cast("Ledger", _Watched(storage.ledger, on_call)),
            )

    return open_


def run_tick(tick: Tick, parent: Connection, together: Barrier | None = None, activity: Activity | None = None) -> None:
    """Run in a child process: say that it begins, then the report. `together` is where several ticks meet.

    An `activity` answers with what it answers.
    """
    os.environ.update(tick.environ)
    calls: Counter[tuple[str, str]] = Counter()

    def on_call(when: str, method: str) -> None:
        calls[when, method] += 1
        if tick.kill is not None and (when, method, calls[when, method]) == tick.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        # All have read the directory, and nobody has claimed anything yet.
        if together is not None and (when, method, calls[when, method]) == ("before", "sent", 1):
            together.wait(timeout=60)

    settings = Settings.from_mapping(tick.environ)
    services = bootstrap.build_services(settings, ShiftedClock(tick.start, patient=tick.patient))
    services = replace(services, open_storage=watched(services.open_storage, on_call))
    parent.send("begun")
    if activity is not None:
        parent.send(getattr(Shards(settings.policy, services, Progress()), activity.name)(activity.given))
        return
    parent.send(send_due_notices(settings.policy, services).to_dict())
