"""Look without touching: what a run would send, what the coming days bring, and why a customer is notified or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from due_notices.audit import Period
from due_notices.delivery import Standing, standing
from due_notices.explaining import ObligationView, UserView, Verdict, sentence, view, without
from due_notices.forecast import Forecast
from due_notices.planning import Plan
from due_notices.policy import Policy
from due_notices.ports import GraphUser, Ledger, LedgerEntry, PastNotice, Progress, RunRecord, UserListing
from due_notices.progress import Silent
from due_notices.reading import LOOK_BACK, SKIPS_NAMED, day_of, is_completed, read_and_plan
from due_notices.services import Services, opened
from due_notices.status import Situation


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run on a business date would do."""

    plan: Plan
    standing: Standing


def preview(
    policy: Policy,
    services: Services,
    progress: Progress | None = None,
    *,
    business_date: date | None = None,
    list_skips: int | None = SKIPS_NAMED,
) -> Preview:
    """Return what a run would send, writing nothing; `business_date` is today unless given."""
    today = business_date or policy.business_date(services.clock.now())
    with opened(services.open_storage) as (storage, runner):
        records = runner.run(storage.ledger.runs(today - LOOK_BACK))
        plan = read_and_plan(
            policy,
            services.open_directory(),
            services.clock,
            progress or Silent(),
            day_of(today, records),
            list_skips=list_skips,
        )
        return Preview(plan, runner.run(standing(plan, storage.ledger)))


def look_around(policy: Policy, services: Services, tick_of: Callable[[date], datetime | None]) -> Situation:
    """Return what ledger and queues say now; `tick_of` tells a day's first tick. Asks neither Graph nor the vault."""
    now = services.clock.now()
    today = policy.business_date(now)
    with opened(services.open_storage) as (storage, runner):
        records = runner.run(storage.ledger.runs(today - LOOK_BACK))
        return Situation(now, policy, records, runner.run(storage.queue.look()), tick_of(today))


def look_back(
    services: Services, period: Period, user_id: str | None, found: Callable[[PastNotice], None]
) -> list[RunRecord]:
    """Hand every notice of a period to `found`, one after another; return its runs and those of the weeks before it.

    Asks the ledger alone, and keeps no notice in memory.
    """

    async def read(ledger: Ledger) -> list[RunRecord]:
        async for some in ledger.history(period.since, period.until, user_id):
            for past in some:
                found(past)
        return await ledger.runs(period.first - LOOK_BACK)

    with opened(services.open_storage) as (storage, runner):
        return [record for record in runner.run(read(storage.ledger)) if record.business_date <= period.last]


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
        records = runner.run(storage.ledger.runs(today - LOOK_BACK))
        done = any(record.business_date == today and is_completed(record) for record in records)
        closed = {day: why for day in calendar if (why := _why_nothing(policy, day, now, today_done=done))}
        sending = [day for day in calendar if day not in closed]
        if not sending:
            return tuple(ComingDay(day, {}, closed[day]) for day in calendar)
        forecast = Forecast(policy.rules, sending)
        listing = _Watched(services.open_directory(), forecast)
        plan = read_and_plan(
            policy, listing, services.clock, progress or Silent(), day_of(sending[0], records), list_skips=0
        )
        owed = runner.run(standing(plan, storage.ledger)).owed
    counts = {**forecast.counts, sending[0]: Counter(item.notice.stage for item in owed)}
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

    def pages(
        self, due_dates: Collection[date] | None = None, *, deadline: float | None = None
    ) -> Iterator[Sequence[GraphUser]]:
        wanted = None if due_dates is None else self._forecast.due_dates().union(due_dates)
        self._forecast.begin()
        for page in self._listing.pages(wanted, deadline=deadline):
            self._forecast.add(page)
            yield page


@dataclass(frozen=True, slots=True)
class Explanation:
    """One user as a run sees them, with what the ledger has of each stage, by notice id.

    `listed` is false when USER_FILTER leaves the user out of a run's reading.
    """

    view: UserView
    entries: Mapping[str, LedgerEntry]
    listed: bool
    catch_up_days: int

    def verdict(self, obligation: ObligationView) -> Verdict:
        """Return what becomes of one of the user's obligations."""
        return obligation.verdict(self._current(obligation))

    def verdict_sentence(self, obligation: ObligationView) -> str:
        """Return the same as one sentence."""
        return sentence(obligation, self._current(obligation), self.view.day, self.catch_up_days)

    def _current(self, obligation: ObligationView) -> LedgerEntry | None:
        current = obligation.current
        return None if current is None else self.entries.get(current.notice_id)


def explain_user(
    policy: Policy,
    services: Services,
    identifier: str,
    progress: Progress | None = None,
    *,
    business_date: date | None = None,
) -> Explanation | None:
    """Return why a user is, or is not, notified; None where Graph knows no such user. Writes nothing.

    Whether another account tells the same person the same thing only a reading of all users can tell; it
    is done where the user is a candidate with an address and a reference.
    """
    today = business_date or policy.business_date(services.clock.now())
    directory, rules = services.open_directory(), policy.rules
    graph_user = directory.user(identifier)
    if graph_user is None:
        return None
    with opened(services.open_storage) as (storage, runner):
        day = day_of(today, runner.run(storage.ledger.runs(today - LOOK_BACK)))
        seen = view(graph_user, rules, day)
        listed = directory.lists(seen.user.id)
        candidates = [view.notice for view in seen.obligations if view.notice is not None]
        if listed and any(notice.user.email and notice.obligation.reference for notice in candidates):
            plan = read_and_plan(policy, directory, services.clock, progress or Silent(), day)
            seen = without(seen, {notice.id for notice in plan.notices})
        entries = {}
        for stage in (stage for obligation in seen.obligations for stage in obligation.stages):
            entry = runner.run(storage.ledger.entry(stage.partition, stage.notice_id))
            if entry is not None:
                entries[stage.notice_id] = entry
        return Explanation(seen, entries, listed, rules.stages.catch_up_days)
