"""What `audit` reads from the ledger, notice by notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from due_notices.commands.audit.figures import Period
from due_notices.policy import Policy
from due_notices.ports import Ledger, PastNotice
from due_notices.reading import RECORDS_BACK
from due_notices.report import RunReport, by_day
from due_notices.services import Services, opened


def look_back(
    policy: Policy, services: Services, period: Period, user_id: str | None, found: Callable[[PastNotice], None]
) -> list[RunReport]:
    """Hand every notice of a period to `found`, one after another; return its days and those of the weeks before it.

    Asks the ledger alone, and keeps no notice in memory.
    """

    async def read(ledger: Ledger) -> list[RunReport]:
        async for some in ledger.history(period.first, period.last, user_id):
            for past in some:
                found(past)
        runs = [run for run in await ledger.runs(period.first - RECORDS_BACK) if run.business_date <= period.last]
        return by_day(_of_deployment(runs, policy.rules.filter_digest))

    with opened(services.open_storage) as (storage, runner):
        return runner.run(read(storage.ledger))


def _of_deployment(runs: Sequence[RunReport], digest: str) -> list[RunReport]:
    """Return the runs with the same USER_FILTER and allow list and, of the days before the first of them, all.

    A run with another filter, as on a laptop, ends nobody's day; before the first one with this filter the setting was
    another, and nothing says which.
    """
    first = min((run.business_date for run in runs if run.filter_digest == digest), default=date.max)
    return [run for run in runs if run.filter_digest == digest or run.business_date < first]
