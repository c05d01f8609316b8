"""Whether this machine's clock can be trusted, by what services say the time is. Pure."""

from __future__ import annotations

from datetime import timedelta

SKEW_NOTICED = timedelta(seconds=60)
SKEW_REFUSED = timedelta(minutes=5)  # what Entra and most verifiers of tokens bear


def is_refused(ahead: timedelta) -> bool:
    """Whether a clock is so far ahead (negative: behind) that nothing may be sent by it."""
    return abs(ahead) >= SKEW_REFUSED


def skew_sentence(ahead: timedelta, whose: str) -> str:
    """Return how wrong this machine's clock is against somebody's, with the remedy."""
    seconds = round(ahead.total_seconds())
    where = "ahead of" if seconds > 0 else "behind"
    return f"this machine's clock is {abs(seconds):,} s {where} {whose}: set it, or turn on its time service"
