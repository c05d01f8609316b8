"""What is in force, in one sentence: to whom, when and where. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from due_notices.calendars import WEEKEND
from due_notices.policy import Policy

_YEAR = 366  # days that are looked at for the next closed one


def in_force(policy: Policy, today: date) -> str:
    """Return what the settings mean, as a person would say it; no address of the allow list is named."""
    rules = policy.rules
    whom = "everybody with an address or a phone number"
    if rules.allow_list:
        whom = f"the {len(rules.allow_list):,} addresses and domains of RECIPIENT_ALLOW_LIST alone"
    days = rules.stages.days
    parts = [
        _days([-day for day in days if day < 0], "before"),
        "on the due date" if 0 in days else "",
        _days([day for day in days if day > 0], "after"),
    ]
    return (
        f"sends to {whom}; {' and '.join(filter(None, parts))}; {rules.time_zone} {policy.window}; "
        f"{_calendar(policy, today)}; DUE_DATE_ATTRIBUTE {'/'.join(rules.attribute)}"
    )


def _days(days: Sequence[int], where: str) -> str:
    if not days:
        return ""
    return f"{', '.join(str(day) for day in days)} {'day' if days == [1] else 'days'} {where}"


def _calendar(policy: Policy, today: date) -> str:
    """Name the next closed day that is more than a weekend; without one, the next closed day at all."""
    closed = [
        (day, why)
        for offset in range(1, _YEAR)
        if (why := policy.rules.stages.calendar.why_closed(day := today + timedelta(days=offset))) is not None
    ]
    if not closed:
        return "every day is a business day"
    day, why = next(((day, why) for day, why in closed if why != WEEKEND), closed[0])
    return f"business days by the calendar (next closed day {day}: {why})"
