"""The runs that are still to come: what is shown of a later day assumes that each of them completes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from due_notices.calendars import ONE_DAY
from due_notices.policy import Policy
from due_notices.report import RunReport


def why_today_is_over(policy: Policy, runs: Iterable[RunReport], now: datetime) -> str | None:
    """Return why no run will send anything any more today by itself, or None."""
    local = now.astimezone(policy.rules.time_zone)
    completed = [run for run in runs if run.completes(local.date(), policy.rules.filter_digest)]
    if completed and policy.look_again is None:
        return "today's run is completed"
    if policy.window.closes is not None and local.time() >= policy.window.closes:
        return "today's send window is over"
    return None


def runs_before(policy: Policy, last: date, runs: Iterable[RunReport], now: datetime) -> list[date]:
    """Return the days before `last` on which a run will take place, from the next tick on."""
    today = policy.business_date(now)
    first = today if why_today_is_over(policy, runs, now) is None else today + ONE_DAY
    days = (first + timedelta(days=offset) for offset in range(max((last - first).days, 0)))
    return [day for day in days if policy.why_day_closed(day) is None]
