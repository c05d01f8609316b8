"""Read the directory to its end, ask the ledger what was sent before, and plan: all users, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta

from due_notices.deadline import together
from due_notices.errors import DirectoryError, ListingExpired
from due_notices.falls import count_differs
from due_notices.ladder import CompletedRun, Day, days_of
from due_notices.message import fits
from due_notices.model import UserPage
from due_notices.planning import Plan, Planner, Rules
from due_notices.ports import Clock, Ledger, Progress, UserListing
from due_notices.report import RunReport

SKIPS_NAMED = 5  # ids of skipped users in the log, for each reason
IDS_A_LINE = 300  # of missed and expired ones; a line holds 32,768 characters
LISTINGS = 3  # how often an expired listing is begun again
LOOK_BACK = timedelta(days=400)  # for the last completed run, however long ago
DUE_DATES_AT_A_TIME = 8  # of which the ledger is asked


def read_users(
    directory: UserListing,
    clock: Clock,
    progress: Progress,
    begin: Callable[[], Planner],
    *,
    deadline: float | None = None,
) -> Planner:
    """Read the directory to its end into a planner; begin anew with another one where Graph lost its place."""
    expirations = 0
    while True:
        planner = begin()
        try:
            for page in _watched(directory.pages(deadline=deadline), clock, progress, deadline):
                planner.add_page(page)
        except ListingExpired as error:
            expirations += 1
            if expirations >= LISTINGS:
                message = f"the listing expired {LISTINGS} times before its end; the next tick tries again ({error})"
                raise DirectoryError(message) from error
            progress.say("Graph lost its place in the listing; reading again from the first page")
        else:
            return planner


async def ask_ledger(planner: Planner, ledger: Ledger) -> Plan:
    """Ask the ledger for what was sent of the due dates in question, several at a time, and return the plan."""
    asks = iter(planner.asks().items())

    async def work() -> None:
        for due, users in asks:
            planner.decide(due, await ledger.sent(due, users, planner.day.business_date))

    await together(work() for _ in range(DUE_DATES_AT_A_TIME))
    return planner.plan(fits)


def _watched(pages: Iterator[UserPage], clock: Clock, progress: Progress, deadline: float | None) -> Iterator[UserPage]:
    for page in pages:
        if deadline is not None and clock.monotonic() > deadline:
            raise DirectoryError(
                "reading the users took longer than a run may take, and nothing was sent; give the function a "
                "longer functionTimeout, or narrow USER_FILTER"
            )
        progress.read(len(page))
        yield page


async def past_runs(ledger: Ledger, today: date) -> list[RunReport]:
    """Return the recorded runs of the last year up to `today`; a record of a later day counts for nothing."""
    return [run for run in await ledger.runs(today - LOOK_BACK) if run.business_date <= today]


def count_users(directory: UserListing, read: int, deadline: float | None = None) -> int | None:
    """Return how many users the tenant counts, None where it does not.

    The number is eventually consistent, so it is asked for again where it is not what was read.
    """
    counted = directory.count(deadline=deadline)
    if counted is not None and count_differs(read, counted):
        counted = directory.count(deadline=deadline)
    return counted


def days_to(last: date, records: Iterable[RunReport], rules: Rules, before: Iterable[date] = ()) -> tuple[Day, ...]:
    """Return the day `last`, after those `before` it on which runs are assumed to complete, given the recorded runs."""
    completed = [
        CompletedRun(run.business_date, run.rules_digest, run.reach, run.filter_digest == rules.filter_digest)
        for run in records
        if run.completed
    ]
    return days_of([*before, last], rules.stages, completed, rules.digest)


def skipped_sentences(plan: Plan) -> Iterator[str]:
    """Yield, for each reason, how many obligations were skipped and the ids of the first users."""
    for reason, count in plan.skipped.items():
        named = [skip.user_id for skip in plan.skips if skip.reason is reason]
        more = f" and {count - len(named):,} more, see `preview --skipped`" if count > len(named) else ""
        yield f"skipped as {reason}: {count:,} ({', '.join(named)}{more})"


def given_up_sentences(plan: Plan) -> Iterator[str]:
    """Yield who can be notified no more by the rules: some hundred ids of users a line, so that none is lost or cut."""
    for state, meaning in (("missed", "nothing was sent"), ("expired", "the rest was not sent in time")):
        found = [one for one in plan.given_up if one.state == state]
        for start in range(0, len(found), IDS_A_LINE):
            some = found[start : start + IDS_A_LINE]
            left = sum(one.stage is not None for one in some)
            which = f" ({start + 1:,} to {start + len(some):,})" if len(some) < len(found) else ""
            yield (
                f"{state} obligations: {len(found):,}{which}, {meaning}; `run --missed` sends a notice for {left:,} of "
                f"them; by user: {', '.join(one.user_id for one in some)}"
            )
