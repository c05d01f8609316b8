"""The real time, by which tokens run out and secrets expire."""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """Return the current moment in UTC."""
    return dt.datetime.now(dt.UTC)  # noqa: TID251 (the services emulated here have their own clocks)
