"""How often, and after which pauses, a request is made again, and how fast what is busy is asked: one policy for all.

What may be repeated is the adapter's to say: reads and idempotent writes after any fault that passes by itself,
other writes only where the service says that it did not carry them out.

Two of the SDKs repeat by themselves, within limits of their own: MSAL's session only a connection that was never
made, and the vault's client, each of whose calls ends within half a minute.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from due_notices.adapters.connections import http_date
from due_notices.ports import Clock

BUSY = frozenset({429, 503})  # the service says that it did not do it
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` in all, with pauses in seconds that double from `first` up to `longest`, and jitter.

    The jitter keeps callers from returning in step. A service that asks to wait longer than `longest` is not
    asked again: its answer is not worth a run's time.
    """

    attempts: int
    first: float
    longest: float

    def pause(self, attempt: int, asked: float | None = None) -> float:
        """Return the seconds to wait after the n-th failed attempt, counted from 1: those that the service asked for.

        One that asks to be asked again at once, or nearly, is given as much time as one that does not say.
        """
        if asked is not None and asked >= self.first:
            return asked
        return min(self.longest, self.first * 2.0 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311


GRAPH = Retries(attempts=6, first=1.0, longest=120.0)
ONCE = Retries(attempts=1, first=0.0, longest=0.0)  # a doctor shows the first fault
STORAGE = Retries(attempts=4, first=0.5, longest=8.0)

# What one queue (messages) and one partition of a table (entities) are made for, in a second:
# https://learn.microsoft.com/azure/storage/queues/scalability-targets and .../storage/tables/scalability-targets
STORAGE_TARGET = 2_000


class Pace:
    """How fast a queue or a partition is written to: as fast as can be, until it says that it is busy.

    From then on as fast as it is made for; a tenth less when it refuses again, half as fast while it goes on refusing;
    then quickly back to nine tenths of what was too much, and slowly beyond. So it refuses little and idles little,
    however much others write to it.
    """

    _LESS, _HALF, _LEAST = 0.9, 0.5, 0.01
    _QUICKLY, _SLOWLY = 0.1, 0.01  # more each second, as a share of what it is made for
    # Seconds. What was under way at a refusal is refused, too, and says nothing new.
    _ONE_BURST, _GOES_ON = 0.5, 3.0
    _MADE_UP = 0.25  # of what was not asked, because this process was slow for a moment

    def __init__(self, clock: Clock, target: float = STORAGE_TARGET) -> None:
        """Begin without a limit. `target` is in messages or entities a second."""
        self._clock = clock
        self._target = self._well = target
        self._rate = math.inf
        self._rate_of = self._refused_at = self._free_at = 0.0  # on the clock's monotonic scale

    async def turn(self, count: int = 1) -> None:
        """Wait until `count` more may be written."""
        if math.isinf(self._rate):
            return
        now = self._clock.monotonic()
        more = self._QUICKLY if self._rate < self._well else self._SLOWLY
        self._rate += (now - self._rate_of) * more * self._target
        self._rate_of, begins = now, max(self._free_at, now - self._MADE_UP)
        self._free_at = begins + count / self._rate
        if begins > now:
            await self._clock.wait(begins - now)

    def refused(self) -> None:
        """Go slower: it has answered that it is busy."""
        now = self._clock.monotonic()
        since = now - self._refused_at
        if math.isinf(self._rate):
            self._rate = self._target
        elif since < self._ONE_BURST:
            return
        else:
            self._well = self._rate * self._LESS
            self._rate = max(
                self._rate * (self._HALF if since < self._GOES_ON else self._LESS), self._LEAST * self._target
            )
        self._rate_of = self._refused_at = now


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not say.

    RFC 9110, 10.2.3: a number, or a date, which counts from the service's own; some write fractions, and a proxy may
    join two headers in one.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?(\s*,\s*[0-9]+(\.[0-9]+)?)*", text):
        return max(map(float, text.split(",")))
    try:
        wait = http_date(text) - http_date(headers.get("Date", ""))
    except ValueError:
        return None
    return max(0.0, wait.total_seconds())
