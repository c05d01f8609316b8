"""What a run on a business date would do, found without sending or writing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from due_notices.commands.ahead import ComingRuns, at_work_sentence
from due_notices.planning import Plan, Planner
from due_notices.policy import Policy
from due_notices.ports import Progress
from due_notices.reading import SKIPS_NAMED, ask_ledger, days_to, parts_of, past_runs, read_users
from due_notices.report import RunReport
from due_notices.run import compare, is_completed
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run on a business date would do; `completed` is whether that day's run is completed already.

    `fallen` is why the run would find too little, None where it would not; `signs` are worth a look. `at_work` says of
    a run that it is at work now.
    """

    plan: Plan
    completed: bool = False
    fallen: str | None = None
    signs: Mapping[str, str] = field(default_factory=dict)
    at_work: str | None = None


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
        runs = runner.run(past_runs(storage.ledger, policy.business_date(now)))
        days = days_to(today, runs, policy.rules, ComingRuns(policy, runs, now).before(today))
        directory = services.open_directory()
        read = read_users(
            directory,
            services.clock,
            progress or Progress(),
            lambda: Planner(policy.rules, days, list_skips, send_missed),
            runner.run(parts_of(policy, runs, policy.business_date(now), storage.ledger)),
        )
        plan = runner.run(ask_ledger(read.planner, storage.ledger))
    report = RunReport("", today, filter_digest=policy.rules.filter_digest, reach=days[-1].own_reach)
    report.take_plan(plan)
    report.users_counted = read.counted
    fallen = compare(report, runs, policy)
    return Preview(plan, is_completed(policy, today, runs), fallen, report.signs, at_work_sentence(runs, policy, now))
