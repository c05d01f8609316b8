"""Whole lives of obligations: day after day, what was owed fed back as history.

Calendars with up to 120 closed days in a row, outages of up to 20 days, pauses, changed settings, values that appear
late, amounts and references that change, invoices voided and issued anew. The rules that hold for every life are
counted here without the code that decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import ONE_DAY
from due_notices.ladder import Case, CompletedRun, Day, day_of, decide, is_asked, unasked
from due_notices.model import Obligation, Sent, Status, obligation_key
from due_notices.obligations import Distinct, distinct, history_of
from due_notices.stages import Stages
from tests.factories import on

BASE = on("2026-03-02")
DAYS = 330
RECENT = 30  # more completed runs than any ladder with its catch-up has open days
LOOK_BACK = 60  # twice the longest ladder, and more
FIGURES = {"not-yet", "over", "owed", "already-sent", "expired", "missed", "paused", "paid", "void", "disputed"}


@dataclass(frozen=True)
class Closed:
    days: frozenset[date]
    weekends: bool

    def why_closed(self, day: date) -> str | None:
        return "closed" if day in self.days or (self.weekends and day.weekday() > 4) else None


@dataclass(frozen=True)
class Notice:
    """A notice that was sent: when, by which settings, with what it said."""

    day: date
    stage: int
    stage_date: date
    expires: date
    late: bool
    by: Stages
    missed: bool


@dataclass
class Life:
    """One obligation from its first day on: what was sent, and the figure that it was in at each run."""

    closed: Closed
    notices: list[Notice] = field(default_factory=list)
    figures: list[tuple[date, str]] = field(default_factory=list)
    ledger: dict[str, dict[int, date]] = field(default_factory=dict)
    referenced: dict[str, bool] = field(default_factory=dict)
    runs: list[CompletedRun] = field(default_factory=list)
    due: date = BASE
    pauses: dict[date, date | None] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return what a failing test needs."""
        sent = ", ".join(f"{notice.day} {notice.stage} {notice.by.days}" for notice in self.notices)
        spans = itertools.groupby(self.figures, key=lambda figure: figure[1])
        seen = ", ".join(f"{next(days)[0]} {figure}" for figure, days in spans)
        return f"due {self.due}; sent {sent}; figures {seen}; closed {[str(day) for day in sorted(self.closed.days)]}"

    def run(
        self, today: date, by: Stages, values: Sequence[Obligation], *, send_missed: bool = False, again: bool = False
    ) -> None:
        """Do what a run does with one user; `again` on a day that is completed."""
        day = day_of(today, by, self.runs[-RECENT:], repr(by.days))
        for one in distinct([(repr(value), value) for value in values]):
            figure = self._figure(one, day, by, send_missed=send_missed)
            if not again:
                self.figures.append((today, figure))
            self.pauses[today] = one.obligation.paused_until
        self.runs.append(CompletedRun(today, repr(by.days), day.own_reach))

    def _figure(self, one: Distinct, day: Day, by: Stages, *, send_missed: bool) -> str:
        owed, today = one.obligation, day.business_date
        if owed.status != "open":
            return owed.status
        if owed.paused_until is not None and owed.paused_until >= today:
            return "paused"
        if not is_asked(by, day, owed.due, owed.paused_until):
            return unasked(by, day, owed.due)
        key = obligation_key(owed)
        sent = {key: Sent(stages, self.referenced[key]) for key, stages in self.ledger.items()}
        history, own = history_of(one, sent)
        decision = decide(by, day, Case(owed.due, owed.paused_until, history, own))
        final = decision.after_all() if send_missed else decision
        if final.state == "owed":
            assert final.stage is not None
            assert final.expires is not None
            stage = final.stage
            self.ledger.setdefault(key, {})[stage.stage] = today
            self.referenced[key] = bool(owed.reference)
            missed = decision.state != "owed"
            self.notices.append(Notice(today, stage.stage, stage.day, final.expires, final.late, by, missed))
        return decision.state


# ---- random lives --------------------------------------------------------------------------------------------------

offsets = st.integers(0, DAYS)
STAGES = (-30, -9, -7, -3, -1, 0, 1, 2, 3, 5, 7, 14, 21)
ladders = st.lists(st.sampled_from(STAGES), min_size=1, max_size=6, unique=True)


def stretch(start: int, length: int) -> set[date]:
    return {BASE + timedelta(days=start + number) for number in range(length)}


@st.composite
def calendars(draw: st.DrawFn) -> Closed:
    runs = draw(st.lists(st.tuples(offsets, st.integers(1, 9) | st.integers(1, 120)), max_size=4))
    return Closed(frozenset().union(*(stretch(*run) for run in runs)), draw(st.booleans()))


Change = Callable[[Obligation], Obligation]


def to_status(status: Status) -> Change:
    return lambda owed: replace(owed, status=status)


def pause(days: int) -> Change:
    return lambda owed: replace(owed, paused_until=owed.due + timedelta(days=days))


changes: st.SearchStrategy[Change] = st.one_of(
    st.sampled_from(["90", "80.5", None]).map(lambda amount: lambda owed: replace(owed, amount=amount)),
    st.sampled_from(["", "A"]).map(lambda reference: lambda owed: replace(owed, reference=reference)),
    st.integers(-20, 60).map(pause),
    st.just(lambda owed: replace(owed, paused_until=None)),
    st.sampled_from(["open", "paid", "disputed", "void"]).map(to_status),  # type: ignore[arg-type]
)


@st.composite
def lives(draw: st.DrawFn, *, always_open: bool = False, one_rule: bool = False, no_missed: bool = False) -> Life:
    """Return a life after all its days; `one_rule` keeps the settings as they are."""
    life = Life(draw(calendars()))
    life.due = due = BASE + timedelta(days=draw(st.integers(10, 150)))
    rules = [
        Stages(tuple(sorted(days)), draw(st.integers(0, 5)), life.closed, LOOK_BACK, 2_000)
        for days in draw(st.lists(ladders, min_size=1, max_size=1 if one_rule else 3))
    ]
    switches = sorted(draw(st.lists(offsets, min_size=len(rules) - 1, max_size=len(rules) - 1)))
    failures = draw(st.lists(st.tuples(offsets, st.integers(1, 20)), max_size=5))
    outages = frozenset[date]().union(*(stretch(*failure) for failure in failures))
    first_run = draw(st.integers(0, 120))
    appears = due + timedelta(days=draw(st.integers(-60, 40) | st.integers(-60, 150)))
    owed = Obligation(due, draw(st.sampled_from(["", "A"])), "100")
    happens = [] if always_open else draw(st.lists(st.tuples(offsets, changes), max_size=5))
    events = sorted(happens, key=lambda event: event[0])
    reissued = not always_open and draw(st.booleans())
    other = Stages(tuple(sorted(draw(ladders))), 3, life.closed, LOOK_BACK, 2_000)
    runs_again = not one_rule and draw(st.booleans())
    by_hand = set() if no_missed else draw(st.sets(offsets, max_size=3))

    for number in range(DAYS):
        today = BASE + timedelta(days=number)
        while events and events[0][0] <= number:
            owed = events.pop(0)[1](owed)
        if number < first_run or today < appears or today in outages or life.closed.why_closed(today):
            continue
        by = rules[sum(switch <= number for switch in switches)]
        values = [owed, replace(owed, status="void")] if reissued and owed.status == "open" else [owed]
        life.run(today, by, values, send_missed=number in by_hand)
        if runs_again:  # under other settings, so that other stages may have come
            life.run(today, other, values, again=True)
    return life


def next_open(life: Life, day: date) -> date:
    while life.closed.why_closed(day):
        day += ONE_DAY
    return day


# ---- what holds for every life -------------------------------------------------------------------------------------


@given(lives())
def test_never_two_notices_on_one_day_and_never_a_stage_that_is_not_above_all_before(life: Life) -> None:
    days, stages = [notice.day for notice in life.notices], [notice.stage for notice in life.notices]

    assert days == sorted(set(days))
    assert stages == sorted(set(stages))


@given(lives())
def test_nothing_is_sent_on_a_closed_day_nor_while_paused_nor_before_its_stage_date(life: Life) -> None:
    for notice in life.notices:
        assert life.closed.why_closed(notice.day) is None
        assert life.closed.why_closed(notice.stage_date) is None
        assert notice.stage_date <= notice.day
        until = life.pauses[notice.day]
        assert until is None or until < notice.day


@given(lives())
def test_no_notice_is_expired_at_birth_and_none_outlives_the_next(life: Life) -> None:
    for notice in life.notices:
        assert notice.expires > notice.day


@given(lives(always_open=True, one_rule=True))
def test_without_changes_a_notice_has_expired_when_the_next_one_is_sent(life: Life) -> None:
    for one, following in itertools.pairwise(life.notices):
        assert one.expires <= following.day


@given(lives())
def test_the_ladder_jumps_no_step_and_undercuts_no_distance(life: Life) -> None:
    sent: dict[int, date] = {}
    for notice in life.notices:
        if notice.stage > 0:
            before = max((stage for stage in sent if stage > 0), default=0)
            passed = [stage for stage in notice.by.days if before < stage < notice.stage]
            assert passed == []
            assert notice.day >= next_open(life, life.due) + timedelta(days=notice.stage)
            if before:
                assert (notice.day - sent[before]).days >= notice.stage - before
        sent[notice.stage] = notice.day


@given(lives(no_missed=True))
def test_catch_up_is_never_exceeded(life: Life) -> None:
    for notice in life.notices:
        late = (notice.day - notice.stage_date).days
        open_days = sum(
            life.closed.why_closed(notice.stage_date + timedelta(days=number)) is None for number in range(1, late + 1)
        )
        last = notice.by.days[-1]
        ladder_goes_on = notice.stage > 0 and last > notice.stage
        assert open_days <= notice.by.catch_up_days or ladder_goes_on


def planned(life: Life, by: Stages, stage: int) -> date:
    """Return the day of a stage where every step is sent on its date, counted by walking the calendar."""
    if stage <= 0:
        day = life.due + timedelta(days=stage)
        while life.closed.why_closed(day):
            day -= ONE_DAY
        return day
    payable = day = next_open(life, life.due)
    before = 0
    for step in by.days:
        if 0 < step <= stage:
            apart = timedelta(days=step - before) if before else timedelta()
            day = next_open(life, max(payable + timedelta(days=step), day + apart))
            before = step
    return day


@given(lives())
def test_late_is_what_goes_later_than_without_outages_and_pauses(life: Life) -> None:
    for notice in life.notices:
        assert notice.late is (notice.day > planned(life, notice.by, notice.stage))


@given(lives())
def test_an_obligation_is_in_exactly_one_figure_of_each_run(life: Life) -> None:
    days = [day for day, _ in life.figures]

    assert len(days) == len(set(days))
    assert {figure for _, figure in life.figures} <= FIGURES
    sent_by_hand = {notice.day for notice in life.notices if notice.missed}
    owed = {day for day, figure in life.figures if figure == "owed"}
    assert owed | sent_by_hand <= {notice.day for notice in life.notices}


@given(lives())
def test_nobody_is_missed_in_silence(life: Life) -> None:
    """A life without a notice was missed in a run, or skipped, or still has time, or began beyond the look-back."""
    figures = [figure for _, figure in life.figures]
    if life.notices or not figures:
        return
    told = {"missed", "paid", "void", "disputed", "paused"}
    if set(figures) & told or figures[-1] == "not-yet":
        return
    assert set(figures) == {"over"}
    first_day = life.figures[0][0]
    first_run = life.runs[0].business_date == first_day
    assert first_day > life.due + timedelta(days=LOOK_BACK) or (first_run and first_day > life.due)


@given(lives(always_open=True))
def test_what_is_missed_is_named_until_its_look_back_is_over(life: Life) -> None:
    """Over comes after owed, already sent, missed or expired, or at once."""
    figures = [figure for _, figure in life.figures]
    for before, after in itertools.pairwise(figures):
        if after == "over":
            assert before in {"over", "owed", "already-sent", "missed", "expired"}
