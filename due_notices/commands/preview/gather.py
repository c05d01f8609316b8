"""What a run on a business date would do, found without sending or writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from due_notices.delivery import Standing, standing
from due_notices.planning import Plan
from due_notices.policy import Policy
from due_notices.ports import Progress
from due_notices.reading import LOOK_BACK, SKIPS_NAMED, day_of, read_and_plan
from due_notices.report import by_day
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run on a business date would do."""

    plan: Plan
    standing: Standing


def preview_day(
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
        records = by_day(runner.run(storage.ledger.runs(today - LOOK_BACK)))
        plan = read_and_plan(
            policy,
            services.open_directory(),
            services.clock,
            progress or Progress(),
            day_of(today, records),
            list_skips=list_skips,
        )
        return Preview(plan, runner.run(standing(plan, storage.ledger)))
