"""On which days notices may be sent: the calendars of countries, their parts and markets, and one's own days. Pure.

The package `holidays` knows the days. It works out its years when they are first asked for, without a lock, so
that a second thread may see half a year; here each year is worked out whole before it is used.
"""

from __future__ import annotations

import difflib
import functools
import re
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

ONE_DAY = timedelta(days=1)
WEEKEND = "weekend"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_NAMES_OF_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1970, 2201)
_LONGEST_SPAN = timedelta(days=366)


class BusinessCalendar(Protocol):
    """Knows on which days notices may be sent."""

    def why_closed(self, day: date) -> str | None:
        """Return None for a business day, else why the day is closed ("weekend", a holiday's name)."""
        ...


@dataclass(frozen=True, slots=True)
class EveryDay:
    """The calendar where none is set: every day is a business day."""

    def why_closed(self, day: date) -> str | None:  # noqa: ARG002 (a Protocol's method)
        """Return None."""
        return None


class UnknownCalendar(ValueError):
    """`holidays` has no such calendar, part or category; the text lists near names."""


class _Year(NamedTuple):
    """One year of a calendar: its holidays, and all its closed days, weekends included. Never changed."""

    holidays: Mapping[date, str]
    closed: Mapping[date, str]


class HolidayCalendar:
    """One calendar of the package `holidays`: a country, a part of one, or a market, with its weekends.

    `name` is as `holidays` has it (`GB-ENG` for `UK-England`), `end_year` the last year of which it has data,
    `parts` the parts that the country has, if this calendar is for none of them, `more_categories` those that this
    calendar does not close.
    """

    def __init__(self, name: str) -> None:
        """Take `DE`, `US-NY`, `XECB`, `SE+de_facto`, in any case; raises UnknownCalendar."""
        place, *categories = (text.strip() for text in name.split("+"))
        code, dash, part = (text.strip() for text in place.partition("-"))
        self._entity, self.code = _entity(code)
        self.part = _part(self._entity, self.code, part) if dash else None
        self.categories = tuple(_category(self._entity, self.code, category) for category in categories)
        self.name = self.code + (f"-{self.part}" if self.part else "") + "".join(f"+{each}" for each in self.categories)
        self.end_year: int = self._entity.end_year
        self.parts: tuple[str, ...] = () if self.part else tuple(self._entity.subdivisions)
        self.more_categories = tuple(
            name for name in _categories(self._entity) if name not in {self._entity.default_category, *self.categories}
        )
        self._years: dict[int, _Year] = {}
        self._filling = threading.Lock()
        with warnings.catch_warnings():
            # The package warns of old names of parts, which it takes all the same.
            warnings.simplefilter("ignore")
            self._package: Any = self._entity(
                subdiv=self.part, language="en_US", categories=(self._entity.default_category, *self.categories)
            )

    def why_closed(self, day: date) -> str | None:
        """Return None for a business day, else the holiday's name or "weekend"."""
        return self._year(day.year).closed.get(day)

    def holiday(self, day: date) -> str | None:
        """Return the name of the holiday on a day, or None. Knows nothing of weekends and in-lieu working days."""
        return self._year(day.year).holidays.get(day)

    def of_part(self, part: str) -> HolidayCalendar:
        """Return the same calendar for one of the country's parts."""
        return HolidayCalendar("+".join((f"{self.code}-{part}", *self.categories)))

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            with self._filling:
                found = self._years.get(year) or self._fill(year)
                self._years[year] = found
        return found

    def _fill(self, year: int) -> _Year:
        with warnings.catch_warnings():
            # It warns of years for which it knows only a part of the holidays.
            warnings.simplefilter("ignore")
            self._package.get(date(year, 1, 1))
        days = (date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1))
        holidays, closed = {}, {}
        for day in days:
            holiday = self._package.get(day)
            if holiday is not None:
                holidays[day] = closed[day] = holiday
            elif not self._package.is_working_day(day):
                closed[day] = WEEKEND
        return _Year(holidays, closed)

    def __repr__(self) -> str:
        """Return the calendar's name."""
        return f"HolidayCalendar({self.name!r})"


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """Several calendars, each of which is asked, and one's own days. A day is closed if anything closes it.

    `open_days` win over all else. `weekend` (0 is Monday) replaces the calendars' weekends and their working
    days at weekends; it is kept here, because the package ignores a weekend that is set from outside for
    a dozen countries, and its own sum of calendars forgets weekends and working days.
    """

    calendars: tuple[HolidayCalendar, ...] = ()
    closed_days: frozenset[date] = frozenset()
    open_days: frozenset[date] = frozenset()
    weekend: frozenset[int] | None = None

    def why_closed(self, day: date) -> str | None:
        """Return None for a business day, else a holiday's name, "CLOSED_DAYS" or "weekend"."""
        if day in self.open_days:
            return None
        if day in self.closed_days:
            return "CLOSED_DAYS"
        if self.weekend is None:
            reasons = [why for calendar in self.calendars if (why := calendar.why_closed(day)) is not None]
        else:
            reasons = [why for calendar in self.calendars if (why := calendar.holiday(day)) is not None]
            if day.weekday() in self.weekend:
                reasons.append(WEEKEND)
        return next((why for why in reasons if why != WEEKEND), reasons[0] if reasons else None)


def parse_calendars(text: str) -> tuple[HolidayCalendar, ...]:
    """Read `DE,XECB`; raises UnknownCalendar (a ValueError) with near names."""
    calendars, pieces = [], [piece for piece in text.split(",") if piece.strip()]
    if text.strip() and not pieces:
        raise UnknownCalendar("names no calendar; write for example DE, US-NY or DE,XECB")
    if ";" in text:
        raise UnknownCalendar("holds a semicolon; separate calendars by commas, for example DE,XECB")
    while pieces:
        # The name of a part may hold a comma: the longest name that is known is the one that is meant.
        length = next((n for n in range(min(3, len(pieces)), 1, -1) if _is_known(",".join(pieces[:n]))), 1)
        calendars.append(HolidayCalendar(",".join(pieces[:length]).strip()))
        del pieces[:length]
    return tuple(calendars)


def parse_weekend(text: str) -> frozenset[int] | None:
    """Read `FRI,SAT` into weekdays (0 is Monday), None where it is empty; raises ValueError with the remedy."""
    if not text.strip():
        return None
    days = [name.strip().upper() for name in text.split(",") if name.strip()]
    names = {name: number % 7 for number, name in enumerate((*WEEKDAYS, *_NAMES_OF_WEEKDAYS))}
    if not days or not all(day in names for day in days):
        raise ValueError(f"write days out of {', '.join(WEEKDAYS)}, separated by commas, for example FRI,SAT")
    weekend = frozenset(names[day] for day in days)
    if len(weekend) == len(WEEKDAYS):
        raise ValueError("closes every day, so nothing would ever be sent; leave a day out")
    return weekend


def parse_dates(text: str) -> frozenset[date]:
    """Read `2026-12-24,2027-08-01/2027-08-31` (ISO 8601: days, and spans with both ends); raises ValueError."""
    found: set[date] = set()
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if text.strip() and not entries:
        raise ValueError("names no day; write dates, for example 2026-12-24,2026-12-31, or leave it out")
    for number, entry in enumerate(entries, 1):
        first, _, last = entry.partition("/")
        begin, end = _day(first, number), _day(last or first, number)
        if not timedelta() <= end - begin <= _LONGEST_SPAN:
            raise ValueError(f"entry {number} ends before it begins, or is longer than a year")
        found.update(begin + timedelta(days=offset) for offset in range((end - begin).days + 1))
    return frozenset(found)


def _day(text: str, number: int) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        raise ValueError(f"entry {number} is a date that does not exist") from None
    if day is None:
        raise ValueError(
            f"entry {number} is not a date written YYYY-MM-DD; separate dates by commas, for example "
            "2026-12-24,2026-12-31, or write 2027-08-01/2027-08-31"
        )
    if day.year not in _YEARS:
        raise ValueError(f"entry {number} has a year outside {_YEARS.start} to {_YEARS.stop - 1}")
    return day


def _is_known(name: str) -> bool:
    try:
        HolidayCalendar(name.strip())
    except UnknownCalendar:
        return False
    return True


@functools.cache
def _entities() -> Mapping[str, str]:
    """Return every name and alias of a country or market, by its lower case."""
    from holidays import registry

    known = (*registry.COUNTRIES.values(), *registry.FINANCIAL.values())
    return {name.casefold(): name for names in known for name in names}


def _folded(name: str) -> str:
    return name.replace(" ", "").casefold()


def _entity(text: str) -> tuple[Any, str]:
    """Return the package's class of a country or market, and its code."""
    import holidays

    name = _entities().get(_folded(text))
    if name is None:
        raise UnknownCalendar(f"no country or market is called {text!r}{_meant(text)}")
    entity = getattr(holidays, name).get_entity()
    return entity, getattr(entity, "country", None) or name


def _part(entity: Any, code: str, text: str) -> str:
    known: dict[str, str] = {name.casefold(): name for name in (*entity.subdivisions, *entity._deprecated_subdivisions)}  # noqa: SLF001 (names that it still takes)
    known |= {alias.casefold(): part for alias, part in entity.subdivisions_aliases.items()}
    found = known.get(text.casefold())
    if found is not None:
        return found
    if _folded(text) in _entities():
        _, own = _entity(text)
        raise UnknownCalendar(f"no part of {code} is called {text!r}, which is a calendar of its own: write {own}")
    if not known:
        raise UnknownCalendar(f"no part of {code} is called {text!r}; it has none: write {code}")
    names = (*entity.subdivisions, *entity.subdivisions_aliases)
    raise UnknownCalendar(f"no part of {code} is called {text!r}{_near(text, names)}")


def _category(entity: Any, code: str, text: str) -> str:
    known = _categories(entity)
    if text.casefold() in known:
        return text.casefold()
    if text.casefold() == "workday":
        raise UnknownCalendar("+workday would close working days; leave it out")
    raise UnknownCalendar(f"{code} has no category {text!r}; it has {', '.join(known)}")


def _categories(entity: Any) -> Sequence[str]:
    """Return the categories of closed days; `workday` has the days that are none."""
    return sorted(name for name in entity.supported_categories if name != "workday")


def _meant(text: str) -> str:
    """Return what to write for a name that is none."""
    if _folded(text) in _EUROS_DAYS:
        return "; write XECB for the days on which euros are paid (T2), or a country"
    country, _, part = text.replace("/", "_").replace(".", "_").partition("_")
    if part and _is_known(f"{country}-{part}"):
        return _near(text, _entities().values(), first=(f"{country}-{part}",))
    return _near(text, _entities().values())


_EUROS_DAYS = frozenset({"t2", "target", "target2", "eu", "eur", "euro", "eurozone", "sepa"})


def _near(text: str, known: Iterable[str], first: Sequence[str] = ()) -> str:
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(text.casefold(), names, n=5, cutoff=0.3) or sorted(names)[:8]
    return f"; near names: {', '.join((*first, *(names[name] for name in near)))}"
