"""Which stage of one obligation counts on a day, given what was sent of it. Pure: dates in, a decision out.

Only stages above the highest one that was sent have dates, and the steps after the due date count on from what was
really sent. So a customer always has the time that lies between two steps, and never gets two notices on one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal, NamedTuple

from due_notices.calendars import ONE_DAY
from due_notices.obligations import NEVER
from due_notices.stages import History, StageDate, Stages

State = Literal["not-yet", "over", "owed", "already-sent", "expired", "missed"]


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """What a later run needs to know of a completed one."""

    business_date: date
    rules: str = ""  # the digest of its rules
    reach: date | None = None  # the first due date that it asked for by these rules
    own: bool = True  # whether it had the later run's USER_FILTER and allow list


@dataclass(frozen=True, slots=True)
class Day:
    """The business date of a run, and how far it looks back."""

    business_date: date
    last_completed: date | None  # None for the first run
    begins: date  # the first day that no completed run has accounted for
    look_back: timedelta  # what was missed or has expired is named if its last chance was at most so long before that
    own_reach: date  # by its own rules a run asks the ledger for due dates from here on; its record keeps this day
    reach: date  # from here on it does ask: further back where recent runs did


def day_of(today: date, stages: Stages, completed: Iterable[CompletedRun] = (), rules: str = "") -> Day:
    """Return how far a run of `today` looks back, given the completed runs."""
    open_days = stages.open_days
    earlier = sorted((run for run in completed if run.business_date < today), key=lambda run: run.business_date)
    last = next(reversed([run for run in earlier if run.own] or earlier), None)
    if last is None:  # no notice was promised for the days before the first run
        begins, look_backs, look_back = open_days.before(today, stages.catch_up_days), 1, timedelta()
    else:  # other rules may have taken a last chance away, so the first run by them looks back twice as far
        begins, look_backs = last.business_date + ONE_DAY, 1 if last.rules == rules else 2
        look_back = look_backs * timedelta(days=stages.look_back_days)
    own_reach = open_days.before(begins, reach_days(stages, look_backs))
    # A ladder that began by rules which reach further back is followed to its end.
    recent = open_days.before(begins, stages.last_step + stages.catch_up_days)
    reaches = [run.reach for run in earlier if run.reach is not None and run.business_date >= recent]
    return Day(today, last.business_date if last else None, begins, look_back, own_reach, min([own_reach, *reaches]))


def reach_days(stages: Stages, look_backs: int = 1) -> int:
    """Return how many open days back a run asks the ledger, with LOOK_BACK_DAYS so many times."""
    return 2 * stages.last_step + stages.catch_up_days + look_backs * stages.look_back_days


def longest_look_back(stages: Stages) -> int:
    """Return how many days back a run may ask: the least that the ledger must remember."""
    anchor = date(2027, 1, 1)  # what the settings accept must not depend on today
    return (anchor - stages.open_days.before(anchor, reach_days(stages, look_backs=2))).days


def begins_later(stages: Stages, day: Day, due: date) -> bool:
    """Whether not even the first stage of a due date has come."""
    return due.year == NEVER or stages.planned(due)[0].day > day.business_date


def is_asked(stages: Stages, day: Day, due: date, paused_until: date | None = None) -> bool:
    """Whether a run asks the ledger for an open obligation; if not, its value alone says what becomes of it."""
    if begins_later(stages, day, due):
        return False
    if paused_until is None or paused_until >= day.business_date:
        return due >= day.reach
    return max(due, _resumes(stages, paused_until)) >= day.reach


def _resumes(stages: Stages, paused_until: date) -> date:
    """Return the first open day after a pause."""
    return stages.open_days.on_or_after(paused_until + ONE_DAY)


def unasked(stages: Stages, day: Day, due: date) -> Literal["not-yet", "over"]:
    """Return what becomes of an open, unpaused obligation of which the ledger is not asked."""
    return "not-yet" if begins_later(stages, day, due) else "over"


def days_of(
    dates: Iterable[date], stages: Stages, completed: Iterable[CompletedRun] = (), rules: str = ""
) -> tuple[Day, ...]:
    """Return the days of runs that follow each other, each of them completed."""
    runs, days = list(completed), []
    for today in dates:
        days.append(day_of(today, stages, runs, rules))
        runs.append(CompletedRun(today, rules, days[-1].own_reach))
    return tuple(days)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an open obligation on a day; and the notice that is sent of it, if there is one."""

    state: State
    dates: tuple[StageDate, ...] = ()  # of the stages above the highest one sent
    stage: StageDate | None = None  # sent now where it is owed, by `run --missed` where it was missed or has expired
    expires: date | None = None  # its notice expires at the start of this day
    late: bool = False  # the notice leaves later than it would have without outages and pauses
    superseded: int = 0  # how many stages it leaves behind that were never sent
    ended: date | None = None  # the last day on which it could be sent, where all its dates have passed; else None

    def after_all(self) -> Decision:
        """Return the decision of a run that also sends what was missed or has expired."""
        return self if self.stage is None else replace(self, state="owed")


@dataclass(frozen=True, slots=True)
class Case:
    """An open obligation of which the ledger was asked and which no pause holds on the day."""

    due: date
    paused_until: date | None = None
    history: History = field(default_factory=dict)  # each stage that was sent, with its latest business date
    own: bool = False  # whether any was sent under the obligation's own key, not that of one that has vanished


def decide(stages: Stages, day: Day, case: Case) -> Decision:
    """Decide what becomes of an obligation on a day on which runs take place."""
    today = day.business_date
    dates = stages.dates(case.due, case.history, case.paused_until)
    if today in case.history.values():
        return Decision("already-sent", dates)
    if _may_be_forgotten_by_now(stages, day, case):
        return Decision("expired", dates)  # what was sent is not known: not even `run --missed` sends anything
    if _will_be_forgotten(stages, case):
        return _given_up(stages, day, case, "expired")
    if dates:
        return _by_the_stages_left(stages, day, case, dates)
    sent_on = case.history[max(case.history)]
    return Decision("already-sent" if today <= stages.open_days.after(sent_on, stages.catch_up_days) else "over")


def _by_the_stages_left(stages: Stages, day: Day, case: Case, dates: tuple[StageDate, ...]) -> Decision:
    """Decide by the `dates` of the stages above the highest one sent, of which there is at least one."""
    come = [stage for stage in dates if stage.day <= day.business_date]
    current = next((stage for stage in come if stage.stage > 0), come[-1] if come else None)
    if current is not None:
        until = (dates[-1] if current.stage > 0 else current).day
        end = stages.open_days.after(until, stages.catch_up_days)
        if day.business_date <= end:
            return _to_send(stages, day, case, "owed", current)
        if len(come) == len(dates):
            if max(end, case.due) + day.look_back < day.begins:
                return Decision("over", dates, ended=end)
            return replace(_given_up(stages, day, case, "expired" if case.own else "missed"), ended=end)
    return Decision("already-sent" if case.history else "not-yet", dates)


def _may_be_forgotten_by_now(stages: Stages, day: Day, case: Case) -> bool:
    """Whether the ledger may have forgotten by now what was sent, of an obligation asked for because of its pause."""
    kept = timedelta(days=stages.retention_days)
    return case.paused_until is not None and not case.history and case.due < day.begins - kept


def _will_be_forgotten(stages: Stages, case: Case) -> bool:
    """Whether a pause ends so late that the ledger forgets what was sent while a run may still ask for it."""
    if case.paused_until is None:
        return False
    # A run by changed rules asks furthest back.
    last_asked = stages.open_days.after(_resumes(stages, case.paused_until), reach_days(stages, look_backs=2))
    return last_asked - case.due > timedelta(days=stages.retention_days)


def _given_up(stages: Stages, day: Day, case: Case, state: State) -> Decision:
    """Decide on what no run sends by itself any more: `run --missed` sends the next step or else the last stage."""
    dates = stages.dates(case.due, case.history, case.paused_until)
    stage = next((stage for stage in dates if stage.stage > 0), stages.planned(case.due)[-1])
    if stage.stage <= max(case.history, default=stage.stage - 1):
        return Decision(state, dates)
    return _to_send(stages, day, case, state, stage)


def _to_send(stages: Stages, day: Day, case: Case, state: State, stage: StageDate) -> Decision:
    """Return the decision with the notice that sending `stage` on this day makes."""
    today, dates = day.business_date, stages.dates(case.due, case.history, case.paused_until)
    following = stages.dates(case.due, {**case.history, stage.stage: today}, case.paused_until)
    on_time = next(planned.day for planned in stages.planned(case.due) if planned.stage == stage.stage)
    return Decision(
        state,
        dates,
        stage,
        expires=following[0].day if following else stages.open_days.after(today, stages.catch_up_days) + ONE_DAY,
        late=today > on_time,
        superseded=sum(passed.stage < stage.stage and passed.day < stage.day for passed in dates),
    )


class Decided(NamedTuple):
    """The decision about an obligation on the last of some days."""

    decision: Decision
    history: History  # what was sent by then
    until_then: tuple[tuple[date, int], ...]  # what the runs of the days before send of it: day and stage

    @property
    def previous(self) -> int | None:
        """The highest stage sent by then."""
        return max(self.history, default=None)


def decide_on(stages: Stages, days: Sequence[Day], case: Case) -> Decided:
    """Decide about an obligation on the last of `days`, given that the runs of those before it complete."""
    *before, last = days
    sent = []
    for day in before:
        today = day.business_date
        paused = case.paused_until is not None and case.paused_until >= today
        if paused or not is_asked(stages, day, case.due, case.paused_until):
            continue
        decision = decide(stages, day, case)
        if decision.state == "owed" and decision.stage is not None:
            sent.append((today, decision.stage.stage))
            case = replace(case, history={**case.history, decision.stage.stage: today}, own=True)
    asked = is_asked(stages, last, case.due, case.paused_until)
    decision = decide(stages, last, case) if asked else Decision(unasked(stages, last, case.due))
    return Decided(decision, case.history, tuple(sent))
