"""Stages, stage dates, business days and the send window. Pure.

Dates are calendar days in the business time zone; only the send window knows the time of day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from due_notices.calendars import ONE_DAY, BusinessCalendar, EveryDay, HolidayCalendar, UnknownCalendar

__all__ = ["ONE_DAY", "BusinessCalendar", "EveryDay", "HolidayCalendar", "UnknownCalendar"]

LONGEST_MOVE_DAYS = 31  # beyond any calendar's run of closed days


@dataclass(frozen=True, slots=True)
class StageDate:
    """A stage of one obligation and the day it falls on.

    `moved` tells each day that it moved off and why, in order; empty when it did not move.
    """

    stage: int
    day: date
    moved: tuple[tuple[date, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stages:
    """The configured stages (days relative to the due date, ascending) and how they fall on days."""

    days: tuple[int, ...]
    catch_up_days: int
    calendar: BusinessCalendar

    def dates(self, due: date) -> tuple[StageDate, ...]:
        """Return the stage dates of an obligation, in the order of the stages, which is also that of the days."""
        return tuple(self._stage_date(due, stage) for stage in self.days)

    def _stage_date(self, due: date, stage: int) -> StageDate:
        """Move off non-business days: earlier up to the due date, later after it. Never drop a stage."""
        day = due + timedelta(days=stage)
        step = ONE_DAY if stage > 0 else -ONE_DAY
        moved: list[tuple[date, str]] = []
        while (why := self.calendar.why_closed(day)) is not None:
            moved.append((day, why))
            day += step
        return StageDate(stage, day, tuple(moved))


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


def near_due_dates(stages: Stages, first: date, last: date) -> Mapping[date, tuple[StageDate, ...]]:
    """Return every due date that has a stage date from `first` to `last`, with its stage dates.

    Moves are bounded by the longest run of closed days.
    """
    begin = first - timedelta(days=max(stages.days) + LONGEST_MOVE_DAYS)
    span = (last - timedelta(days=min(stages.days) - LONGEST_MOVE_DAYS) - begin).days
    found = {}
    for offset in range(span + 1):
        dates = stages.dates(due := begin + timedelta(days=offset))
        if any(first <= stage.day <= last for stage in dates):
            found[due] = dates
    return found
