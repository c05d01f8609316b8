"""One run, in numbered steps. All or nothing: if any page of users cannot be read, nothing is sent.

1. Outside the send window, or on a closed day: nothing is done.
2. Ask the ledger for the runs before: if one has completed today, the run ends, unless another look is wanted.
3. Read all users, and gather what the ledger must be asked for (`reading`, `planning`).
4. Ask the ledger what was sent before, and decide (`ladder`).
5. Compare with the runs before: far fewer users or values are a fall, which keeps the day open (`falls`).
6. More owed notices than NOTICE_LIMIT: nothing is sent.
7. Claim each notice in the ledger, send it, mark it as sent (`delivery`).
8. Record the run, report it, and delete what the ledger need not remember any longer.

Whatever fails, the run ends in a report; one deadline binds all of it. The next tick goes on from what a failed run has
left in the ledger.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import statistics
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import Flag, auto
from typing import Any, NamedTuple, TypeVar

from due_notices import VERSION
from due_notices.deadline import Deadline
from due_notices.delivery import Delivery
from due_notices.errors import ClockError, StorageError, sentence_of
from due_notices.falls import ACCEPT, base_of, signs_of, why_fallen
from due_notices.in_force import in_force
from due_notices.ladder import Day
from due_notices.model import Notice
from due_notices.parts import rolled_up
from due_notices.planning import Plan, Planner
from due_notices.policy import Policy, is_refused, skew_sentence
from due_notices.ports import Progress, Storage, UserDirectory
from due_notices.reading import (
    SKIPS_NAMED,
    Read,
    ask_ledger,
    days_to,
    given_up_sentences,
    parts_of,
    past_runs,
    read_users,
    skipped_sentences,
)
from due_notices.report import Outcome, RunReport, by_day, of_filter
from due_notices.services import Services, opened

_T = TypeVar("_T")

# Kept of a run's time for what is still under way at its deadline and for its record; of a short run a quarter.
FOR_THE_END = timedelta(minutes=3)
REMEMBERED_AFTER_SENDING = timedelta(days=90)  # as long as consumers keep ids
MEDIAN_DAYS = 60  # what is usual is the median of the last ones that had notices
UNUSUAL_FACTOR = 10
UNUSUAL_LEAST = 100  # below this many notices nothing is unusual


class Wish(Flag):
    """What an operator wants of a run besides what is owed; with any of these it looks at a completed day, too."""

    OWED = 0
    AGAIN = auto()  # look again, and nothing else
    MISSED = auto()  # one notice for each obligation that was missed or has expired
    ACCEPT = auto()  # what is found counts as normal, however little it is


def send_due_notices(
    policy: Policy, services: Services, progress: Progress | None = None, wish: Wish = Wish.OWED
) -> RunReport:
    """Send every notice that is owed now, and return what happened. Whatever fails ends in the report.

    `progress` gets the report before old rows are deleted, which may take time.
    """
    clock, progress = services.clock, progress or Progress()
    report = new_report(policy, clock.now())
    if report.outcome is Outcome.OUTSIDE_WINDOW:
        progress.ended(report)
    else:
        carry_out(policy, services, progress, report, _whole_run, wish)
    return report


def new_report(policy: Policy, now: datetime) -> RunReport:
    """Return the report of a run that begins now, and that has ended where nothing may be sent now."""
    report = RunReport(uuid.uuid4().hex, policy.business_date(now), version=VERSION, at=now)
    if (closed := policy.why_closed(now)) is not None:
        report.outcome, report.note = Outcome.OUTSIDE_WINDOW, closed
    return report


class Run(NamedTuple):
    """What one run, or one shard of one, works with."""

    policy: Policy
    services: Services
    progress: Progress
    wish: Wish
    storage: Storage
    runner: asyncio.Runner
    started: float
    deadline: Deadline

    def within(self, work: Coroutine[Any, Any, _T], what: str) -> _T:
        """Do what the storage does within the time that the run has."""
        return self.runner.run(self.deadline.bind(work, what))

    def at_the_end(self, work: Coroutine[Any, Any, _T], what: str) -> _T:
        """Do what comes after the work, in the time that was kept for it."""
        end = Deadline(self.services.clock, self.started + self.policy.longest.total_seconds())
        return self.runner.run(end.bind(work, what))


@contextmanager
def working(policy: Policy, services: Services, progress: Progress, wish: Wish = Wish.OWED) -> Iterator[Run]:
    """Open what a run works with, for as long as the host lets one run."""
    clock = services.clock
    started = clock.monotonic()
    deadline = Deadline.after(clock, policy.longest - min(FOR_THE_END, policy.longest / 4))
    with opened(services.open_storage, to_write=True, accept=Wish.ACCEPT in wish, deadline=deadline) as (
        storage,
        runner,
    ):
        yield Run(policy, services, progress, wish, storage, runner, started, deadline)


def carry_out(
    policy: Policy,
    services: Services,
    progress: Progress,
    report: RunReport,
    work: Callable[[Run, RunReport], None],
    wish: Wish = Wish.OWED,
    *,
    before: float = 0.0,
) -> None:
    """Do the `work` of a run, record and log its report, and delete what is old; whatever fails is in the report.

    `before` are the seconds that the run has taken elsewhere.
    """
    reported = False
    try:
        with working(policy, services, progress, wish) as run:
            _work_and_record(run, report, work, before)
            reported = True
            progress.ended(report)
            if report.completed:
                _forget(run, report)
    except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
        if reported:
            progress.say(f"the run has ended as reported; what comes after it failed: {sentence_of(error)}")
        else:
            report.fail(sentence_of(error))
    if not reported:
        progress.ended(report)


def _work_and_record(run: Run, report: RunReport, work: Callable[[Run, RunReport], None], before: float) -> None:
    """Do the work, and record what came of it; whatever fails is in the report."""
    clock = run.services.clock
    try:
        work(run, report)
    except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
        report.fail(sentence_of(error))
    report.time("total", before + clock.monotonic() - run.started)
    report.at = clock.now()
    try:
        run.at_the_end(_record(report, run.storage), "recording the run")
    except Exception as error:  # noqa: BLE001 (the last resort: a run ends in a report)
        report.fail(sentence_of(error))


def _whole_run(run: Run, report: RunReport) -> None:
    """Do steps 2 to 7; the report's outcome stays `failed` unless every owed notice is on the queue."""
    policy, ledger, today = run.policy, run.storage.ledger, report.business_date
    runs = begin(run, report)
    if runs is None:
        return
    parts = run.within(parts_of(policy, runs, today, ledger), "asking how the users were read before")
    plan = find_owed(run, report, runs, functools.partial(read_users, parts=parts))
    name_all(plan, run.progress)
    fallen = judge(report, runs, policy, run.progress)
    if report.owed > policy.limit:
        report.stop_at(policy.limit, missed=Wish.MISSED in run.wish)
        return
    deliver(run, report, plan.notices)
    if fallen is not None and not report.accepted:
        take_fall(report, fallen, runs, policy)


def begin(run: Run, report: RunReport) -> list[RunReport] | None:
    """Record that a run has begun, and return those before it; None where the day is done; the report says so."""
    policy, ledger, today = run.policy, run.storage.ledger, report.business_date
    runs = run.within(past_runs(ledger, today), "asking for the runs before")
    if not run.wish and is_done(policy, today, runs, run.services.clock.now()):
        report.outcome = Outcome.ALREADY_COMPLETED
        return None
    run.progress.detail(in_force(policy, today))
    take_rules(report, policy, runs)
    report.accepted = Wish.ACCEPT in run.wish
    began = ledger.record_run(dataclasses.replace(report, outcome=Outcome.BEGAN))
    run.within(began, "recording that the run began")
    return runs


def take_rules(report: RunReport, policy: Policy, runs: Sequence[RunReport]) -> None:
    """Put the digests of the settings, and how far back the run asks, into a report."""
    report.rules_digest, report.filter_digest = policy.rules.digest, policy.rules.filter_digest
    report.reach = days_to(report.business_date, runs, policy.rules)[-1].own_reach


def find_owed(run: Run, report: RunReport, runs: Sequence[RunReport], read: Callable[..., Read]) -> Plan:
    """Find what is owed: read the directory by the way `read`, and ask the ledger what was sent before."""
    planner = _read_directory(run, report, days_to(report.business_date, runs, run.policy.rules), read)
    plan = run.within(ask_ledger(planner, run.storage.ledger), "asking what was sent before")
    report.take_plan(plan)
    return plan


def name_all(plan: Plan, progress: Progress) -> None:
    """Name in the log who is skipped, and who can be notified no more."""
    for sentence in (*skipped_sentences(plan), *given_up_sentences(plan)):
        progress.detail(sentence)


def judge(report: RunReport, runs: Sequence[RunReport], policy: Policy, progress: Progress) -> str | None:
    """Compare with the runs before, say what is worth a look, and return why far too little was found, or None."""
    fallen = compare(report, runs, policy)
    for sentence in report.signs.values():
        progress.say(sentence)
    return fallen


def take_fall(report: RunReport, why: str, runs: Sequence[RunReport], policy: Policy) -> None:
    """Record that far too little was found, although what is owed was sent."""
    report.fall(why, f"find out where the rest went; {_next_look(policy, report, runs)}; {ACCEPT}")


def _next_look(policy: Policy, report: RunReport, runs: Sequence[RunReport]) -> str:
    if is_completed(policy, report.business_date, runs) and policy.look_again is None:
        return "the day was completed before and stays so, `due-notices run --again` looks once more"
    return "each tick looks again"


def _read_directory(run: Run, report: RunReport, days: Sequence[Day], way: Callable[..., Read]) -> Planner:
    """Read the directory, and have the tenant count it."""
    policy, clock = run.policy, run.services.clock
    directory = run.services.open_directory()
    try:
        read = way(
            directory,
            clock,
            run.progress,
            lambda: Planner(policy.rules, days, SKIPS_NAMED, send_missed=Wish.MISSED in run.wish),
            deadline=run.deadline.at,
        )
        report.users_counted, report.note = read.counted, read.note
        report.parts, report.name_counts = len(read.in_parts), rolled_up(read.in_parts)
    finally:
        take_directory(report, directory, run.progress)
    if (ahead := directory.clock_ahead) is not None and is_refused(ahead):
        raise ClockError(f"{skew_sentence(ahead, 'the clock of Graph or Entra')}. Nothing was sent")
    report.time("read", clock.monotonic() - run.started)
    return read.planner


def deliver(run: Run, report: RunReport, notices: Sequence[Notice], **options: Any) -> None:
    """Claim, send and mark notices; `options` are those of a Delivery that a shard needs."""
    policy, clock = run.policy, run.services.clock
    began = clock.monotonic()
    run.progress.owed(len(notices))
    delivery = Delivery(
        run.storage,
        clock,
        run.progress,
        policy.source,
        str(policy.rules.time_zone),
        policy.lapse,
        run.deadline.at,
        policy.may_send,
        **options,
    )
    try:
        run.runner.run(delivery.deliver(notices))
    finally:
        report.take_delivery(delivery)
        report.time("send", clock.monotonic() - began)


def is_completed(policy: Policy, today: date, runs: Sequence[RunReport]) -> bool:
    """Whether a run with the same filter has completed the day."""
    return any(run.completed for run in _of_day(policy, today, runs))


def is_done(policy: Policy, today: date, runs: Sequence[RunReport], now: datetime) -> bool:
    """Whether a run with the same filter completed the day, none after it broke off, and no new look is due yet."""
    own = _of_day(policy, today, runs)
    completed = [run for run in own if run.completed]
    if not completed or own[-1].outcome in {Outcome.BEGAN, Outcome.FAILED, Outcome.LIMIT}:
        return False
    return not policy.looks_again(now, completed[-1].at)


def _of_day(policy: Policy, today: date, runs: Sequence[RunReport]) -> list[RunReport]:
    return [run for run in runs if run.business_date == today and run.filter_digest == policy.rules.filter_digest]


def take_directory(report: RunReport, directory: UserDirectory, progress: Progress) -> None:
    """Put into a report what reading cost, and how long the credential is good."""
    report.graph_requests, report.throttled = directory.requests, directory.throttled
    report.credential = directory.credential_end
    if directory.credential_warning is not None:
        progress.warn(directory.credential_warning)


def compare(report: RunReport, runs: Sequence[RunReport], policy: Policy) -> str | None:
    """Compare what was read and decided with the runs before; return why it is a fall, or None.

    Puts into the report what is worth a look, how many notices are usual, and whether today's number is unusual.
    """
    own = of_filter(runs, report.filter_digest)
    days = [day for day in by_day(own) if day.completed]
    earlier = [day for day in days if day.business_date < report.business_date]
    numbers = [day.sent + day.failed for day in earlier[-MEDIAN_DAYS:] if day.sent + day.failed]
    report.usual_owed = round(statistics.median(numbers)) if numbers else 0 if earlier else None
    if report.owed >= UNUSUAL_LEAST:
        report.unusual = report.usual_owed is None or report.owed >= UNUSUAL_FACTOR * report.usual_owed
    # A mistyped filter falls against any run; and one with few users, accepted elsewhere, hides no fall of this filter.
    base, last = base_of(own, report.business_date), base_of(runs, report.business_date)
    report.signs = signs_of(report, base or last, earlier, policy.fall_limit, "/".join(policy.rules.attribute))
    return why_fallen(report, last, policy.fall_limit) or why_fallen(report, base, policy.fall_limit)


async def _record(report: RunReport, storage: Storage) -> None:
    report.waiting = await storage.queue.waiting()
    if report.outcome is not Outcome.ALREADY_COMPLETED:
        await storage.ledger.record_run(report)


def _forget(run: Run, report: RunReport) -> None:
    """Delete what the ledger need not remember any longer; a failure or the rest is left to tomorrow's run."""
    before = run.policy.forget_before(report.business_date, report.reach or report.business_date)
    sent_before = report.business_date - REMEMBERED_AFTER_SENDING
    try:
        forgotten = run.at_the_end(run.storage.ledger.forget(before, sent_before, until=run.deadline.at), "forgetting")
    except StorageError as error:
        run.progress.say(f"the day is done; forgetting what is older than LEDGER_RETENTION_DAYS failed: {error}")
        return
    if forgotten:
        run.progress.detail(f"the ledger forgot entries from before {before}: {forgotten:,}")
