"""What a person must see of a business calendar before trusting it: its next closed days, and its weak places. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Literal

from due_notices.calendars import ONE_DAY, WEEKDAYS, WEEKEND, BusinessCalendar, BusinessDays, HolidayCalendar

# A year and its leap day, so that each holiday is met once at least.
YEAR = timedelta(days=366)
_YEARS_COMPARED = 3
_CLOSED_DAYS_SHOWN = 3
_PARTS_SHOWN = 9


@dataclass(frozen=True, slots=True)
class CalendarNote:
    """One thing about one calendar, or about all together (`calendar` is empty then).

    `warning` is true where notices would very likely leave on days on which they should not. Codes: `next` the next
    closed days; `more` categories that are not chosen; `parts` a country whose parts close days of their own; `ends`
    its data end within a year; `nothing` it closes no weekday in the next twelve months; `fewer` it closes less than
    half of the last twelve months'.
    """

    code: Literal["next", "more", "parts", "ends", "nothing", "fewer"]
    calendar: str
    text: str
    warning: bool


def package_version() -> str:
    """Return the version of `holidays`."""
    return version("holidays")


def closed_weekdays(calendar: BusinessCalendar, first: date, last: date) -> Iterator[tuple[date, str]]:
    """Yield the days from `first` to `last` that are closed by more than their place in the week, with the reason."""
    weekend = weekend_of(calendar, first)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day.weekday() not in weekend and (why := calendar.why_closed(day)) is not None:
            yield day, why


def calendar_notes(calendar: BusinessCalendar, today: date) -> tuple[CalendarNote, ...]:
    """Return what a person must see on `today`, warnings last; nothing where every day is a business day."""
    if not isinstance(calendar, BusinessDays):
        return ()
    notes = [_next(calendar, today)]
    for each in calendar.calendars:
        found = (_more(each), _parts(each, today), _end(each, today) or _emptiness(each, today))
        notes.extend(note for note in found if note)
    return tuple(sorted(notes, key=lambda note: note.warning))


def _next(calendar: BusinessDays, today: date) -> CalendarNote:
    days = list(closed_weekdays(calendar, today, today + YEAR))[:_CLOSED_DAYS_SHOWN]
    names = ", ".join(each.name for each in calendar.calendars)
    whose = f"{names} by the package holidays {package_version()}" if names else "own days"
    weekend = " and ".join(WEEKDAYS[day] for day in weekend_of(calendar, today))
    lines = [f"  {day:%a} {day} {why}" for day, why in days] or ["  nothing in the next twelve months"]
    text = "\n".join([f"{whose}; weekend {weekend or 'none'}; closed next:", *lines])
    return CalendarNote("next", "", text, warning=False)


def _more(calendar: HolidayCalendar) -> CalendarNote | None:
    if not calendar.more_categories:
        return None
    more = ", ".join(f"+{category}" for category in calendar.more_categories)
    return CalendarNote("more", calendar.name, f"{calendar.name} knows more days: {more}", warning=False)


def _parts(calendar: HolidayCalendar, today: date) -> CalendarNote | None:
    """Name the parts that close at least one weekday a year that the country's calendar leaves open, if most do.

    Where all do, the country's calendar is right nowhere in the country, which is a warning.
    """
    last = today + YEAR * _YEARS_COMPARED
    own = [part for part in calendar.parts if _own_days(calendar, part, today, last) >= _YEARS_COMPARED]
    if len(own) * 2 <= len(calendar.parts):
        return None
    names = [f"{calendar.code}-{part}" for part in own]
    shown = ", ".join(names[:_PARTS_SHOWN]) + (f" and {len(names) - _PARTS_SHOWN} more" * (len(names) > _PARTS_SHOWN))
    everywhere = len(own) == len(calendar.parts)
    how_many = f"all {len(own)}" if everywhere else f"{len(own)} of {len(calendar.parts)}"
    text = f"{calendar.name} leaves open days that {how_many} parts close; write your customers' part: {shown}"
    return CalendarNote("parts", calendar.name, text, warning=everywhere)


def _own_days(country: HolidayCalendar, part: str, first: date, last: date) -> int:
    return sum(country.why_closed(day) is None for day, _ in closed_weekdays(country.of_part(part), first, last))


def _end(calendar: HolidayCalendar, today: date) -> CalendarNote | None:
    end = date(calendar.end_year, 12, 31)
    if end >= today + YEAR:
        return None
    text = (
        f"the data of {calendar.name} end on {end}, and after that only weekends are closed: update the package "
        f"holidays (now {package_version()}), or name the days in CLOSED_DAYS"
    )
    return CalendarNote("ends", calendar.name, text, warning=True)


def _emptiness(calendar: HolidayCalendar, today: date) -> CalendarNote | None:
    past, coming = (_count(calendar, first) for first in (today - YEAR, today))
    if coming == 0:
        text = (
            f"{calendar.name} closes nothing but its weekend in the next twelve months: if that is wrong, name the "
            "days in CLOSED_DAYS"
        )
        return CalendarNote("nothing", calendar.name, text, warning=True)
    if coming * 2 < past:
        text = (
            f"{calendar.name} closes {coming} weekdays in the next twelve months, and closed {past} in the last: "
            f"update the package holidays (now {package_version()}), or name the days in CLOSED_DAYS"
        )
        return CalendarNote("fewer", calendar.name, text, warning=True)
    return None


def _count(calendar: HolidayCalendar, first: date) -> int:
    return sum(1 for _ in closed_weekdays(calendar, first, first + YEAR - ONE_DAY))


def weekend_of(calendar: BusinessCalendar, first: date) -> Sequence[int]:
    """Return the weekdays (0 is Monday) that a calendar closes as weekend within two months of `first`."""
    days = [first + timedelta(days=offset) for offset in range(60)]
    return sorted({day.weekday() for day in days if calendar.why_closed(day) == WEEKEND})
