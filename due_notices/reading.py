"""Read the directory to its end and plan: all users, or an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from due_notices.errors import DirectoryError, ListingExpired
from due_notices.message import fits
from due_notices.model import Reason, Skipped, UserPage
from due_notices.planning import Day, Plan, plan_notices
from due_notices.policy import Policy
from due_notices.ports import Clock, Progress, UserListing
from due_notices.report import RunReport

SKIPS_NAMED = 5  # ids of skipped users in the log, for each reason
LISTINGS = 3  # how often an expired listing is begun again
LOOK_BACK = timedelta(days=400)  # for the last completed run, however long ago; one page of the table


def read_and_plan(
    policy: Policy,
    directory: UserListing,
    clock: Clock,
    progress: Progress,
    day: Day,
    *,
    deadline: float | None = None,
    list_skips: int | None = SKIPS_NAMED,
) -> Plan:
    """Read the directory to its end and plan; begin again where Graph lost its place."""
    expirations = 0
    while True:
        try:
            pages = _watched(directory.pages(deadline=deadline), clock, progress, deadline)
            return _without_too_large(plan_notices(pages, policy.rules, day, list_skips=list_skips))
        except ListingExpired as error:
            expirations += 1
            if expirations >= LISTINGS:
                message = f"the listing expired {LISTINGS} times before its end; the next tick tries again ({error})"
                raise DirectoryError(message) from error
            progress.say("Graph lost its place in the listing; reading again from the first page")


def _watched(pages: Iterator[UserPage], clock: Clock, progress: Progress, deadline: float | None) -> Iterator[UserPage]:
    for page in pages:
        if deadline is not None and clock.monotonic() > deadline:
            raise DirectoryError(
                "reading the users took longer than a run may take, and nothing was sent; give the function a "
                "longer functionTimeout, or narrow USER_FILTER"
            )
        progress.read(len(page))
        yield page


def _without_too_large(plan: Plan) -> Plan:
    """Skip what cannot be a queue message, so that one monstrous display name fails alone."""
    too_large = [notice for notice in plan.notices if not fits(notice)]
    if not too_large:
        return plan
    names = {notice.id for notice in too_large}
    skips = tuple(Skipped(notice.user.id, Reason.TOO_LARGE, notice.obligation.reference) for notice in too_large)
    return replace(
        plan,
        notices=tuple(notice for notice in plan.notices if notice.id not in names),
        skipped={**plan.skipped, Reason.TOO_LARGE: len(too_large)},
        skips=plan.skips + skips,
    )


def day_of(business_date: date, records: Sequence[RunReport]) -> Day:
    """Return the business date with the last one before it whose run completed."""
    completed = (
        record.business_date for record in records if record.completed and record.business_date < business_date
    )
    return Day(business_date, max(completed, default=None))


def skipped_sentences(plan: Plan) -> Iterator[str]:
    """Yield, for each reason, how many obligations were skipped and the ids of the first users."""
    for reason, count in plan.skipped.items():
        named = [skip.user_id for skip in plan.skips if skip.reason is reason]
        more = f" and {count - len(named):,} more, see `preview --skipped`" if count > len(named) else ""
        yield f"skipped as {reason}: {count:,} ({', '.join(named)}{more})"
