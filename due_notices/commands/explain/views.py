"""Why one customer is, or is not, notified: the decisions of `planning` and `ladder`, in words. Pure.

Nothing is decided here. Each sentence follows from the same outcomes and decisions as a plan does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from due_notices.commands.reasons import REASONS
from due_notices.ladder import Case, Day, Decision, State
from due_notices.message import fits
from due_notices.model import FoundUser, Obligation, Reason, Sent, User, notice_id, obligation_key
from due_notices.obligations import NEVER, Distinct, history_of, values_of
from due_notices.planning import Decided, Outcome, Owed, Reader, Reading, Rules, decide_on, reason_to_skip, to_notice
from due_notices.ports import CLAIM_COUNTS_AS_SENT, PastNotice
from due_notices.stages import StageDate

Verdict = Literal[State, "claimed", "skipped"]
Rows = Mapping[date, Sequence[PastNotice]]
"""What the ledger has of a user, by due date."""


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of an obligation: what the ledger has of it, or the day on which it falls.

    `falls` is None for a stage that was passed over. `expected` is the day on which a run before the day in question
    will send it. `claimed` is whether a run has claimed it and not marked it sent, `inherited` whether it was sent of
    an obligation that has vanished.
    """

    stage: int
    notice_id: str
    current: bool
    falls: StageDate | None = None
    past: PastNotice | None = None
    expected: date | None = None
    claimed: bool = False
    inherited: bool = False

    @property
    def day_sent(self) -> date | None:
        """The business date on which it was sent or will have been; None for a claim, and where it was not."""
        if self.past is not None and not self.claimed:
            return self.past.business_date
        return self.expected


@dataclass(frozen=True, slots=True)
class ObligationView:
    """One value of the attribute as a run sees it. `asked` is whether the run asks the ledger for it."""

    reading: Reading
    obligation: Obligation | None
    reason: Reason | None
    decision: Decision
    stages: tuple[StageView, ...]
    asked: bool

    @property
    def verdict(self) -> Verdict:
        """What becomes of it."""
        if self.reason is not None:
            return "skipped"
        claimed = self.current is not None and self.current.claimed
        return "claimed" if self.decision.state == "owed" and claimed else self.decision.state

    @property
    def current(self) -> StageView | None:
        """The stage that is owed or, for what was missed or has expired, that `run --missed` would send."""
        return next((stage for stage in self.stages if stage.current), None)


@dataclass(frozen=True, slots=True)
class UserView:
    """One user as a run on a day sees them, those before it having completed."""

    user: User
    days: tuple[Day, ...]
    obligations: tuple[ObligationView, ...]

    @property
    def day(self) -> Day:
        """The day in question."""
        return self.days[-1]


@dataclass(frozen=True, slots=True)
class Question:
    """One user whose values are read; `due_dates` are those of which the ledger must be asked."""

    found: FoundUser
    rules: Rules
    days: tuple[Day, ...]
    readings: tuple[Reading, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def due_dates(self) -> list[date]:
        """The due dates of the obligations of which a run asks the ledger."""
        return sorted({outcome.obligation.due for outcome in self.outcomes if isinstance(outcome, Distinct)})

    def view(self, rows: Rows) -> UserView:
        """Return how the run sees the user, given what the ledger has."""
        views = [
            self._view(reading, outcome, rows) for reading, outcome in zip(self.readings, self.outcomes, strict=True)
        ]
        return UserView(self.found.user, self.days, tuple(views))

    def _view(self, reading: Reading, outcome: Outcome, rows: Rows) -> ObligationView:
        if isinstance(outcome, Reason):
            return ObligationView(reading, reading.obligation, outcome, Decision("over"), (), asked=False)
        if not isinstance(outcome, Distinct):
            decision = Decision(outcome, self._dates(reading.obligation) if outcome == "not-yet" else ())
            stages = self._stages(reading.obligation, Decided(decision, {}, ()), ()) if reading.obligation else ()
            return ObligationView(reading, reading.obligation, None, decision, stages, asked=False)
        return self._asked(reading, outcome, rows.get(outcome.obligation.due, ()))

    def _dates(self, obligation: Obligation | None) -> tuple[StageDate, ...]:
        if obligation is None or obligation.due.year == NEVER:
            return ()
        return self.rules.stages.dates(obligation.due, {}, obligation.paused_until)

    def _asked(self, reading: Reading, one: Distinct, rows: Sequence[PastNotice]) -> ObligationView:
        user, owed, today = self.found.user, one.obligation, self.days[-1].business_date
        history, own = history_of(one, self._sent(rows))
        decided = decide_on(self.rules.stages, self.days, Case(owed.due, owed.paused_until, history, own))
        reason = reason_to_skip(user, owed, self.rules, today)
        if reason is not None:
            closed = owed.status != "open" or owed.settled or (owed.paused_until or today).year >= NEVER - 1
            dates = () if closed else self.rules.stages.dates(owed.due, decided.history, owed.paused_until)
            decided = decided._replace(decision=Decision("over", dates))
        elif decided.decision.state == "owed":
            notice = to_notice(Owed(user, owed, decided.decision, decided.previous), self.rules, self.days[-1])
            reason = None if fits(notice) else Reason.TOO_LARGE
        return ObligationView(reading, owed, reason, decided.decision, self._stages(owed, decided, rows), asked=True)

    def _sent(self, rows: Sequence[PastNotice]) -> Mapping[str, Sent]:
        """Return what was sent by obligation key; what is listed no more goes by whether it has a reference."""
        listed = [outcome.obligation for outcome in self.outcomes if isinstance(outcome, Distinct)]
        listed += [reading.obligation for reading in self.readings if reading.obligation is not None]
        sent: dict[str, Sent] = {}
        for row in rows:
            if row.state != "sent" and self.days[-1].business_date - row.business_date <= CLAIM_COUNTS_AS_SENT:
                continue
            whose = (one for one in listed if notice_id(self.found.user.id, one, row.stage) == row.notice_id)
            one = next(whose, None)
            key = f"vanished, {row.has_reference}" if one is None else obligation_key(one)
            stages = dict(sent[key].stages) if key in sent else {}
            stages[row.stage] = max(row.business_date, stages.get(row.stage, row.business_date))
            sent[key] = Sent(stages, row.has_reference)
        return sent

    def _stages(self, owed: Obligation, decided: Decided, rows: Sequence[PastNotice]) -> tuple[StageView, ...]:
        decision = decided.decision
        dates = {stage.stage: stage for stage in decision.dates}
        if decision.stage is not None:
            dates.setdefault(decision.stage.stage, decision.stage)
        expected = {stage: day for day, stage in decided.until_then}
        views = []
        for stage in sorted({*self.rules.stages.days, *decided.history}):
            identifier = notice_id(self.found.user.id, owed, stage)
            own = next((row for row in rows if row.notice_id == identifier), None)
            other = next((row for row in rows if row.stage == stage), None) if stage in decided.history else None
            views.append(
                StageView(
                    stage,
                    identifier,
                    current=decision.stage is not None and decision.stage.stage == stage,
                    falls=dates.get(stage),
                    past=own or other,
                    expected=expected.get(stage),
                    claimed=own is not None and stage not in decided.history,
                    inherited=own is None and other is not None and stage not in expected,
                )
            )
        return tuple(views)


def ask_about(found: FoundUser, rules: Rules, days: tuple[Day, ...]) -> Question:
    """Read one user's values as a run on the last of `days` does."""
    read = Reader(rules, days[-1])
    readings = tuple(read(value) for value in values_of(found.value))
    return Question(found, rules, days, readings, tuple(read.outcomes(readings)) if readings else ())


def sentence(view: ObligationView, seen: UserView, catch_up_days: int) -> str:
    """Return the verdict as one sentence; it gives no reason that is not the cause."""
    on = f"on {seen.day.business_date}"
    match view.verdict:
        case "skipped":
            why = view.reading.malformed or (REASONS[view.reason] if view.reason else "")
            return f"Not notified {on} ({view.reason}): {why}."
        case "owed":
            late = ", late" if view.decision.late else ""
            text = f"Owed {on}: the next run in the send window sends {_stage(view.decision.stage)}{late}."
        case "claimed":
            text = (
                f"Unfinished: a run has claimed {_stage(view.decision.stage)} and has not marked it sent; the next run "
                "after the claim has lapsed sends it, with the same id."
            )
        case "already-sent":
            text = f"Sent: {_last(view)}; {_next(view, seen.day)}."
        case "not-yet":
            text = _not_yet(view, seen.day, catch_up_days)
        case "over":
            text = f"Over {on}: {_why_over(view, seen.day)}."
        case "missed" | "expired":
            text = _given_up(view)
    return text


def _not_yet(view: ObligationView, day: Day, catch_up_days: int) -> str:
    if view.obligation is not None and view.obligation.due.year == NEVER:
        return "Nothing: a due date in the year 9999 never comes."
    past = [stage for stage in view.decision.dates if stage.day <= day.business_date]
    gone = f"{_stage(past[-1])} is more than {catch_up_days} open days ago and was not sent; " if past else ""
    return f"Nothing on {day.business_date}: {gone}{_next(view, day)}."


def _why_over(view: ObligationView, day: Day) -> str:
    if not view.asked:
        return f"a run looks back to due dates from {day.reach} on"
    if view.decision.ended is None:
        return f"{_last(view)}; no stage follows"
    return f"its last chance was on {view.decision.ended}, longer ago than such obligations are named"


def _given_up(view: ObligationView) -> str:
    decision = view.decision
    word = "Missed: nothing was sent of it" if view.verdict == "missed" else f"Expired: {_last(view)}"
    if view.verdict == "missed" and (before := _last(view)):
        word = f"Missed: nothing was sent under its own key ({before})"
    why = (
        "its pause ended so late that the ledger may have forgotten what was sent"
        if decision.ended is None
        else f"its last chance was on {decision.ended}"
    )
    sends = "nothing" if decision.stage is None else _stage(decision.stage)
    return f"{word}, and {why}; `run --missed` sends {sends}."


def _last(view: ObligationView) -> str:
    """Return which stage went out last, and when; empty where none did."""
    sent = [stage for stage in view.stages if stage.day_sent is not None]
    if not sent:
        return ""
    last = max(sent, key=lambda stage: stage.stage)
    went = "will have gone out" if last.past is None else "went out"
    return f"stage {_signed(last.stage)} {went} on {last.day_sent}"


def _next(view: ObligationView, day: Day) -> str:
    following = next((stage for stage in view.decision.dates if stage.day > day.business_date), None)
    return f"stage {_signed(following.stage)} comes on {following.day}" if following else "no stage follows"


def _stage(stage: StageDate | None) -> str:
    return "" if stage is None else f"stage {_signed(stage.stage)} of {stage.day}"


def _signed(stage: int) -> str:
    return f"{stage:+d}" if stage else "0"
