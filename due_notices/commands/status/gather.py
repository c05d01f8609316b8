"""What `status` looks at: ledger and queues now and, with --ahead, the coming days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from due_notices.commands.days_without_tick import days_without_tick
from due_notices.commands.status.forecast import Forecast
from due_notices.commands.status.verdict import Situation
from due_notices.delivery import standing
from due_notices.model import UserPage
from due_notices.policy import Policy
from due_notices.ports import Progress, UserListing
from due_notices.reading import LOOK_BACK, day_of, read_and_plan
from due_notices.report import by_day
from due_notices.services import Services, opened


def look_around(policy: Policy, services: Services, tick_of: Callable[[date], datetime | None]) -> Situation:
    """Return what ledger and queues say now; `tick_of` tells a day's first tick. Asks neither Graph nor the vault."""
    now = services.clock.now()
    today = policy.business_date(now)
    with opened(services.open_storage) as (storage, runner):
        records = by_day(runner.run(storage.ledger.runs(today - LOOK_BACK)))
        without_tick = days_without_tick(policy, tick_of, today)
        return Situation(now, policy, records, runner.run(storage.queue.look()), tick_of(today), without_tick)


@dataclass(frozen=True, slots=True)
class ComingDay:
    """How many notices a coming day brings, by stage. On a closed day none leave, and `closed` says why."""

    date: date
    stages: Mapping[int, int]
    closed: str | None = None


def look_ahead(
    policy: Policy, services: Services, days: int, progress: Progress | None = None
) -> tuple[ComingDay, ...]:
    """Return what the coming `days` bring, today included, from one reading of the directory. Writes nothing.

    The first day on which a run will still send gets what is owed then and not in the ledger, late notices
    included; each later one what is owed for the first time, every run before it having done its work.
    """
    now = services.clock.now()
    today = policy.business_date(now)
    calendar = [today + timedelta(days=offset) for offset in range(days)]
    with opened(services.open_storage) as (storage, runner):
        records = by_day(runner.run(storage.ledger.runs(today - LOOK_BACK)))
        done = any(record.business_date == today and record.completed for record in records)
        closed = {day: why for day in calendar if (why := _why_nothing(policy, day, now, today_done=done))}
        sending = [day for day in calendar if day not in closed]
        if not sending:
            return tuple(ComingDay(day, {}, closed[day]) for day in calendar)
        forecast = Forecast(policy.rules, sending)
        listing = _Watched(services.open_directory(), forecast)
        plan = read_and_plan(
            policy, listing, services.clock, progress or Progress(), day_of(sending[0], records), list_skips=0
        )
        owed = runner.run(standing(plan, storage.ledger)).owed
    counts = {**forecast.counts, sending[0]: Counter(notice.stage for notice in owed)}
    return tuple(ComingDay(day, dict(sorted(counts.get(day, Counter()).items())), closed.get(day)) for day in calendar)


def _why_nothing(policy: Policy, day: date, now: datetime, *, today_done: bool) -> str | None:
    """Return why nothing will be sent any more on a day, or None."""
    local = now.astimezone(policy.rules.time_zone)
    if day == local.date():
        if today_done:
            return "today's run is completed"
        if policy.window.closes is not None and local.time() >= policy.window.closes:
            return "today's send window is over"
    return policy.rules.stages.calendar.why_closed(day)


class _Watched:
    """A listing whose pages a forecast counts as they go by to the plan of the first day."""

    def __init__(self, listing: UserListing, forecast: Forecast) -> None:
        self._listing = listing
        self._forecast = forecast

    def pages(self, *, deadline: float | None = None) -> Iterator[UserPage]:
        self._forecast.begin()
        for page in self._listing.pages(deadline=deadline):
            self._forecast.add(page)
            yield page
