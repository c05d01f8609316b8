"""Which notices are owed on a business date, who is skipped, and why. Pure: values in, values out.

The one rule behind everything: an obligation's *current stage* is the latest configured stage whose date is
on or before the business date. It is a candidate while it is at most `catch_up_days` old; the ledger then
says whether it was sent already. What a run, a preview and an explanation show is decided here alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from due_notices.model import (
    MissedStage,
    Notice,
    Obligation,
    Reason,
    Skipped,
    User,
    UserPage,
    notice_id,
    row_of,
)
from due_notices.obligations import NEVER, Malformed, parse_obligation, values_of
from due_notices.stages import ONE_DAY, StageDate, Stages, local_midnight, near_due_dates

# Values repeat (a directory has few distinct dates), so what one means is worked out once. The bound keeps
# memory flat where every value is different.
_REMEMBERED_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about who is notified when."""

    stages: Stages
    time_zone: tzinfo
    attribute: tuple[str, ...]
    allow_list: frozenset[str] = frozenset()

    def allows(self, user: User) -> bool:
        """Whether the allow list, if there is one, has the user's address or its domain."""
        if not self.allow_list:
            return True
        address = (user.email or "").casefold()
        return address in self.allow_list or address[address.rfind("@") :] in self.allow_list


@dataclass(frozen=True, slots=True)
class Day:
    """The business date of a run, and the last one before it that was completed (None: never)."""

    business_date: date
    last_completed: date | None = None

    def handled_until(self, catch_up_days: int) -> date:
        """Return the last day whose stages need no more accounting.

        Before the first completed run only the catch-up window counts: nobody promised the days before.
        """
        return self.last_completed or self.business_date - timedelta(days=catch_up_days + 1)


@dataclass(frozen=True, slots=True)
class Timing:
    """How the stages of one due date stand on a business date.

    `current` is the current stage, whatever its age. `state` tells what it means: `owed` (a candidate, its
    notice expires at `expires`, UTC), `expired` (too old, and no completed run ever saw it), `over` (too old,
    and a run did), or `early` (no stage has come yet). `superseded` are earlier stages that no run saw.
    """

    dates: tuple[StageDate, ...]
    state: Literal["owed", "expired", "over", "early"]
    current: StageDate | None = None
    expires: datetime | None = None
    superseded: tuple[StageDate, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether nothing at all is to be sent or counted."""
        return self.state in {"over", "early"} and not self.superseded


def timing(due: date, rules: Rules, day: Day) -> Timing:
    """Work out how the stages of an obligation due on `due` stand on `day`."""
    if due.year == NEVER:
        return Timing((), "early")
    dates = rules.stages.dates(due)
    today, catch_up = day.business_date, rules.stages.catch_up_days
    reached = [stage for stage in dates if stage.day <= today]
    if not reached:
        return Timing(dates, "early")
    handled_until = day.handled_until(catch_up)
    current = reached[-1]
    superseded = tuple(stage for stage in reached[:-1] if stage.day > handled_until)
    if (today - current.day).days > catch_up:
        state: Literal["expired", "over"] = "expired" if current.day > handled_until else "over"
        return Timing(dates, state, current, superseded=superseded)
    following = (stage.day for stage in dates if stage.day > current.day)
    last_day = next(following, current.day + timedelta(days=catch_up) + ONE_DAY)
    return Timing(dates, "owed", current, local_midnight(last_day, rules.time_zone), superseded)


def due_dates_in_question(rules: Rules, day: Day) -> frozenset[date]:
    """Return every due date for which `timing` is not quiet: all that a run of this day needs to read."""
    today, catch_up = day.business_date, rules.stages.catch_up_days
    first = min(day.handled_until(catch_up) + ONE_DAY, today - timedelta(days=catch_up))
    return frozenset(near_due_dates(rules.stages, first, today))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a business date asks for, before the ledger is asked what was done already.

    `notices` are in the order of their ledger partitions and ids, whatever order the users came in.
    `skips` lists the skipped obligations as far as the caller wanted them listed; `skipped` counts all.
    """

    day: Day
    users_read: int
    obligations: int
    notices: tuple[Notice, ...]
    missed: tuple[MissedStage, ...]
    skipped: Mapping[Reason, int]
    skips: tuple[Skipped, ...]


def plan_notices(
    pages: Iterable[UserPage],
    rules: Rules,
    day: Day,
    *,
    list_skips: int | None = None,
    read: Reader | None = None,
) -> Plan:
    """Return the plan for one business date over all users, holding only what is owed in memory.

    `list_skips` is how many skips of each reason `Plan.skips` keeps (None: all of them). Whoever plans the same
    rules and day again may hand in the `read` of the first time, which knows the values that it has met.
    """
    planner = _Planner(rules, day, list_skips, read or Reader(rules, day))
    for page in pages:
        planner.add_page(page)
    return planner.plan()


@dataclass(slots=True)
class _Planner:
    rules: Rules
    day: Day
    list_skips: int | None
    read: Reader
    users_read: int = 0
    obligations: int = 0
    notices: dict[str, Notice] = field(default_factory=dict)
    missed: dict[str, MissedStage] = field(default_factory=dict)
    skipped: Counter[Reason] = field(default_factory=Counter)
    skips: list[Skipped] = field(default_factory=list)

    def add_page(self, page: UserPage) -> None:
        self.users_read += len(page)
        quiet = self.read.quiet_values
        for index, value in enumerate(page.values):
            # Nearly every user has one date that is of no interest today: known by one look-up.
            if value.__class__ is str and value in quiet:
                self.obligations += 1
                continue
            values = values_of(value)
            if not values:
                continue
            self.obligations += len(values)
            readings = [self.read(value) for value in values]
            if not all(reading.quiet for reading in readings):
                self._add(page.user(index), readings)

    def _add(self, user: User | None, readings: Sequence[Reading]) -> None:
        if user is None:
            for _ in readings:
                self._skip(Skipped("(no usable id)", Reason.MALFORMED))
            return
        for reading in unique(readings, lambda reference: self._skip_duplicate(user.id, reference)):
            if reading.obligation is None or reading.timing is None:
                self._skip(Skipped(user.id, Reason.MALFORMED))
                continue
            self._add_obligation(user, reading.obligation, reading.timing)

    def _add_obligation(self, user: User, obligation: Obligation, when: Timing) -> None:
        reason = reason_to_skip(user, obligation, self.rules, self.day)
        if obligation.status == "open":
            for stage in when.superseded:
                self._miss(user, obligation, stage, "superseded")
            if when.state == "expired" and when.current is not None:
                self._miss(user, obligation, when.current, "expired")
        if when.state != "owed":
            return
        if reason is not None:
            self._skip(Skipped(user.id, reason, obligation.reference))
            return
        notice = to_notice(user, obligation, when, self.day)
        self.notices.setdefault(notice.id, notice)

    def _miss(
        self, user: User, obligation: Obligation, stage: StageDate, kind: Literal["superseded", "expired"]
    ) -> None:
        identifier = notice_id(user.id, obligation, stage.stage)
        row = row_of(user.id, obligation, stage.stage)
        self.missed[identifier] = MissedStage(identifier, obligation.due.isoformat(), row, kind)

    def _skip_duplicate(self, identifier: str, reference: str) -> None:
        self._skip(Skipped(identifier, Reason.DUPLICATE, reference))

    def _skip(self, skip: Skipped) -> None:
        self.skipped[skip.reason] += 1
        if self.list_skips is None or self.skipped[skip.reason] <= self.list_skips:
            self.skips.append(skip)

    def plan(self) -> Plan:
        for duplicate in duplicates(self.notices.values()):
            del self.notices[duplicate.id]
            self._skip(Skipped(duplicate.user.id, Reason.DUPLICATE, duplicate.obligation.reference))
        return Plan(
            day=self.day,
            users_read=self.users_read,
            obligations=self.obligations,
            notices=tuple(sorted(self.notices.values(), key=lambda notice: (notice.partition, notice.id))),
            missed=tuple(self.missed.values()),
            skipped=dict(sorted(self.skipped.items())),
            skips=tuple(self.skips),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """One attribute value as read: an obligation and its timing, or the reason why it is malformed."""

    obligation: Obligation | None
    timing: Timing | None
    malformed: str | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing is to be sent, skipped or counted."""
        return self.timing is not None and self.timing.quiet


class Reader:
    """Reads attribute values for one business date, each distinct value and due date once."""

    def __init__(self, rules: Rules, day: Day) -> None:
        """Take what the reading depends on. `quiet_values` are texts known to be quiet, as far as remembered."""
        self._rules = rules
        self._day = day
        self.quiet_values: set[object] = set()
        self._readings: dict[object, Reading] = {}
        self._timings: dict[date, Timing] = {}

    def __call__(self, value: object) -> Reading:
        """Return what `value` means; never raises."""
        if not isinstance(value, str):
            return self._read(value)
        reading = self._readings.get(value)
        if reading is None:
            if len(self._readings) >= _REMEMBERED_VALUES:
                self._readings.clear()
                self.quiet_values.clear()
            reading = self._readings[value] = self._read(value)
            if reading.quiet:
                self.quiet_values.add(value)
        return reading

    def _read(self, value: object) -> Reading:
        try:
            obligation = parse_obligation(value, self._rules.time_zone, self._day.business_date)
        except Malformed as problem:
            return Reading(None, None, str(problem))
        when = self._timings.get(obligation.due)
        if when is None:
            when = self._timings[obligation.due] = timing(obligation.due, self._rules, self._day)
        return Reading(obligation, when)


def unique(readings: Sequence[Reading], on_duplicate: Callable[[str], None]) -> list[Reading]:
    """Let several values of one user about one obligation (due date and reference) count as one.

    One that must not be notified wins over an open one: whoever has paid is not reminded. Among equals the
    choice is by content, so that it does not depend on the order in which the directory lists them.
    """
    malformed = [reading for reading in readings if reading.obligation is None]
    chosen: dict[tuple[date, str], Reading] = {}
    for reading in readings:
        if reading.obligation is None or reading.timing is None:
            continue
        key = (reading.obligation.due, reading.obligation.reference)
        if key not in chosen:
            chosen[key] = reading
            continue
        chosen[key] = min(chosen[key], reading, key=_restraint)
        if reading.timing.state == "owed":
            on_duplicate(reading.obligation.reference)
    return malformed + list(chosen.values())


def _restraint(reading: Reading) -> tuple[bool, str, int, str, str]:
    obligation = reading.obligation or Obligation(date.min)
    paused_until = obligation.paused_until or date.min
    return (
        obligation.status == "open",
        obligation.status,
        -paused_until.toordinal(),
        obligation.amount or "",
        obligation.currency or "",
    )


def reason_to_skip(user: User, obligation: Obligation, rules: Rules, day: Day) -> Reason | None:
    """Return why this obligation is not notified although a stage of it has come, or None."""
    if obligation.status != "open":
        return Reason(obligation.status)
    if obligation.paused_until is not None and obligation.paused_until >= day.business_date:
        return Reason.PAUSED
    if not user.enabled:
        return Reason.DISABLED
    if user.email is None and user.mobile_phone is None:
        return Reason.UNREACHABLE
    return None if rules.allows(user) else Reason.NOT_ALLOWED


def to_notice(user: User, obligation: Obligation, when: Timing, day: Day) -> Notice:
    """Return the notice of a current stage that is owed."""
    if when.current is None or when.expires is None:
        raise ValueError("only a stage that is owed has a notice")
    return Notice(
        id=notice_id(user.id, obligation, when.current.stage),
        user=user,
        obligation=obligation,
        stage=when.current.stage,
        stage_date=when.current.day,
        business_date=day.business_date,
        expires=when.expires,
    )


def duplicates(notices: Iterable[Notice]) -> list[Notice]:
    """Return the notices that tell one person the same thing again: one address, two accounts.

    Same address, reference, due date and stage. The account with the smallest id keeps its notice. Without
    a reference nothing says that two accounts mean the same obligation, so both are notified.
    """
    first: dict[tuple[str, str, date, int], Notice] = {}
    again = []
    for notice in sorted(notices, key=lambda notice: notice.user.id):
        obligation, email = notice.obligation, notice.user.email
        if email is None or not obligation.reference:
            continue
        key = (email.casefold(), obligation.reference, obligation.due, notice.stage)
        if first.setdefault(key, notice) is not notice:
            again.append(notice)
    return again
