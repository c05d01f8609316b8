"""Stages, stage dates, business days and the send window. Pure.

Dates are calendar days in the business time zone; only the send window knows the time of day.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from due_notices.calendars import ONE_DAY, BusinessCalendar


class OpenDays:
    """Counts in the open days of a calendar, which is asked once for each day, however many closed days follow."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        """Take the calendar."""
        self._why_closed = functools.cache(calendar.why_closed)

    def on_or_after(self, day: date) -> date:
        """Return the first open day that is not before `day`."""
        return self._first(day, ONE_DAY)

    def on_or_before(self, day: date) -> date:
        """Return the last open day that is not after `day`."""
        return self._first(day, -ONE_DAY)

    def after(self, day: date, count: int) -> date:
        """Return the open day that is the `count`-th after `day`; `day` itself for 0."""
        for _ in range(count):
            day = self._first(day + ONE_DAY, ONE_DAY)
        return day

    def before(self, day: date, count: int) -> date:
        """Return the open day that is the `count`-th before `day`; `day` itself for 0."""
        for _ in range(count):
            day = self._first(day - ONE_DAY, -ONE_DAY)
        return day

    def closed_from(self, day: date) -> Iterator[tuple[date, str]]:
        """Yield the closed days from `day` on, each with the reason, up to the first open one."""
        while (why := self._why_closed(day)) is not None:
            yield day, why
            day += ONE_DAY

    def closed_until(self, day: date) -> Iterator[tuple[date, str]]:
        """Yield the closed days from `day` back, each with the reason, down to the first open one."""
        while (why := self._why_closed(day)) is not None:
            yield day, why
            day -= ONE_DAY

    def _first(self, day: date, step: timedelta) -> date:
        while self._why_closed(day) is not None:
            day += step
        return day


History = Mapping[int, date]
NOTHING_SENT: History = {}


@dataclass(frozen=True, slots=True)
class StageDate:
    """A stage of one obligation and the open day it falls on.

    `moved` has each day that it moved off and why, in order; empty where it falls on its calendar day.
    """

    stage: int
    day: date
    moved: tuple[tuple[date, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stages:
    """The configured stages (days relative to the due date, ascending) and how they fall on days.

    `catch_up_days` are open days; `look_back_days` and `retention_days` are calendar days.
    """

    days: tuple[int, ...]
    catch_up_days: int
    calendar: BusinessCalendar
    look_back_days: int = 30
    retention_days: int = 400
    open_days: OpenDays = field(init=False, repr=False, compare=False)
    _planned: dict[date, tuple[StageDate, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count in the calendar's open days."""
        object.__setattr__(self, "open_days", OpenDays(self.calendar))
        object.__setattr__(self, "_planned", {})

    @property
    def last_step(self) -> int:
        """How many days after the due date the last stage is; 0 where none is later than it."""
        return max(self.days[-1], 0)

    def planned(self, due: date) -> tuple[StageDate, ...]:
        """Return the dates of all stages as they are without outages and pauses."""
        found = self._planned.get(due)
        if found is None:
            found = self._planned[due] = self.dates(due)
        return found

    def dates(self, due: date, sent: History = NOTHING_SENT, paused_until: date | None = None) -> tuple[StageDate, ...]:
        """Return the dates of the stages above the highest one sent, in their order, which is also that of the days.

        `sent` has the business date on which each stage was sent. The ladder counts on from what was really sent. No
        stage has a date where the due date never comes, or the pause has no end.
        """
        if date.max.year in {due.year, paused_until and paused_until.year}:
            return ()
        highest = max(sent, default=self.days[0] - 1)
        before = StageDate(highest, sent[highest]) if sent and highest > 0 else None
        dates = []
        for stage in self.days:
            if stage <= highest:
                continue
            if stage <= 0:
                dates.append(self._on_time(due, stage, paused_until))
            else:
                before = self._step(due, stage, before, paused_until)
                dates.append(before)
        return tuple(dates)

    def _on_time(self, due: date, stage: int, paused_until: date | None) -> StageDate:
        """Let a stage on or before the due date fall on the open day on or before its day, or after the pause."""
        wanted = due + timedelta(days=stage)
        moved = tuple(self.open_days.closed_until(wanted))
        day = wanted - len(moved) * ONE_DAY
        if paused_until is None or day > paused_until:
            return StageDate(stage, day, moved)
        return self._from(stage, paused_until + ONE_DAY, ((wanted, f"paused until {paused_until}"),))

    def _step(self, due: date, stage: int, before: StageDate | None, paused_until: date | None) -> StageDate:
        """Let a step fall on the open day that leaves the customer the time they have, also after a late step."""
        wanted = due + timedelta(days=stage)
        payable = self.open_days.on_or_after(due)
        bounds = [(payable + timedelta(days=stage), f"{_days(stage)} after {payable}, the first open day")]
        if before is not None:
            apart = stage - before.stage
            bounds.append((before.day + timedelta(days=apart), f"{_days(apart)} after stage {before.stage:+d}"))
        if paused_until is not None:
            bounds.append((paused_until + ONE_DAY, f"paused until {paused_until}"))
        day, why = max(bounds, key=lambda bound: bound[0])
        return self._from(stage, day, ((wanted, why),) if day > wanted else ())

    def _from(self, stage: int, day: date, moved: tuple[tuple[date, str], ...]) -> StageDate:
        closed = tuple(self.open_days.closed_from(day))
        return StageDate(stage, day + len(closed) * ONE_DAY, moved + closed)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


@dataclass(frozen=True, slots=True)
class SendWindow:
    """The local hours in which notices may be sent: from `opens` until just before `closes`.

    `closes` None is midnight at the end of the day. Compared on the local clock's face, so that an hour
    which occurs twice or never (daylight saving) needs no rule of its own.
    """

    opens: time
    closes: time | None

    @classmethod
    def parse(cls, text: str) -> SendWindow:
        """Read `08:00-18:00`; raises ValueError with the remedy."""
        found = _WINDOW.fullmatch(text)
        if not found:
            message = "write it as HH:MM-HH:MM, from 00:00 to 24:00, for example 08:00-18:00"
            raise ValueError(message)
        opens = time(int(found[1]), int(found[2]))
        closes = None if found[3] == "24:00" else time(int(found[4]), int(found[5]))
        if closes is not None and closes <= opens:
            message = (
                "it ends before it begins; a window across midnight would belong to two business dates, "
                "so choose one within a day"
            )
            raise ValueError(message)
        return cls(opens, closes)

    def contains(self, moment: time) -> bool:
        """Whether the local clock's `moment` lies in the window."""
        return self.opens <= moment and (self.closes is None or moment < self.closes)

    def __str__(self) -> str:
        """Return the window as it is written in the settings."""
        return f"{self.opens:%H:%M}-{self.closes.strftime('%H:%M') if self.closes else '24:00'}"


@functools.lru_cache(maxsize=1024)
def local_midnight(day: date, time_zone: tzinfo) -> datetime:
    """Return the moment (UTC) at which `day` begins in `time_zone`."""
    return datetime.combine(day, time(), tzinfo=time_zone).astimezone(UTC)


def parse_days(text: str, *, sign: int) -> tuple[int, ...]:
    """Read `7,3,1,0` into ascending stages, negative for `sign` -1; raises ValueError with the remedy."""
    numbers = [part.strip() for part in text.split(",") if part.strip()]
    if not all(re.fullmatch(r"[0-9]{1,3}", number) for number in numbers):
        message = "write whole numbers of days from 0 to 365, separated by commas, for example 7,3,1,0"
        raise ValueError(message)
    days = {int(number) for number in numbers}
    if days and max(days) > 365:  # noqa: PLR2004 (a year)
        message = "at most 365 days"
        raise ValueError(message)
    return tuple(sorted(sign * number for number in days))
