"""Why one customer is, or is not, notified: what a run of a day decides, and what the ledger has. Pure.

Nothing is decided here: `planning` reads the values and `ladder` decides, as for a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from due_notices.ladder import Case, Day, Decided, Decision, State, decide_on
from due_notices.message import fits
from due_notices.model import FoundUser, Obligation, Reason, Sent, notice_id, obligation_key
from due_notices.obligations import Distinct, distinct, history_of, values_of, whose_history
from due_notices.planning import (
    Owed,
    Reader,
    Reading,
    Rules,
    ValueOutcome,
    reason_to_skip,
    to_notice,
    why_closed,
)
from due_notices.ports import PastNotice
from due_notices.stages import History, StageDate

Verdict = Literal[State, "claimed", "skipped", "left-out"]


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of an obligation: what the ledger has of it, or the day on which it falls."""

    stage: int
    notice_id: str
    current: bool = False  # whether it is owed or, of what was missed or has expired, sent by `run --missed`
    falls: StageDate | None = None  # None for a stage that was passed over
    past: PastNotice | None = None  # its row of the ledger
    claimed: bool = False  # whether a run has claimed it and not marked it sent
    inherited: bool = False  # whether it was sent of an obligation that has vanished
    expected: date | None = None  # the day on which a run before the day in question will send it

    @property
    def day_sent(self) -> date | None:
        """The business date on which it was sent or will have been; None for a claim, and where it was not."""
        return self.past.business_date if self.past is not None and not self.claimed else self.expected


class Same(NamedTuple):
    """Another value that means the same obligation: its number and its status (`settled` where nothing is left)."""

    number: int
    status: str


@dataclass(frozen=True, slots=True)
class ObligationView:
    """One value of the attribute as a run sees it, the `number`-th of its user."""

    number: int
    reading: Reading
    obligation: Obligation | None
    verdict: Verdict
    reason: Reason | None = None
    decision: Decision | None = None  # None where the value alone, or a reason to skip it, is enough
    stages: tuple[StageView, ...] = ()
    same: tuple[Same, ...] = ()  # the duplicates of this value or, where it is one, the value that counts

    @property
    def current(self) -> StageView | None:
        """The stage that is owed or, for what was missed or has expired, that `run --missed` would send."""
        return next((stage for stage in self.stages if stage.current), None)


@dataclass(frozen=True, slots=True)
class Question:
    """One user whose values are read for the last of `days`, the runs of those before it having completed.

    `listed` is whether runs read the user at all.
    """

    found: FoundUser
    rules: Rules
    days: tuple[Day, ...]
    readings: tuple[Reading, ...]
    outcomes: tuple[ValueOutcome, ...]
    listed: bool

    @classmethod
    def of(cls, found: FoundUser, rules: Rules, days: tuple[Day, ...], *, listed: bool = True) -> Question:
        """Read one user's values as a run on the last of `days` does."""
        read = Reader(rules, days[-1])
        readings = tuple(read(value) for value in values_of(found.value))
        return cls(found, rules, days, readings, tuple(read.outcomes(readings)) if readings else (), listed)

    @property
    def day(self) -> Day:
        """The day in question."""
        return self.days[-1]

    @property
    def due_dates(self) -> frozenset[date]:
        """The due dates of which the ledger must be asked."""
        return frozenset(reading.obligation.due for reading in self.readings if reading.obligation is not None)

    def views(self, rows: Sequence[PastNotice]) -> tuple[ObligationView, ...]:
        """Return how the run sees each value, given what the ledger has of the user and these due dates."""
        found = [self._skipped(number, reading) for number, reading in enumerate(self.readings, 1)]
        for one in distinct([(reading.text, reading.obligation) for reading in self.readings]):
            counts, duplicates = found[one.place], [found[place] for place in one.duplicates]
            for view in duplicates:
                found[view.number - 1] = self._skipped(view.number, view.reading, Reason.DUPLICATE, [counts])
            of_the_date = [row for row in rows if row.due == one.obligation.due]
            found[one.place] = self._view(one, of_the_date, counts.number, duplicates)
        return tuple(found)

    def _skipped(
        self,
        number: int,
        reading: Reading,
        reason: Reason = Reason.MALFORMED,
        same: Sequence[ObligationView] = (),
    ) -> ObligationView:
        if not self.listed:
            return ObligationView(number, reading, reading.obligation, "left-out")
        return ObligationView(number, reading, reading.obligation, "skipped", reason, same=_others(same))

    def _view(
        self, one: Distinct, rows: Sequence[PastNotice], number: int, duplicates: Sequence[ObligationView]
    ) -> ObligationView:
        """Return the view of the value that counts for an obligation; `rows` are those of the user and its due date."""
        owed, today = one.obligation, self.day.business_date
        past = _Past.of(one, [row for row in rows if row.counts_as_sent(today)])
        verdict, reason, decided = self._decide(one, past)
        stages = self._stages(owed, past, decided, [row for row in rows if row.obligation_key == obligation_key(owed)])
        if verdict == "owed" and any(stage.current and stage.claimed for stage in stages):
            verdict = "claimed"
        decision = None if decided is None else decided.decision
        return ObligationView(
            number, self.readings[one.place], owed, verdict, reason, decision, stages, _others(duplicates)
        )

    def _decide(self, one: Distinct, past: _Past) -> tuple[Verdict, Reason | None, Decided | None]:
        """Return what becomes of an obligation, and the decision where a run comes to one."""
        owed, outcome, user = one.obligation, self.outcomes[one.place], self.found.user
        if not self.listed:
            return "left-out", None, None
        if isinstance(outcome, Reason):
            return "skipped", outcome, None
        if not isinstance(outcome, Distinct):
            return outcome, None, None
        if (reason := reason_to_skip(user, owed, self.rules, self.day.business_date)) is not None:
            return "skipped", reason, None
        decided = decide_on(self.rules.stages, self.days, Case(owed.due, owed.paused_until, past.history, past.own))
        if decided.decision.state == "owed":
            notice = to_notice(Owed(user, owed, decided.decision, decided.previous), self.rules, self.day)
            if not fits(notice):
                return "skipped", Reason.TOO_LARGE, None
        return decided.decision.state, None, decided

    def _stages(
        self, owed: Obligation, past: _Past, decided: Decided | None, rows: Sequence[PastNotice]
    ) -> tuple[StageView, ...]:
        """Return the stages of the settings and those of the ledger; `rows` are the obligation's own."""
        if decided is not None:
            current, expected = decided.decision.stage, {stage: day for day, stage in decided.until_then}
            dates = decided.decision.dates
        else:
            current, expected = None, {}
            quiet = not self.listed or why_closed(owed)
            dates = () if quiet else self.rules.stages.dates(owed.due, past.history, owed.paused_until)
        falls = {stage.stage: stage for stage in (*((current,) if current else ()), *dates)}
        own = {row.stage: row for row in rows}
        return tuple(
            StageView(
                stage,
                notice_id(self.found.user.id, owed, stage),
                current=current is not None and current.stage == stage,
                falls=falls.get(stage),
                past=past.rows.get(stage) or own.get(stage),
                claimed=stage in own and stage not in past.rows,
                inherited=stage in past.rows and past.rows[stage] is not own.get(stage),
                expected=expected.get(stage),
            )
            for stage in sorted({*self.rules.stages.days, *past.rows, *own})
        )


class _Past(NamedTuple):
    """What was sent of an obligation: the history that the ladder goes by, with the row of each stage."""

    history: History
    own: bool
    rows: Mapping[int, PastNotice]

    @classmethod
    def of(cls, one: Distinct, rows: Sequence[PastNotice]) -> _Past:
        """Take what was sent to its user of its due date."""
        sent: dict[str, Sent] = {}
        for row in rows:
            before = sent[row.obligation_key].stages if row.obligation_key in sent else {}
            sent[row.obligation_key] = Sent({**before, row.stage: row.business_date}, row.has_reference)
        history, own = history_of(one, sent)
        keys = whose_history(one, sent)
        of_each = {
            row.stage: row
            for key in reversed(keys)  # its own the last
            for row in rows
            if row.obligation_key == key and row.business_date == history[row.stage]
        }
        return cls(history, own, of_each)


def _others(views: Sequence[ObligationView]) -> tuple[Same, ...]:
    return tuple(
        Same(view.number, "settled" if view.obligation.settled else view.obligation.status)
        for view in views
        if view.obligation is not None
    )
