"""The runs that are still to come: what is shown of a later day assumes that each of them completes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from due_notices.calendars import ONE_DAY
from due_notices.commands.counted import counted
from due_notices.policy import Policy
from due_notices.report import RunReport
from due_notices.run import is_done

TODAY_IS_DONE = "today's run is completed"
_FURTHEST = 400  # days until the next run


@dataclass(frozen=True, slots=True)
class ComingRuns:
    """The runs from the next tick after `now` on; `recorded` are those that the ledger knows."""

    policy: Policy
    recorded: Sequence[RunReport]
    now: datetime

    def why_none(self, day: date) -> str | None:
        """Return why no run looks at the users on `day` any more by itself; None where one does."""
        policy = self.policy
        if (closed := policy.rules.stages.calendar.why_closed(day)) is not None:
            return closed
        runs = [run for run in self.recorded if run.business_date == day]
        coming = (tick > self.now and not is_done(policy, day, runs, tick) for tick in policy.ticks(day))
        if at_work(runs, policy, self.now) or any(coming):
            return None
        if day != policy.business_date(self.now):
            return "no tick of NOTICE_SCHEDULE lies inside SEND_WINDOW"
        if is_done(policy, day, runs, self.now):
            return TODAY_IS_DONE
        local = self.now.astimezone(policy.rules.time_zone).time()
        if policy.window.closes is not None and local >= policy.window.closes:
            return "today's send window is over"
        return "no tick of NOTICE_SCHEDULE is left inside today's send window"

    def before(self, last: date) -> list[date]:
        """Return the days from today until the one before `last` on which a run comes."""
        return [day for day in self._days(last) if self.why_none(day) is None]

    def first_from(self, day: date) -> date:
        """Return the first day from `day` on which a run comes; `day` itself where none does for more than a year."""
        days = (day + timedelta(days=offset) for offset in range(_FURTHEST))
        return next((each for each in days if self.why_none(each) is None), day)

    def _days(self, last: date) -> Iterator[date]:
        day = self.policy.business_date(self.now)
        while day < last:
            yield day
            day += ONE_DAY


def at_work(runs: Sequence[RunReport], policy: Policy, now: datetime) -> RunReport | None:
    """Return the last of some runs that began, has not ended, and may still."""
    return next((run for run in reversed(runs) if run.is_at_work(now, policy.longest)), None)


def at_work_sentence(runs: Sequence[RunReport], policy: Policy, now: datetime) -> str | None:
    """Say, where one of some runs is at work, since when, and until when at the latest."""
    run = at_work(runs, policy, now)
    if run is None or run.at is None or (ends := run.ends_by(policy.longest)) is None:
        return None
    began, last = (moment.astimezone(policy.rules.time_zone) for moment in (run.at, ends))
    which = f"orchestration, in {counted(run.shards, 'shard')}," if run.shards else "run"
    return f"the {which} of {run.business_date} has been at work since {began:%H:%M}, and ends by {last:%H:%M}"
