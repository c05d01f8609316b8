"""How often, and after which pauses, a request is made again: one policy for every service.

What may be repeated is the adapter's to say: reads and idempotent writes after any fault that passes by itself,
other writes only where the service says that it did not carry them out.

Two of the SDKs repeat by themselves, within limits of their own: MSAL's session only a connection that was never
made, and the vault's client, each of whose calls ends within half a minute.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import RetryCallState, stop_after_attempt

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

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after the n-th failed attempt, counted from 1."""
        return min(self.longest, self.first * 2.0 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311

    def keywords(self) -> dict[str, Any]:
        """Return the same as keywords for tenacity; an error's own `wait`, where it has one, comes first."""
        return {"stop": stop_after_attempt(self.attempts), "wait": self._wait, "reraise": True}

    def _wait(self, state: RetryCallState) -> float:
        asked = getattr(state.outcome.exception() if state.outcome else None, "wait", None)
        own = self.pause(state.attempt_number)
        # Who asks to come back at once, or nearly, is given the time that it would have without a word.
        return own if asked is None or asked < self.first else float(asked)


GRAPH = Retries(attempts=6, first=1.0, longest=120.0)
ONCE = Retries(attempts=1, first=0.0, longest=0.0)  # a doctor shows the first fault
STORAGE = Retries(attempts=4, first=0.5, longest=8.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not say.

    RFC 9110, 10.2.3: a number, or a date, which counts from the service's own; some write fractions, and a proxy may
    join two headers in one.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?(\s*,\s*[0-9]{1,9}(\.[0-9]{1,9})?)*", text):
        return max(map(float, text.split(",")))
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, wait.total_seconds())
