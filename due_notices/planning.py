"""Who is notified of what on a day, who is not, and why. Pure: values in, values out.

In two steps, because the decision needs what was sent before. First all users are read: most values say by themselves
what becomes of them (not yet due, long over, paid), and the others are gathered by due date. Then the ledger says what
was sent of these, one due date after another, and `ladder` decides. A run, a preview and an explanation all ask here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta, tzinfo
from typing import NamedTuple, cast

from due_notices.ladder import Case, Day, Decided, Decision, State, decide_on, is_asked, unasked
from due_notices.model import (
    Batch,
    Notice,
    Obligation,
    Reason,
    Sent,
    Skipped,
    User,
    UserPage,
    batch_id,
    notice_id,
    user_key,
)
from due_notices.obligations import Distinct, Malformed, distinct, history_of, parse_obligation, values_of
from due_notices.stages import StageDate, Stages, local_midnight

# Values repeat (a directory has few distinct dates), so what one means is worked out once. The bound keeps
# memory flat where every value is different.
_REMEMBERED_VALUES = 20_000
NO_ID = "(no usable id)"
OPEN_DUE_DATES = timedelta(days=30)  # due dates whose open ones are counted: fewer are payments


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about who is notified when.

    `digest` is a hash of the settings that decide, `filter_digest` one of USER_FILTER and the allow list.
    """

    stages: Stages
    time_zone: tzinfo
    attribute: tuple[str, ...]
    allow_list: frozenset[str] = frozenset()
    digest: str = ""
    filter_digest: str = ""

    def allows(self, user: User) -> bool:
        """Whether the allow list, if there is one, has the user's address or its domain."""
        if not self.allow_list:
            return True
        address = (user.email or "").casefold()
        return address in self.allow_list or address[address.rfind("@") :] in self.allow_list


ValueOutcome = State | Reason | Distinct
"""What the value alone says of an obligation: a figure, a reason to skip it, or that the ledger must be asked."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of the due-date attribute as read: an obligation, or the reason why it is malformed."""

    text: str
    obligation: Obligation | None
    malformed: str | None
    outcome: ValueOutcome


class Reader:
    """Reads values for one day, each distinct one once; `quiet` has the figure of each that its text alone decides."""

    def __init__(self, rules: Rules, day: Day) -> None:
        """Take what the reading depends on."""
        self._rules = rules
        self._day = day
        self._readings: dict[str, Reading] = {}
        self.quiet: dict[object, State] = {}

    def __call__(self, value: object) -> Reading:
        """Return what `value` means; never raises."""
        if not isinstance(value, str):
            return self._read(value)
        reading = self._readings.get(value)
        if reading is None:
            if len(self._readings) >= _REMEMBERED_VALUES:
                self._readings.clear()
                self.quiet.clear()
            reading = self._readings[value] = self._read(value)
            if isinstance(reading.outcome, str) and not isinstance(reading.outcome, Reason):
                self.quiet[value] = reading.outcome
        return reading

    def quiet_figures(self, values: Sequence[object]) -> Sequence[State | None]:
        """Return the figure of each value that its text alone decides; None for the others."""
        try:
            return list(map(self.quiet.get, values))
        except TypeError:  # several values of one user are a list
            return [self.quiet.get(value) if value.__class__ is str else None for value in values]

    def outcomes(self, readings: Sequence[Reading]) -> Iterator[ValueOutcome]:
        """Yield what each value of one user says, in their order; all but one of the same obligation are duplicates."""
        if len(readings) == 1:
            yield readings[0].outcome
            return
        found: list[ValueOutcome] = [Reason.MALFORMED] * len(readings)
        for one in distinct([(reading.text, reading.obligation) for reading in readings]):
            found[one.place] = self.outcome(one)
            for place in one.duplicates:
                found[place] = Reason.DUPLICATE
        yield from found

    def _read(self, value: object) -> Reading:
        try:
            obligation = parse_obligation(value, self._rules.time_zone, self._day.business_date)
        except Malformed as problem:
            return Reading("", None, str(problem), Reason.MALFORMED)
        return Reading(str(value), obligation, None, self.outcome(Distinct(obligation, 0, (), alone=True)))

    def outcome(self, one: Distinct) -> ValueOutcome:
        """Return what an obligation's value alone says of it, or the obligation where the ledger must be asked."""
        owed, stages, day = one.obligation, self._rules.stages, self._day
        closed = why_closed(owed)
        pause = None if closed else owed.paused_until
        if is_asked(stages, day, owed.due, pause):
            return one
        if closed is not None:
            return closed
        if pause is not None and pause >= day.business_date:
            return Reason.PAUSED
        return unasked(stages, day, owed.due)


def why_closed(obligation: Obligation) -> Reason | None:
    """Return why nothing is to be paid any more, or None."""
    if obligation.status != "open":
        return Reason(obligation.status)
    return Reason.SETTLED if obligation.settled else None


def reason_to_skip(user: User, obligation: Obligation, rules: Rules, today: date) -> Reason | None:
    """Return why an obligation of which the ledger is asked is not notified, or None."""
    if not user.enabled:
        return Reason.DISABLED
    if user.email is None and user.mobile_phone is None:
        return Reason.UNREACHABLE
    if user.opted_out:
        return Reason.OPTED_OUT
    if not rules.allows(user):
        return Reason.NOT_ALLOWED
    if (closed := why_closed(obligation)) is not None:
        return closed
    paused = obligation.paused_until is not None and obligation.paused_until >= today
    return Reason.PAUSED if paused else None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An open obligation that was missed or has expired; `stage` is what `run --missed` would send, if anything."""

    user_id: str
    obligation: Obligation
    state: State
    stage: StageDate | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of a day does. Each value that was read is in exactly one figure."""

    day: Day
    users_read: int
    obligations: int
    not_yet: int
    over: int
    already_sent: int
    notices: tuple[Notice, ...]  # by due date and id, whatever order the users came in
    given_up: tuple[GivenUp, ...]
    skipped: Mapping[Reason, int]
    skips: tuple[Skipped, ...]  # as many of the skipped as the caller wanted listed
    open_by_due_date: Mapping[date, int] = field(default_factory=dict)  # of the last due dates, skipped users included

    @property
    def missed(self) -> int:
        """How many obligations can no longer be notified and never were."""
        return sum(one.state == "missed" for one in self.given_up)

    @property
    def expired(self) -> int:
        """How many obligations can no longer be notified and were notified before."""
        return sum(one.state == "expired" for one in self.given_up)

    @property
    def superseded(self) -> int:
        """How many stages were never sent and never will be, because a notice of a later stage is sent."""
        return sum(notice.superseded for notice in self.notices)


class _Open(NamedTuple):
    """An open obligation of which the ledger is asked."""

    user: User
    key: str
    owed: Distinct


class Owed(NamedTuple):
    """An obligation that is owed a notice; `previous` is the last stage of it that was sent."""

    user: User
    obligation: Obligation
    decision: Decision
    previous: int | None

    def who(self) -> User:
        """Return the user."""
        return self.user


@dataclass(slots=True)
class Planner:
    """Plans the last of `days`; the runs of the days before it are assumed to complete.

    In this order: `add_page` for each page of users, `asks` for what the ledger must be asked, `decide` with each of
    its answers, and `plan`.
    """

    rules: Rules
    days: Sequence[Day]
    list_skips: int | None = None  # how many skips of each reason the plan lists; None: all
    send_missed: bool = False  # whether what was missed or has expired is owed, too
    coming: dict[date, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))  # sent before: day, stage
    _users_read: int = 0
    _obligations: int = 0
    _figures: Counter[State] = field(default_factory=Counter)
    _skipped: Counter[Reason] = field(default_factory=Counter)
    _skips: list[Skipped] = field(default_factory=list)
    _open: dict[date, list[_Open]] = field(default_factory=lambda: defaultdict(list))
    _owed: list[Owed] = field(default_factory=list)
    _given_up: list[GivenUp] = field(default_factory=list)
    _open_by_due_date: Counter[date] = field(default_factory=Counter)
    _closed: dict[date, dict[str, User]] = field(default_factory=lambda: defaultdict(dict))
    _sent_today: Counter[str] = field(default_factory=Counter)
    _decided: dict[object, Decided] = field(default_factory=dict)
    _reader: Reader = field(init=False)
    _counted_from: date = field(init=False)
    _reader_of_the_day: Reader = field(init=False)

    def __post_init__(self) -> None:
        """Make the readers: one for whatever any of the days asks for, one for the last day alone."""
        self._reader = Reader(self.rules, replace(self.day, reach=min(day.reach for day in self.days)))
        self._counted_from = self.day.business_date - OPEN_DUE_DATES
        self._reader_of_the_day = Reader(self.rules, self.day)

    @property
    def day(self) -> Day:
        """The day that is planned."""
        return self.days[-1]

    @property
    def users_read(self) -> int:
        """How many users were read so far."""
        return self._users_read

    def add_page(self, page: UserPage) -> None:
        """Count and gather a page of users."""
        self._users_read += len(page)
        # Nearly every user has one date that is of no interest today: known by one look-up, and counted all at once.
        figures = self._reader.quiet_figures(page.values)
        counts = Counter(figures)
        others = counts.pop(None, 0)
        self._figures.update(cast("Counter[State]", counts))
        self._obligations += len(figures) - others
        if not others:
            return
        for index, (value, figure) in enumerate(zip(page.values, figures, strict=True)):
            if figure is not None or value is None:
                continue
            values = values_of(value)
            if not values:
                continue
            self._obligations += len(values)
            self._add(page, index, [self._reader(each) for each in values])

    def _add(self, page: UserPage, index: int, readings: Sequence[Reading]) -> None:
        whose: User | None = None
        closed = list[date]()
        for reading, outcome in zip(readings, self._reader.outcomes(readings), strict=True):
            if isinstance(outcome, Distinct):
                if (user := self._gather(page.user(index), outcome)) is None:
                    closed.append(outcome.obligation.due)
                whose = user or whose
            else:
                self._count(outcome, reading.obligation, lambda: page.user(index), reading.malformed or "")
        if whose is not None:  # what was sent of the others today belongs to the same batch
            for due in closed:
                self._closed[due][user_key(whose.id)] = whose

    def _count(
        self, outcome: State | Reason, owed: Obligation | None, who: Callable[[], User | None], why: str = ""
    ) -> None:
        if isinstance(outcome, Reason):
            self._skip(outcome, owed, who, why)
        else:
            self._figures[outcome] += 1

    def _gather(self, user: User | None, one: Distinct) -> User | None:
        """Gather an obligation for the ledger; return its user, or None where it is skipped instead."""
        owed = one.obligation
        if why_closed(owed) is None and self._counted_from < owed.due <= self.day.business_date:
            self._open_by_due_date[owed.due] += 1
        if user is None:
            self._skip(Reason.MALFORMED, owed, lambda: None)
        elif (reason := reason_to_skip(user, owed, self.rules, self.day.business_date)) is not None:
            outcome = self._reader_of_the_day.outcome(one)
            if not isinstance(outcome, Distinct):  # only a day before the last one asks for it
                self._count(outcome, owed, lambda: user)
            else:
                self._skip(reason, owed, lambda: user, user.unusable_contacts if reason is Reason.UNREACHABLE else "")
        else:
            self._open[owed.due].append(_Open(user, user_key(user.id), one))
            return user
        return None

    def _skip(self, reason: Reason, owed: Obligation | None, who: Callable[[], User | None], why: str = "") -> None:
        self._skipped[reason] += 1
        if self.list_skips is None or self._skipped[reason] <= self.list_skips:
            user = who()
            reference, due = (owed.reference, owed.due) if owed else ("", None)
            self._skips.append(Skipped(user.id if user else NO_ID, reason, reference, why, due))

    def asks(self) -> dict[date, frozenset[str]]:
        """Return the due dates of which the ledger must be asked, in order, each with the keys of its users."""
        return {
            due: frozenset((*(one.key for one in self._open.get(due, ())), *self._closed.get(due, ())))
            for due in sorted(self._open.keys() | self._closed.keys())
        }

    def decide(self, due: date, sent: Mapping[str, Mapping[str, Sent]]) -> None:
        """Take what was sent of the obligations of a due date, and decide about them."""
        asked = self._open.pop(due, [])
        users = {one.key: one.user for one in asked} | self._closed.pop(due, {})
        for key in users.keys() & sent.keys():
            self._count_today(users[key], sent[key])
        for one in asked:
            self._take(one, *history_of(one.owed, sent.get(one.key, {})))

    def _count_today(self, user: User, sent: Mapping[str, Sent]) -> None:
        today = self.day.business_date
        count = sum(day == today for past in sent.values() for day in past.stages.values())
        if count:
            self._sent_today[user.id] += count

    def _take(self, one: _Open, history: Mapping[int, date], own: bool) -> None:  # noqa: FBT001
        owed = one.owed.obligation
        decided = self._decide(Case(owed.due, owed.paused_until, history, own))
        decision = decided.decision.after_all() if self.send_missed else decided.decision
        if decision.state == "owed":
            self._owed.append(Owed(one.user, owed, decision, decided.previous))
        elif decision.state in {"missed", "expired"}:
            self._given_up.append(GivenUp(one.user.id, owed, decision.state, decision.stage))
        else:
            self._figures[decision.state] += 1

    def _decide(self, case: Case) -> Decided:
        """Decide about a case; many obligations have the same dates and history."""
        key = (case.due, case.paused_until, tuple(case.history.items()), case.own)
        found = self._decided.get(key)
        if found is None:
            found = self._decided[key] = decide_on(self.rules.stages, self.days, case)
        for day, stage in found.until_then:
            self.coming[day][stage] += 1
        return found

    def plan(self, fits: Callable[[Notice], bool] = lambda _: True) -> Plan:
        """Return the plan; a notice that does not fit into a message is skipped, and the others are sent."""
        seen: set[str] = set()
        notices: list[Notice] = []
        for owed in self._owed:
            notice = to_notice(owed, self.rules, self.day)
            if notice.id in seen:  # the directory has listed a user twice
                self._skip(Reason.DUPLICATE, owed.obligation, owed.who)
            elif fits(notice):
                notices.append(notice)
            else:
                self._skip(Reason.TOO_LARGE, owed.obligation, owed.who)
            seen.add(notice.id)
        sizes = self._sent_today + Counter(notice.user.id for notice in notices)
        today = self.day.business_date
        return Plan(
            day=self.day,
            users_read=self._users_read,
            obligations=self._obligations,
            not_yet=self._figures["not-yet"],
            over=self._figures["over"],
            already_sent=self._figures["already-sent"],
            notices=tuple(
                notice._replace(batch=Batch(batch_id(notice.user.id, today), sizes[notice.user.id]))
                for notice in sorted(notices, key=lambda notice: (notice.obligation.due, notice.id))
            ),
            given_up=tuple(sorted(self._given_up, key=lambda one: (one.state, one.obligation.due, one.user_id))),
            skipped=dict(sorted(self._skipped.items())),
            skips=tuple(sorted(self._skips, key=_in_order)),
            open_by_due_date=dict(sorted(self._open_by_due_date.items())),
        )


def _in_order(skip: Skipped) -> tuple[str, Reason, date, str, str]:
    """Return what skips are sorted by, since the pages of a directory that is read in parts come in no order."""
    return skip.user_id, skip.reason, skip.due or date.min, skip.reference, skip.why


def to_notice(owed: Owed, rules: Rules, day: Day) -> Notice:
    """Return the notice, not yet in its batch."""
    decision = owed.decision
    if decision.stage is None or decision.expires is None:
        raise ValueError("only a stage that is owed has a notice")
    return Notice(
        id=notice_id(owed.user.id, owed.obligation, decision.stage.stage),
        user=owed.user,
        obligation=owed.obligation,
        stage=decision.stage.stage,
        stage_date=decision.stage.day,
        business_date=day.business_date,
        expires=local_midnight(decision.expires, rules.time_zone),
        late=decision.late,
        previous_stage=owed.previous,
        superseded=decision.superseded,
    )
