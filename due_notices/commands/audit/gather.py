"""What `audit` reads from the ledger, notice by notice."""

from __future__ import annotations

from collections.abc import Callable

from due_notices.commands.audit.figures import Period
from due_notices.ports import Ledger, PastNotice
from due_notices.reading import RECORDS_BACK
from due_notices.report import RunReport, by_day
from due_notices.services import Services, opened


def look_back(
    services: Services, period: Period, user_id: str | None, found: Callable[[PastNotice], None]
) -> list[RunReport]:
    """Hand every notice of a period to `found`, one after another; return its runs and those of the weeks before it.

    Asks the ledger alone, and keeps no notice in memory.
    """

    async def read(ledger: Ledger) -> list[RunReport]:
        async for some in ledger.history(period.first, period.last, user_id):
            for past in some:
                found(past)
        return by_day(await ledger.runs(period.first - RECORDS_BACK))

    with opened(services.open_storage) as (storage, runner):
        return [record for record in runner.run(read(storage.ledger)) if record.business_date <= period.last]
