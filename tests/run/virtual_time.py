"""An event loop whose time passes only while all tasks wait, and a clock on it.

Several runs on such a loop overlap as they would in an hour of real time, in milliseconds and repeatably.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import START


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer when nothing is ready."""

    _ready: Any
    _scheduled: Any

    def __init__(self) -> None:
        super().__init__()
        self._moment = 0.0

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._moment

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._moment = max(self._moment, self._scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


class LoopClock:
    """The clock of one host: `skew` seconds ahead of the true time."""

    def __init__(self, skew: float = 0.0) -> None:
        self._skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self._skew

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"this loop may not be blocked for {seconds} s")

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
