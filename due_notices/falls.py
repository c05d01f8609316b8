"""Whether a run found far too little: its numbers against those of the last completed run. Pure.

A run that reads all pages and finds far too little would otherwise count as completed. A *fall* keeps the day open; a
*sign* is worth a look. Both are sentences with the two numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date

from due_notices.calendars import ONE_DAY
from due_notices.planning import OPEN_DUE_DATES
from due_notices.report import RunReport

VALUES_FALL = 80  # percent
VALUES_LOOK = 40  # percent
MOST = 50  # percent
COUNT_SHARE = 1  # percent
COUNT_LEAST = 20  # users
QUIET_DAYS = 7  # open days without a payment
USUAL_DAYS = 30  # days before them, on most of which there were some
OF_THE_USER = ("disabled", "unreachable", "not-allowed", "opted-out")
ACCEPT = "if the new number is right, `due-notices run --accept` accepts it as normal"
SIGNS = ("no-values", "values-fell", "skips-grew", "payments-stand-still", "given-up-grew")
"""Every sign; docs/runbook.md has a line on each."""


def base_of(runs: Sequence[RunReport], today: date) -> RunReport | None:
    """Return the run with which one of `today` is compared, whatever its filter, or None.

    It is the last completed one of an earlier day, or today's, where that was accepted as the new normal. `runs` are
    in their order.
    """
    accepted = [run for run in runs if run.accepted and run.completed and run.business_date == today]
    earlier = [run for run in runs if run.completed and run.business_date < today]
    return next(reversed(accepted or earlier), None)


def why_fallen(report: RunReport, base: RunReport | None, limit: int) -> str | None:
    """Return why a run found too little to be trusted, with the numbers, or None.

    `limit` is by how many percent the users may fall.
    """
    found = [*_falls_since(report, base, limit)] if base is not None else []
    if (why := why_miscounted(report.users_read, report.users_counted)) is not None:
        found.append(why)
    return "; ".join(found) or None


def why_miscounted(read: int, counted: int | None) -> str | None:
    """Return what the tenant counts, where that is not the number of users read, or None."""
    differs = counted is not None and count_differs(read, counted)
    return f"{read:,} users were read, and Graph counts {counted:,}" if differs else None


def _falls_since(report: RunReport, base: RunReport, limit: int) -> Iterator[str]:
    for what, now, then, percent in (
        ("users", report.users_read, base.users_read, limit),
        ("obligations", report.obligations, base.obligations, VALUES_FALL),
    ):
        if _fell(now, then, percent):
            yield f"{now:,} {what} were read, and {then:,} in the run of {base.business_date}"


def _fell(now: int, then: int, percent: int) -> bool:
    """Whether a number is down by more than so many percent."""
    return 100 * (then - now) > percent * then


def count_differs(read: int, counted: int) -> bool:
    """Whether the number of users read is not what the tenant counts, by more than what changes meanwhile."""
    difference = abs(counted - read)
    return difference > COUNT_LEAST and 100 * difference > COUNT_SHARE * counted


def why_short(report: RunReport, counted: RunReport) -> str | None:
    """Return why a second reading cannot have found everything, or None; `counted` has what the first one found."""
    found = [
        f"{now:,} {what} were read to send, and {then:,} to count"
        for what, now, then in (
            ("users", report.users_read, counted.users_read),
            ("obligations", report.obligations, counted.obligations),
        )
        if now < then and count_differs(now, then)
    ]
    return f"{'; '.join(found)}: the next tick looks for the rest" if found else None


def signs_of(
    report: RunReport, base: RunReport | None, days: Sequence[RunReport], limit: int, attribute: str
) -> dict[str, str]:
    """Return what is worth a look in a run's figures: a sentence by name.

    `days` are the completed days before it, one report each, in their order; `attribute` is where the values are.
    """
    found: dict[str, str] = {}
    if not report.users_read and (base is None or not base.users_read):
        found["no-values"] = (
            "not one user was read: does USER_FILTER let any user through, and is it the right tenant? No customer is "
            "notified"
        )
    elif report.users_read and not report.obligations and (base is None or not base.obligations):
        found["no-values"] = (
            f"none of {report.users_read:,} users has a value in {attribute}: is DUE_DATE_ATTRIBUTE right, and does "
            "anything write it?"
        )
    if base is None:
        if most := "; ".join(_large_shares(report)):
            found["skips-grew"] = f"{most}, and there is no run before to compare with: these are not notified"
    else:
        if why_fallen(report, base, limit) is None and _fell(report.obligations, base.obligations, VALUES_LOOK):
            found["values-fell"] = (
                f"{report.obligations:,} obligations were read, and {base.obligations:,} in the run of "
                f"{base.business_date}, while the number of users is about the same"
            )
        if grown := "; ".join(_grown_shares(report, base, limit)):
            found["skips-grew"] = f"{grown}: these are not notified"
        before, now = base.missed + base.expired, report.missed + report.expired
        if now > before:
            found["given-up-grew"] = (
                f"missed or expired obligations: {now:,}, and {before:,} in the run of {base.business_date}"
            )
    if (since := payments_stand_still(report, days)) is not None:
        found["payments-stand-still"] = (
            f"the number of open obligations has not fallen for any due date since {since}: do payments still reach "
            "the directory? Customers who have paid may be reminded"
        )
    return found


def _grown_shares(report: RunReport, base: RunReport, limit: int) -> Iterator[str]:
    for reason in ("malformed", *OF_THE_USER):
        now, then = _share(report, reason), _share(base, reason)
        if 100 * (now - then) > limit:
            yield f"{now:.0%} are skipped as {reason}, and {then:.0%} were in the run of {base.business_date}"


def _large_shares(report: RunReport) -> Iterator[str]:
    """Yield what keeps most customers from being notified in a first run, which no run before can be compared with."""
    for reason in ("malformed", *OF_THE_USER):
        if 100 * (share := _share(report, reason)) > MOST:
            yield f"{share:.0%} are skipped as {reason}"


def _share(report: RunReport, reason: str) -> float:
    """Return the share of a reason: of all values for malformed ones, else of those that could have been notified."""
    if reason == "malformed":
        return report.skipped.get(reason, 0) / max(report.obligations, 1)
    notified = report.owed + report.already_sent + report.missed + report.expired
    return report.skipped.get(reason, 0) / max(notified + sum(report.skipped.get(each, 0) for each in OF_THE_USER), 1)


def payments_stand_still(report: RunReport, days: Sequence[RunReport]) -> date | None:
    """Return since when no due date has fewer open obligations than the day before, where that is unusual, or None."""
    seen = [*days, report]
    fell = [_some_were_paid(before, after) for before, after in itertools.pairwise(seen)]
    usual = fell[-QUIET_DAYS - USUAL_DAYS : -QUIET_DAYS]
    if any(fell[-QUIET_DAYS:]) or 2 * sum(usual) <= USUAL_DAYS or not any(report.open_by_due_date.values()):
        return None
    last = max(index for index, some in enumerate(fell) if some)
    return seen[last + 1].business_date


def _some_were_paid(before: RunReport, after: RunReport) -> bool:
    """Whether any due date that both count has fewer open obligations than before."""
    first = after.business_date - OPEN_DUE_DATES + ONE_DAY
    counted_from = max(first, after.reach or first).isoformat()
    return any(
        after.open_by_due_date.get(due, 0) < count
        for due, count in before.open_by_due_date.items()
        if due >= counted_from
    )
