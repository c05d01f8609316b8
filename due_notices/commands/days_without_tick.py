"""The open days on which the timer does not tick inside the send window, so that nothing is sent on them. Pure.

A schedule is in UTC and a window in local time: the clocks' changes, months and weekdays may part them for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from due_notices.policy import Policy

DAYS_LOOKED_AT = 400


@dataclass(frozen=True, slots=True)
class DaysWithoutTick:
    """How many open days have no tick inside the window, with the first and the last of them."""

    count: int
    first: date
    last: date

    @property
    def sentence(self) -> str:
        """Say it, with the remedy."""
        if self.count == 1:
            days, them = f"on {self.first:%a} {self.first}", "it"
        else:
            days = f"on {self.count} open days, from {self.first:%a} {self.first} to {self.last:%a} {self.last}"
            them = "them"
        return (
            f"no tick of NOTICE_SCHEDULE lies inside SEND_WINDOW {days}, so nothing is sent on {them}: let it tick "
            "hourly (0 0 * * * *), or widen the window"
        )


def days_without_tick(policy: Policy, today: date) -> DaysWithoutTick | None:
    """Return the open ones of the next 400 days, today included, that have no tick inside the window."""
    days = (today + timedelta(days=offset) for offset in range(DAYS_LOOKED_AT))
    without = [day for day in days if policy.why_day_closed(day) is None and policy.first_tick(day) is None]
    return DaysWithoutTick(len(without), without[0], without[-1]) if without else None
