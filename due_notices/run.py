"""One run, in numbered steps. All or nothing: if any page of users cannot be read, nothing is sent.

1. Outside the send window, or on a closed day: nothing is done.
2. The ledger knows the earlier runs: if today's is completed, nothing is left to do, unless it is wished otherwise.
3. Read all users, and gather what the ledger must be asked for (`reading`, `planning`).
4. Ask the ledger what was sent before, and decide (`ladder`).
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
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import NamedTuple

from due_notices import VERSION
from due_notices.delivery import Delivery
from due_notices.errors import DueNoticesError, StorageError
from due_notices.ladder import Day
from due_notices.planning import Planner
from due_notices.policy import Policy
from due_notices.ports import Clock, Ledger, Progress, Storage, UserDirectory
from due_notices.reading import (
    LOOK_BACK,
    SKIPS_NAMED,
    ask_ledger,
    days_to,
    given_up_sentences,
    read_users,
    skipped_sentences,
)
from due_notices.report import Outcome, RunReport, by_day
from due_notices.services import Services, opened

FORGOTTEN_AT_A_TIME = 1_000  # rows of the ledger
MOST_FORGOTTEN = 50_000  # more than a usual NOTICE_LIMIT in a day, so that forgetting keeps up
LONGEST_FORGETTING = 60.0  # seconds
REMEMBERED_AFTER_SENDING = timedelta(days=90)  # as long as consumers keep ids
USUAL_RUNS = 60  # what is usual is the median of the last ones
UNUSUAL_FACTOR = 10
UNUSUAL_LEAST = 100  # below this many notices nothing is unusual


class Wish(Enum):
    """What a run is asked for; all but the first look at a completed day, too."""

    OWED = "what is owed"
    AGAIN = "what is owed, although the day's run is completed"
    MISSED = "what is owed, and one notice for each obligation that was missed or has expired"


def send_due_notices(
    policy: Policy, services: Services, progress: Progress | None = None, wish: Wish = Wish.OWED
) -> RunReport:
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
                _send(_Run(policy, services, progress, wish, storage, runner, started), report)
            except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
                report.fail(_sentence(error))
            report.time("total", clock.monotonic() - started)
            report.at = clock.now()
            runner.run(_record(report, storage))
            if report.completed:
                runner.run(_forget(policy, clock, storage.ledger, report, progress))
    except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
        report.fail(_sentence(error))
    return report


class _Run(NamedTuple):
    """What one run works with."""

    policy: Policy
    services: Services
    progress: Progress
    wish: Wish
    storage: Storage
    runner: asyncio.Runner
    started: float

    @property
    def deadline(self) -> float:
        """When the run must have ended, on the clock's monotonic scale."""
        return self.started + self.policy.longest.total_seconds()


def _send(run: _Run, report: RunReport) -> None:
    """Fill the report; leave its outcome at `failed` where not every owed notice is on the queue."""
    policy, clock, ledger = run.policy, run.services.clock, run.storage.ledger
    runs = run.runner.run(ledger.runs(report.business_date - LOOK_BACK))
    if run.wish is Wish.OWED and _is_done(policy, report.business_date, runs, clock.now()):
        report.outcome = Outcome.ALREADY_COMPLETED
        return
    days = days_to(report.business_date, runs, policy.rules)
    report.rules_digest, report.reach = policy.rules.digest, days[-1].own_reach
    run.runner.run(ledger.record_run(dataclasses.replace(report, outcome=Outcome.BEGAN)))

    directory = run.services.open_directory()
    try:
        planner = read_users(
            directory,
            clock,
            run.progress,
            lambda: Planner(policy.rules, days, SKIPS_NAMED, send_missed=run.wish is Wish.MISSED),
            deadline=run.deadline,
        )
    finally:
        _take_directory(report, directory, run.progress)
    report.time("read", (read_until := clock.monotonic()) - run.started)

    plan = run.runner.run(ask_ledger(planner, ledger))
    report.take_plan(plan)
    for sentence in (*skipped_sentences(plan), *given_up_sentences(plan)):
        run.progress.detail(sentence)
    _compare_with_usual(report, by_day(runs), plan.day)
    if report.owed > policy.limit:
        report.stop_at(policy.limit)
        return

    run.progress.owed(report.owed)
    delivery = Delivery(
        run.storage,
        clock,
        run.progress,
        policy.source,
        str(policy.rules.time_zone),
        policy.lapse,
        run.deadline,
        policy.may_send,
    )
    try:
        run.runner.run(delivery.deliver(plan.notices))
    finally:
        report.take_delivery(delivery)
        report.time("send", clock.monotonic() - read_until)


def _is_done(policy: Policy, today: date, runs: Sequence[RunReport], now: datetime) -> bool:
    """Whether the day's run is completed, and not yet to be looked at again."""
    completed = [run for run in runs if run.completed and run.business_date == today]
    return bool(completed) and not policy.looks_again(now, completed[-1].at)


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


async def _record(report: RunReport, storage: Storage) -> None:
    report.waiting = await storage.queue.waiting()
    if report.outcome is not Outcome.ALREADY_COMPLETED:
        await storage.ledger.record_run(report)


async def _forget(policy: Policy, clock: Clock, ledger: Ledger, report: RunReport, progress: Progress) -> None:
    """Delete what the ledger need not remember any longer; a failure or the rest is left to tomorrow's run."""
    before = policy.forget_before(report.business_date, report.reach or report.business_date)
    sent_before, until = report.business_date - REMEMBERED_AFTER_SENDING, clock.monotonic() + LONGEST_FORGETTING
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
