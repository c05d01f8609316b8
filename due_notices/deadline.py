"""One deadline binds all that a run does: no phase goes on beyond it, whatever a service does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from due_notices.errors import StorageError
from due_notices.ports import Clock

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the clock's monotonic scale. `limit` is how long that is in words, and what then."""

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
                f"{what} took longer than {self.limit}; look whether the storage account is slow, throttled or away"
            ) from error
