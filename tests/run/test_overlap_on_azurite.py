"""Two and four runs at the same moment, with everything real but the services themselves."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.report import Outcome, RunReport
from due_notices.run import send_due_notices
from due_notices.settings import Settings
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.fakes import START
from tests.run.world import customer, in_days

OWED = 160


class ClockOfTheDay(SystemClock):
    """The machine's clock, moved to the day of these tests and to a host's own idea of it."""

    def __init__(self, skew: timedelta) -> None:
        self._shift = START - super().now() + skew

    def now(self) -> datetime:
        return super().now() + self._shift


@pytest.mark.parametrize("skews", [(-60, 60), (0, 0, 0, 0)], ids=str)
def test_runs_at_the_same_moment_send_every_notice_once(
    stack: LocalStack, storage_access: StorageAccess, skews: tuple[int, ...]
) -> None:
    stack.graph.users = [
        {**customer(number), stack.attribute: in_days((7, 3, 1, 0)[number % 4])} for number in range(OWED)
    ]
    settings = Settings.from_mapping({**stack.environ, **storage_access.environ, "SEND_WINDOW": "00:00-24:00"})

    def run(skew: int) -> RunReport:
        services = bootstrap.build_services(settings, ClockOfTheDay(timedelta(seconds=skew)))
        return send_due_notices(settings.policy, services)

    stack.tell_time(ClockOfTheDay(timedelta()).now)
    with ThreadPoolExecutor(len(skews)) as pool:
        reports = list(pool.map(run, skews))

    assert Counter(Counter(storage_access.ids()).values()) == {1: OWED}
    assert sum(report.sent for report in reports) == OWED
    for report in reports:
        assert report.outcome in {Outcome.COMPLETED, Outcome.ALREADY_COMPLETED}, report.error
        if report.outcome is Outcome.COMPLETED:
            assert report.sent + report.already_sent == OWED
    rows = storage_access.rows()
    assert Counter(row["state"] for row in rows if row["PartitionKey"] not in {"runs", "format"}) == {"sent": OWED}
    recorded = [row for row in rows if row["PartitionKey"] == "runs"]
    assert Counter(row["outcome"] for row in recorded) == {
        "completed": sum(report.outcome is Outcome.COMPLETED for report in reports)
    }
