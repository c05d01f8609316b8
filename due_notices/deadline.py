"""Waiting for services: one deadline binds all that a run does, and pieces of work are awaited together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from due_notices.errors import StorageError
from due_notices.ports import Clock

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the clock's monotonic scale. `limit` says in words how long that is, and what happens then."""

    clock: Clock
    at: float
    limit: str = "a run may take; the next tick tries again"

    @classmethod
    def after(cls, clock: Clock, span: timedelta, **words: str) -> Deadline:
        """Return the deadline so long after now."""
        return cls(clock, clock.monotonic() + span.total_seconds(), **words)

    def left(self) -> float:
        """Return the seconds until it, none once it has passed."""
        return max(self.at - self.clock.monotonic(), 0.0)

    async def bind(self, work: Awaitable[_T], what: str) -> _T:
        """Await `work` (what the storage does) until the deadline at the longest. Raises StorageError then."""
        try:
            async with asyncio.timeout(self.left()):
                return await work
        except TimeoutError as error:
            raise StorageError(
                f"{what} took longer than {self.limit}; check whether the storage account is slow, throttled or down"
            ) from error


async def together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Await all of `work` at once; when the first error is raised, all of it has ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
