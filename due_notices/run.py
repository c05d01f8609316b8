"""One run: read the directory, plan, ask the ledger, deliver, record.

Either the whole directory was read, or nothing is sent. A run that fails leaves claims and the day's record
such that the next tick repairs it.
"""

from __future__ import annotations

import asyncio
import statistics
import uuid
from collections.abc import Sequence

from due_notices.delivery import Delivery, standing
from due_notices.errors import DueNoticesError, StorageError
from due_notices.planning import Day
from due_notices.policy import Policy
from due_notices.ports import Clock, Ledger, Progress, Storage
from due_notices.progress import Silent
from due_notices.reading import LOOK_BACK, day_of, read_and_plan, skipped_sentences
from due_notices.report import Outcome, RunReport
from due_notices.services import Services, opened

FORGOTTEN_AT_A_TIME = 1_000  # rows of the ledger
MOST_FORGOTTEN = 50_000  # more than a usual NOTICE_LIMIT in a day, so that forgetting keeps up
LONGEST_FORGETTING = 60.0  # seconds
USUAL_RUNS = 60  # what is usual is the median of the last ones
UNUSUAL_FACTOR = 10
UNUSUAL_LEAST = 100  # below this many notices nothing is unusual


def send_due_notices(policy: Policy, services: Services, progress: Progress | None = None) -> RunReport:
    """Send every notice that is owed now, and return what happened.

    Errors of the outside world end in the report, whose outcome is then `failed`; they do not raise.
    """
    clock = services.clock
    started, now = clock.monotonic(), clock.now()
    report = RunReport(uuid.uuid4().hex, policy.business_date(now))
    if (closed := policy.why_closed(now)) is not None:
        report.outcome, report.note = Outcome.OUTSIDE_WINDOW, closed
        return report
    try:
        with opened(services.open_storage) as (storage, runner):
            try:
                _send(policy, services, progress or Silent(), report, storage, runner, started)
            except DueNoticesError as error:
                report.error = str(error)
            report.seconds = {**report.seconds, "total": clock.monotonic() - started}
            report.waiting = runner.run(storage.queue.waiting())
            if report.outcome is not Outcome.ALREADY_COMPLETED:
                runner.run(storage.ledger.record_run(report))
            if report.outcome is Outcome.COMPLETED:
                runner.run(_forget(policy, services.clock, storage.ledger, report, progress or Silent()))
    except StorageError as error:
        report.outcome = Outcome.FAILED
        if str(error) not in (report.error or ""):  # a table that is not there is met when sending and when recording
            report.error = "; ".join(filter(None, (report.error, str(error))))
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
    clock, today = services.clock, report.business_date
    records = runner.run(storage.ledger.runs(today - LOOK_BACK))
    if any(record.business_date == today and record.completed for record in records):
        report.outcome = Outcome.ALREADY_COMPLETED
        return
    deadline = started + policy.longest.total_seconds()
    day = day_of(today, records)
    directory = services.open_directory()
    try:
        plan = read_and_plan(policy, directory, clock, progress, day, deadline=deadline)
    finally:
        report.graph_requests, report.throttled = directory.requests, directory.throttled
        report.credential = directory.credential_end
        if directory.credential_warning is not None:
            progress.warn(directory.credential_warning)
    read_until = clock.monotonic()
    report.users_read, report.obligations = plan.users_read, plan.obligations
    report.skipped = {reason.value: count for reason, count in plan.skipped.items()}
    report.seconds = {"read": read_until - started}
    for skipped in skipped_sentences(plan):
        progress.detail(skipped)

    stand = runner.run(standing(plan, storage.ledger))
    report.owed, report.already_sent = len(stand.owed), stand.already_sent
    report.superseded, report.expired = stand.superseded, stand.expired
    report.usual_owed = _usual(records)
    report.unusual = _is_unusual(report.owed, report.usual_owed, day)
    if report.owed > policy.limit:
        report.outcome = Outcome.LIMIT
        report.error = (
            f"{report.owed:,} notices are owed and NOTICE_LIMIT is {policy.limit:,}: nothing was sent. Look at "
            "them with `python -m due_notices preview`; if they are right, raise NOTICE_LIMIT, and the next tick "
            "sends them"
        )
        return

    progress.owed(report.owed)
    delivery = Delivery(storage, clock, progress, report.run_id, policy.source, policy.lapse, deadline)
    runner.run(delivery.deliver(stand.owed))
    report.sent, report.late = delivery.sent, delivery.late
    report.already_sent += delivery.taken
    report.failed = report.owed - delivery.sent - delivery.taken
    report.stages = {str(stage): count for stage, count in sorted(delivery.stages.items())}
    report.seconds = {**report.seconds, "send": clock.monotonic() - read_until}
    report.error = _problems(delivery)
    if not report.failed and not delivery.problems:
        report.outcome = Outcome.COMPLETED


async def _forget(policy: Policy, clock: Clock, ledger: Ledger, report: RunReport, progress: Progress) -> None:
    """Delete what the ledger need not remember any longer; a failure or the rest is left to tomorrow's run."""
    before, until = policy.forget_before(report.business_date), clock.monotonic() + LONGEST_FORGETTING
    forgotten = 0
    try:
        while forgotten < MOST_FORGOTTEN and clock.monotonic() < until:
            step = await ledger.forget(before, FORGOTTEN_AT_A_TIME)
            if not step:
                break
            forgotten += step
    except StorageError as error:
        progress.say(f"the day is done; forgetting what is older than LEDGER_RETENTION_DAYS failed: {error}")
    if forgotten:
        progress.detail(f"the ledger forgot {forgotten:,} entries from before {before}")


def _usual(records: Sequence[RunReport]) -> int | None:
    """Return the median number of notices of the completed runs that had any."""
    owed = [record.owed for record in records[-USUAL_RUNS:] if record.completed and record.owed]
    return round(statistics.median(owed)) if owed else None


def _is_unusual(owed: int, usual: int | None, day: Day) -> bool:
    """Whether somebody should look: ten times the usual number, or many at the very first run."""
    if owed < UNUSUAL_LEAST:
        return False
    return day.last_completed is None if usual is None else owed >= UNUSUAL_FACTOR * usual


def _problems(delivery: Delivery) -> str | None:
    if not delivery.problems:
        return None
    return "; ".join(f"{text} ({count} times)" if count > 1 else text for text, count in delivery.problems.items())
