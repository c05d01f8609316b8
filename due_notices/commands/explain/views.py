"""Why one customer is, or is not, notified: the decisions of `planning`, told in words. Pure.

Nothing is decided here. Each sentence follows from the same readings, timings and reasons as a plan does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from due_notices.commands.reasons import REASONS
from due_notices.message import fits
from due_notices.model import FoundUser, Notice, Reason, User, notice_id
from due_notices.obligations import values_of
from due_notices.planning import (
    Day,
    Reader,
    Reading,
    Rules,
    reason_to_skip,
    to_notice,
    unique,
)
from due_notices.ports import PastNotice
from due_notices.stages import StageDate

Verdict = Literal["owed", "sent", "claimed", "skipped", "expired", "over", "early"]

# With these nothing was to be sent, so nothing was missed.
_NOTHING_OWED = {Reason.PAID, Reason.VOID, Reason.DISPUTED, Reason.DUPLICATE}


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of an obligation: its day, how it got there, and the notice that stands for it."""

    date: StageDate
    notice_id: str
    current: bool


@dataclass(frozen=True, slots=True)
class ObligationView:
    """One value of the attribute as a run reads it. `notice` is there when it is a candidate for sending."""

    reading: Reading
    reason: Reason | None
    stages: tuple[StageView, ...]
    notice: Notice | None

    @property
    def current(self) -> StageView | None:
        """The current stage, if one has come."""
        return next((stage for stage in self.stages if stage.current), None)

    def verdict(self, entry: PastNotice | None) -> Verdict:
        """Return what becomes of it, given what the ledger has of its current stage."""
        when = self.reading.timing
        if when is None or (self.reason is not None and when.state == "owed"):
            return "skipped"
        if when.state == "owed":
            if entry is None:
                return "owed"
            return "sent" if entry.state == "sent" else "claimed"
        if when.state == "expired" and self.reason in _NOTHING_OWED:
            return "over"
        return when.state


@dataclass(frozen=True, slots=True)
class UserView:
    """One user as a run on a day sees them."""

    user: User
    day: Day
    obligations: tuple[ObligationView, ...]


def view(found: FoundUser, rules: Rules, day: Day) -> UserView:
    """Return how a run on `day` reads one user."""
    user = found.user
    reader = Reader(rules, day)
    readings = [reader(value) for value in values_of(found.value)]
    kept = unique(readings, lambda _: None)
    views = []
    for reading in readings:
        chosen = next((index for index, candidate in enumerate(kept) if candidate is reading), None)
        if chosen is not None:
            del kept[chosen]
        views.append(_view(user, reading, rules, day, duplicate=chosen is None))
    return UserView(user, day, tuple(views))


def _view(user: User, reading: Reading, rules: Rules, day: Day, *, duplicate: bool) -> ObligationView:
    obligation, when = reading.obligation, reading.timing
    if obligation is None or when is None:
        return ObligationView(reading, Reason.MALFORMED, (), None)
    reason = Reason.DUPLICATE if duplicate else reason_to_skip(user, obligation, rules, day)
    stages = tuple(
        StageView(
            stage,
            notice_id(user.id, obligation, stage.stage),
            current=stage is when.current,
        )
        for stage in when.dates
    )
    if when.state != "owed" or reason is not None:
        return ObligationView(reading, reason, stages, None)
    notice = to_notice(user, obligation, when, day)
    if not fits(notice):
        return ObligationView(reading, Reason.TOO_LARGE, stages, None)
    return ObligationView(reading, None, stages, notice)


def without(user: UserView, planned: Collection[str]) -> UserView:
    """Turn into duplicates the candidates whose notices a plan over all users does not have."""
    return replace(
        user,
        obligations=tuple(
            replace(obligation, reason=Reason.DUPLICATE, notice=None)
            if obligation.notice is not None and obligation.notice.id not in planned
            else obligation
            for obligation in user.obligations
        ),
    )


def sentence(obligation: ObligationView, entry: PastNotice | None, day: Day, catch_up_days: int) -> str:
    """Return the verdict as one sentence."""
    verdict, current = obligation.verdict(entry), obligation.current
    on = f"on {day.business_date}"
    if verdict == "skipped" and obligation.reason is not None:
        why = obligation.reading.malformed or REASONS[obligation.reason]
        return f"Not notified {on} ({obligation.reason}): {why}."
    if not obligation.stages:
        return f"Nothing {on}, or ever: its due date is in the year that means never."
    if current is None:
        return f"Nothing {on}: the first stage comes on {obligation.stages[0].date.day}."
    stage = f"stage {_signed(current.date.stage)} of {current.date.day}"
    late = " late" if current.date.day < day.business_date else ""
    following = _next_day(obligation, current.date.day)
    then = f"the next stage comes on {following}" if following else "no stage follows"
    if verdict == "owed" or entry is None:
        past = f"{stage} is more than {catch_up_days} days ago"
        return {
            "owed": f"Owed {on}: the next run in the send window sends {stage}{late}.",
            "expired": f"Missed: {past} and no run completed in time; {then}.",
        }.get(verdict, f"Nothing {on}: {past} and was not sent; {then}.")
    if entry.state == "sent":
        return f"Sent: {stage} went out at {entry.sent_at:%Y-%m-%d %H:%M} UTC; {then}."
    return (
        f"Unfinished: a run claimed {stage} at {entry.claimed_at:%Y-%m-%d %H:%M} UTC and has not marked it sent; "
        f"within {catch_up_days} days of its date the next run after the claim has lapsed sends it, with the same id."
    )


def _next_day(obligation: ObligationView, after: date) -> date | None:
    return next((stage.date.day for stage in obligation.stages if stage.date.day > after), None)


def _signed(stage: int) -> str:
    return f"{stage:+d}" if stage else "0"
