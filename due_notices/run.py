"""One run, in numbered steps. All or nothing: if any page of users cannot be read, nothing is sent.

1. Outside the send window, or on a closed day: nothing is done.
2. The ledger knows the earlier runs: if today's is completed, nothing is left to do.
3. Read all users and plan who is owed a notice (`reading`, `planning`).
4. Ask the ledger what was sent already (`delivery.standing`).
5. More owed notices than NOTICE_LIMIT: nothing is sent.
6. Claim each notice in the ledger, send it, mark it as sent (`delivery`).
7. Record the run, and delete what the ledger need not remember any longer.

Whatever fails ends in the report. What a failed run leaves in the ledger lets the next tick go on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import traceback
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePath

from due_notices import VERSION
from due_notices.delivery import Delivery, standing
from due_notices.errors import DueNoticesError, StorageError
from due_notices.planning import Day
from due_notices.policy import Policy
from due_notices.ports import Clock, Ledger, Progress, Storage, UserDirectory
from due_notices.reading import LOOK_BACK, day_of, read_and_plan, skipped_sentences
from due_notices.report import Outcome, RunReport, by_day
from due_notices.services import Services, opened

FORGOTTEN_AT_A_TIME = 1_000  # rows of the ledger
MOST_FORGOTTEN = 50_000  # more than a usual NOTICE_LIMIT in a day, so that forgetting keeps up
LONGEST_FORGETTING = 60.0  # seconds
REMEMBERED_AFTER_SENDING = timedelta(days=90)  # as long as consumers keep ids
USUAL_RUNS = 60  # what is usual is the median of the last ones
UNUSUAL_FACTOR = 10
UNUSUAL_LEAST = 100  # below this many notices nothing is unusual


def send_due_notices(policy: Policy, services: Services, progress: Progress | None = None) -> RunReport:
    """Send every notice that is owed now, and return what happened. Whatever fails ends in the report."""
    clock, progress = services.clock, progress or Progress()
    started, now = clock.monotonic(), clock.now()
    report = RunReport(uuid.uuid4().hex, policy.business_date(now), version=VERSION, at=now)
    if (closed := policy.why_closed(now)) is not None:
        report.outcome, report.note = Outcome.OUTSIDE_WINDOW, closed
        return report
    try:
        with opened(services.open_storage, to_write=True) as (storage, runner):
            try:
                _send(policy, services, progress, report, storage, runner, started)
            except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
                report.fail(_sentence(error))
            report.time("total", clock.monotonic() - started)
            runner.run(_record(report, storage, clock.now()))
            if report.completed:
                runner.run(_forget(policy, clock, storage.ledger, report, progress))
    except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
        report.fail(_sentence(error))
    return report


def _send(
    policy: Policy,
    services: Services,
    progress: Progress,
    report: RunReport,
    storage: Storage,
    runner: asyncio.Runner,
    started: float,
) -> None:
    """Fill the report; leave its outcome at `failed` where not every owed notice is on the queue."""
    clock, deadline = services.clock, started + policy.longest.total_seconds()
    runs = by_day(runner.run(storage.ledger.runs(report.business_date - LOOK_BACK)))
    if any(run.completed and run.business_date == report.business_date for run in runs):
        report.outcome = Outcome.ALREADY_COMPLETED
        return
    runner.run(storage.ledger.record_run(dataclasses.replace(report, outcome=Outcome.BEGAN)))

    day, directory = day_of(report.business_date, runs), services.open_directory()
    try:
        plan = read_and_plan(policy, directory, clock, progress, day, deadline=deadline)
    finally:
        _take_directory(report, directory, progress)
    report.time("read", (read_until := clock.monotonic()) - started)
    report.take_plan(plan)
    for skipped in skipped_sentences(plan):
        progress.detail(skipped)

    stand = runner.run(standing(plan, storage.ledger))
    report.take_standing(stand)
    _compare_with_usual(report, runs, day)
    if report.owed > policy.limit:
        report.stop_at(policy.limit)
        return

    progress.owed(report.owed)
    delivery = Delivery(
        storage, clock, progress, policy.source, str(policy.rules.time_zone), policy.lapse, deadline, policy.may_send
    )
    try:
        runner.run(delivery.deliver(stand.owed))
    finally:
        report.take_delivery(delivery)
        report.time("send", clock.monotonic() - read_until)


def _take_directory(report: RunReport, directory: UserDirectory, progress: Progress) -> None:
    report.graph_requests, report.throttled = directory.requests, directory.throttled
    report.credential = directory.credential_end
    if directory.credential_warning is not None:
        progress.warn(directory.credential_warning)


def _compare_with_usual(report: RunReport, days: Sequence[RunReport], today: Day) -> None:
    """Report the median of the completed days that had notices, and whether today's number is far from it."""
    numbers = [day.sent + day.failed for day in days[-USUAL_RUNS:] if day.completed and day.sent + day.failed]
    report.usual_owed = round(statistics.median(numbers)) if numbers else None
    if report.owed >= UNUSUAL_LEAST:
        first = today.last_completed is None
        report.unusual = first if report.usual_owed is None else report.owed >= UNUSUAL_FACTOR * report.usual_owed


async def _record(report: RunReport, storage: Storage, at: datetime) -> None:
    report.waiting, report.at = await storage.queue.waiting(), at
    if report.outcome is not Outcome.ALREADY_COMPLETED:
        await storage.ledger.record_run(report)


async def _forget(policy: Policy, clock: Clock, ledger: Ledger, report: RunReport, progress: Progress) -> None:
    """Delete what the ledger need not remember any longer; a failure or the rest is left to tomorrow's run."""
    before, until = policy.forget_before(report.business_date), clock.monotonic() + LONGEST_FORGETTING
    sent_before = report.business_date - REMEMBERED_AFTER_SENDING
    forgotten = 0
    try:
        while forgotten < MOST_FORGOTTEN and clock.monotonic() < until:
            step = await ledger.forget(before, sent_before, FORGOTTEN_AT_A_TIME)
            if not step:
                break
            forgotten += step
    except StorageError as error:
        progress.say(f"the day is done; forgetting what is older than LEDGER_RETENTION_DAYS failed: {error}")
    if forgotten:
        progress.detail(f"the ledger forgot {forgotten:,} entries from before {before}")


def _sentence(error: Exception) -> str:
    """Return what the report says of an error: its own sentence, or type and place of an unexpected one.

    The text of an unexpected error is left out: it may hold what belongs in no log.
    """
    if isinstance(error, DueNoticesError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"unexpected error {type(error).__name__} in {PurePath(last.filename).name}:{last.lineno}; the next tick tries "
        "again. If it comes back, report it with this line"
    )
