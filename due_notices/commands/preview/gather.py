"""What a run on a business date would do, found without sending or writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from due_notices.commands.ahead import runs_before
from due_notices.planning import Plan, Planner
from due_notices.policy import Policy
from due_notices.ports import Progress
from due_notices.reading import LOOK_BACK, SKIPS_NAMED, ask_ledger, days_to, read_users
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run on a business date would do; `completed` is whether that day's run is completed already."""

    plan: Plan
    completed: bool = False


def preview_day(
    policy: Policy,
    services: Services,
    progress: Progress | None = None,
    *,
    business_date: date | None = None,
    list_skips: int | None = SKIPS_NAMED,
    send_missed: bool = False,
) -> Preview:
    """Return what a run would send, writing nothing; `business_date` is today unless given.

    For a later day every run from the next tick on is assumed to complete. With `send_missed` it is what
    `run --missed` would send.
    """
    now = services.clock.now()
    today = business_date or policy.business_date(now)
    with opened(services.open_storage) as (storage, runner):
        runs = runner.run(storage.ledger.runs(policy.business_date(now) - LOOK_BACK))
        days = days_to(today, runs, policy.rules, runs_before(policy, today, runs, now))
        planner = read_users(
            services.open_directory(),
            services.clock,
            progress or Progress(),
            lambda: Planner(policy.rules, days, list_skips, send_missed),
        )
        plan = runner.run(ask_ledger(planner, storage.ledger))
    return Preview(plan, any(run.completed and run.business_date == today for run in runs))
