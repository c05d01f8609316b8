"""What `status` looks at: ledger and queues now and, with --ahead, the coming days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from due_notices.commands.ahead import ComingRuns
from due_notices.commands.days_without_tick import days_without_tick
from due_notices.commands.status.verdict import Situation
from due_notices.credentials import CredentialKind
from due_notices.deadline import Deadline
from due_notices.falls import why_miscounted
from due_notices.planning import Planner
from due_notices.policy import Policy
from due_notices.ports import Progress
from due_notices.reading import RECORDS_BACK, ask_ledger, days_to, parts_of, past_runs, read_users
from due_notices.report import Outcome, by_day, of_filter
from due_notices.services import Services, opened

PATIENCE = timedelta(seconds=15)  # an operator is waiting at the screen


def look_around(policy: Policy, services: Services, kind: CredentialKind = CredentialKind.SECRET) -> Situation:
    """Return what ledger and queues say now. Asks neither Graph nor the vault."""
    now = services.clock.now()
    today = policy.business_date(now)
    deadline = Deadline.after(services.clock, PATIENCE, limit=f"{PATIENCE.total_seconds():.0f} s")
    with opened(services.open_storage, deadline=deadline) as (storage, runner):
        runs = runner.run(deadline.bind(storage.ledger.runs(today - RECORDS_BACK), "reading the ledger"))
        looks = runner.run(deadline.bind(storage.queue.look(), "looking at the queues"))
    past = [run for run in runs if run.business_date <= today]
    own = of_filter(past, policy.rules.filter_digest)
    return Situation(
        now,
        policy,
        by_day(own),
        looks,
        policy.first_tick(today),
        days_without_tick(policy, today),
        last=own[-1] if own else None,
        others=[run for run in past if run.filter_digest != policy.rules.filter_digest],
        later=[run for run in runs if run.business_date > today],
        unfinished=[run for run in past if run.outcome is Outcome.BEGAN],
        kind=kind,
    )


@dataclass(frozen=True, slots=True)
class ComingDay:
    """How many notices a coming day brings, by stage. On a closed day none leave, and `closed` says why."""

    date: date
    stages: Mapping[int, int]
    closed: str | None = None


class Coming(NamedTuple):
    """The coming days, and why their numbers may be wrong: the tenant counts other users than were read."""

    days: tuple[ComingDay, ...]
    doubt: str | None = None


def look_ahead(policy: Policy, services: Services, days: int, progress: Progress | None = None) -> Coming:
    """Return what the coming `days` bring, today included, from one reading of the directory. Writes nothing.

    Each day gets what its run will send if those before it complete and nothing changes in the directory.
    """
    now = services.clock.now()
    today = policy.business_date(now)
    calendar = [today + timedelta(days=offset) for offset in range(days)]
    with opened(services.open_storage) as (storage, runner):
        runs = runner.run(past_runs(storage.ledger, today))
        coming = ComingRuns(policy, runs, now)
        closed = {day: why for day in calendar if (why := coming.why_none(day)) is not None}
        sending = [day for day in calendar if day not in closed]
        if not sending:
            return Coming(tuple(ComingDay(day, {}, closed[day]) for day in calendar))
        planned = days_to(sending[-1], runs, policy.rules, sending[:-1])
        read = read_users(
            services.open_directory(),
            services.clock,
            progress or Progress(),
            lambda: Planner(policy.rules, planned, list_skips=0),
            runner.run(parts_of(policy, runs, today, storage.ledger)),
        )
        plan = runner.run(ask_ledger(read.planner, storage.ledger))
    counts = {**read.planner.coming, sending[-1]: Counter(notice.stage for notice in plan.notices)}
    found = (ComingDay(day, dict(sorted(counts.get(day, Counter()).items())), closed.get(day)) for day in calendar)
    return Coming(tuple(found), why_miscounted(plan.users_read, read.counted))
