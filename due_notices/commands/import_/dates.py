"""What a date says. Pure: a text has a reading for each order of its parts, and the column proves which one holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from due_notices.commands.import_.problems import RowRefused

Order = Literal["dmy", "mdy", "ymd"]
ORDERS: tuple[Order, ...] = get_args(Order)
EARLIEST = 1970
YEARS_AHEAD = 49  # one less than a value of the directory may have, whatever its month
_PIVOT = 70  # a year of two digits is one from 1970 to 2069
_BUDDHIST = 543  # years that the era counts before ours
_SERIALS = range(20_000, 80_000)  # 1954 to 2119
_SERIAL_ZERO = date(1899, 12, 30)  # the 1900 system of spreadsheets, whose leap day in 1900 never was

_TIME = (
    r"(?:(?:[T,]| at)? ?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_NUMERIC = re.compile(r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})\.?" + _TIME)
_COMPACT = re.compile(r"(?P<digits>\d{5,8})" + _TIME)
_DAY_FIRST = re.compile(
    r"(?P<d>\d{1,2})(?:st|nd|rd|th)?[. /-]{1,2}(?P<name>[^\W\d_]{3,12})[. ,/-]{1,2}(?P<y>\d{4}|\d{2})" + _TIME
)
_MONTH_FIRST = re.compile(r"(?P<name>[^\W\d_]{3,12})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})" + _TIME)
_YEAR_FIRST = re.compile(r"(?P<y>\d{4})[ -](?P<name>[^\W\d_]{3,12})[ -](?P<d>\d{1,2})" + _TIME)
_NO_YEAR = re.compile(r"\d{1,2}([./-])\d{1,2}\1?|\d{1,2}\.? [^\W\d_]{3,12}|[^\W\d_]{3,12} \d{1,2}")
_EMPTY = re.compile(r"|0{6,8}|0{4}([./-])00\1 ?0{2}|00([./-])00\2 ?0{4}|-+|n/?a|null|none", re.IGNORECASE)
_ERA = re.compile(r"(?P<era>[RHS]|令和|平成|昭和)\.?(?P<y>\d{1,2}|元)[./年-](?P<m>\d{1,2})[./月-](?P<d>\d{1,2})日?")
_ERAS = {"R": 2018, "令和": 2018, "H": 1988, "平成": 1988, "S": 1925, "昭和": 1925}
_ZONE_IN_HEAD = re.compile(
    r"[(\[]\s*(?:(?P<utc>UTC|GMT|Z)?\s*(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?|(?P<name>[A-Za-z_]+/[A-Za-z_/+-]+))\s*[)\]]"
)

# The first three letters of the months, or more where fewer would not do, in languages that write them in lists.
_MONTHS: Mapping[str, int] = MappingProxyType(
    {
        name: number
        for number, names in enumerate(
            (
                "jan january januar jänner janvier enero gennaio ene gen janeiro januari januar styczeń leden",
                "feb february februar février févr fév febrero febbraio fevereiro fev februari únor luty",
                "mar march märz mär mrz mars marzo março maart mrt marts březen marzec",
                "apr april avril avr abril aprile abr duben kwiecień",
                "may mai mayo maggio mag maio mei maj květen",
                "jun june juni juin junio giugno giu junho červen czerwiec",
                "jul july juli juillet juil julio luglio lug julho červenec lipiec",
                "aug august août aoû agosto ago augustus augusti srpen sierpień",
                "sep september sept septembre septiembre settembre set setembro září wrzesień",
                "oct october okt oktober octobre octubre ottobre ott outubro out říjen październik",
                "nov november novembre noviembre novembro listopad",
                "dec december dez dezember décembre déc diciembre dicembre dic dezembro desember",
            ),
            start=1,
        )
        for name in names.split()
    }
)


@dataclass(frozen=True, slots=True)
class Readings:
    """What one text may mean. `dates` has a day for each order of the parts that makes one."""

    dates: Mapping[Order, date] = field(default_factory=dict)
    special: Literal["", "serial", "buddhist", "empty"] = ""
    moment: time | None = None
    offset: tzinfo | None = None
    refusal: RowRefused | None = None


@dataclass(frozen=True, slots=True)
class DateForm:
    """The one form of a column: the order of its parts, and what was asked for besides."""

    order: Order
    excel: bool = False
    buddhist: bool = False
    zone: tzinfo | None = None
    """The zone that the column's head names."""


class DateReader:
    """Reads the cells of one column; the same text is read once."""

    def __init__(self, form: DateForm, business_zone: tzinfo, today: date) -> None:
        """Take the form, the zone in which dates are meant, and the business date."""
        self._form = form
        self._zone = business_zone
        self._latest = today.year + YEARS_AHEAD
        self._known: dict[str, date | RowRefused | None] = {}

    def __call__(self, text: str) -> date | None:
        """Return the day that a cell means, None for an empty one. Raises RowRefused."""
        try:
            found = self._known[text]
        except KeyError:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            found = self._known[text] = self._read(text)
        if isinstance(found, RowRefused):
            raise found
        return found

    def _read(self, text: str) -> date | RowRefused | None:
        form = self._form
        found = readings(text, self._latest)
        if found.refusal is not None:
            return found.refusal
        if found.special == "empty":
            return None
        if found.special == "serial" and not form.excel:
            return RowRefused("serial-day", f"{text} may be a spreadsheet's serial day", "add --dates excel if it is")
        if (found.special == "buddhist") != form.buddhist and found.special != "serial":
            return (
                _other_calendar(text, found)
                if found.special
                else RowRefused("year", "is not a year of the Buddhist era, as --dates says", "correct the list")
            )
        day = found.dates.get(form.order)
        if day is None:
            others = ", ".join(f"{each.isoformat()} as {order}" for order, each in found.dates.items())
            return RowRefused(
                "date-form", f"is not a date in the column's form {form.order} ({others})", "correct the list"
            )
        meant = self._day(day, found)
        return _ZERO_OF_CLOCKS if meant == date(EARLIEST, 1, 1) else meant

    def _day(self, day: date, found: Readings) -> date:
        """Return the date of a date-time, by the rule of the directory's own values."""
        offset = found.offset or self._form.zone
        if found.moment is None or offset is None:
            return day
        moment = datetime.combine(day, found.moment, offset)
        whole = found.moment.replace(second=0) in (time(0), time(23, 59)) and (
            found.moment.second == 0 or found.moment.hour
        )
        if whole and moment.utcoffset() == timedelta(0):
            return day
        return moment.astimezone(self._zone).date()


_MOST_KNOWN = 100_000
_ZERO_OF_CLOCKS = RowRefused(
    "date", "is where computers begin to count, and is written for no date at all", "write the due date, or empty it"
)
_SHORT = re.compile(r"\d{1,2}([./-]) ?\d{1,2}\1 ?\d{1,2}(?!\d)|\d{6}(?!\d)")


def has_short_year(text: str) -> bool:
    """Whether a date of three numbers has no year of four digits."""
    return _SHORT.match(text.strip()) is not None


def readings(text: str, latest: int) -> Readings:
    """Return what a text may mean; years after `latest` are none."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if _EMPTY.fullmatch(text):
        return Readings(special="empty")
    if era := _ERA.fullmatch(text):
        return Readings(refusal=_era(era))
    text = re.sub(r"(\d)[年月] ?(?=\d)", r"\1-", text).replace("日", "")
    text = re.sub(r"(?<=\d)([./]) (?=\d)", r"\1", text)  # 15. 12. 2026
    if found := _NUMERIC.fullmatch(text):
        parts = _orders(found["a"], found["b"], found["c"])
    elif found := _COMPACT.fullmatch(text):
        digits = found["digits"]
        if len(digits) == 5:  # noqa: PLR2004 (a serial day's digits, and no date's)
            return _serial(int(digits))
        parts = _cut(digits)
    elif found := (_DAY_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text) or _YEAR_FIRST.fullmatch(text)):
        month = _MONTHS.get(found["name"].casefold().rstrip("."))
        if month is None:
            return Readings(refusal=RowRefused("date", "names a month that is not known", "write dates as YYYY-MM-DD"))
        parts = _named(found["d"], month, found["y"])
    else:
        why = "has no year" if _NO_YEAR.fullmatch(text) else "is not a date"
        return Readings(refusal=RowRefused("date", why, "write dates as YYYY-MM-DD, or leave the cell empty"))
    return _dated(parts, found, latest)


def zone_of_head(head: str) -> tzinfo | None:
    """Return the zone that a column's head names, as `Due Date (UTC)` does."""
    found = _ZONE_IN_HEAD.search(head)
    if found is None or not any(found.groupdict().values()):
        return None
    if found["name"]:
        try:
            return ZoneInfo(found["name"])
        except (KeyError, ValueError, OSError):
            return None
    return _offset(found["offset"]) if found["offset"] else UTC


Parts = list[tuple[Order, int, int, int]]


def _orders(a: str, b: str, c: str) -> Parts:
    """Return (order, year, month, day) for each order that the digits allow."""
    first, middle, last = int(a), int(b), int(c)
    if len(a) > 2:  # noqa: PLR2004 (digits of a year)
        return [("ymd", first, middle, last)] if len(c) <= 2 else []  # noqa: PLR2004
    if len(c) > 2:  # noqa: PLR2004
        return [("dmy", last, middle, first), ("mdy", last, first, middle)]
    if len(c) < 2:  # noqa: PLR2004
        return [("ymd", _century(first), middle, last)] if len(a) == 2 else []  # noqa: PLR2004
    found: Parts = [("dmy", _century(last), middle, first), ("mdy", _century(last), first, middle)]
    return [*found, ("ymd", _century(first), middle, last)] if len(a) == 2 else found  # noqa: PLR2004


def _cut(digits: str) -> Parts:
    """Return the readings of digits without marks between; a leading zero may have been dropped by a spreadsheet."""
    if len(digits) == 6:  # noqa: PLR2004
        return _orders(digits[:2], digits[2:4], digits[4:])
    padded = digits.zfill(8)
    found = _orders(padded[:2], padded[2:4], padded[4:])
    return found if len(digits) < 8 else [*found, *_orders(digits[:4], digits[4:6], digits[6:])]  # noqa: PLR2004


def _named(day: str, month: int, year: str) -> Parts:
    # No program writes a year of two digits before the name of a month: 15-Dec-26 is what spreadsheets write.
    whole = int(year) if len(year) == 4 else _century(int(year))  # noqa: PLR2004
    return [(order, whole, month, int(day)) for order in ORDERS]


def _century(year: int) -> int:
    return year + (2000 if year < _PIVOT else 1900)


def _serial(number: int) -> Readings:
    if number not in _SERIALS:
        return Readings(refusal=RowRefused("date", "is not a date", "write dates as YYYY-MM-DD"))
    day = _SERIAL_ZERO + timedelta(days=number)
    return Readings(dict.fromkeys(ORDERS, day), "serial")


def _dated(parts: Parts, found: re.Match[str], latest: int) -> Readings:
    """Return the readings that are days of the calendar, in plausible years; else why there is none."""
    try:
        moment, offset = _moment(found)
    except ValueError:
        return Readings(refusal=RowRefused("date", "has a time that does not exist", "correct the list"))
    ours: dict[Order, date] = {}
    buddhist: dict[Order, date] = {}
    years = set()
    for order, year, month, day in parts:
        if EARLIEST <= year <= latest:
            _put(ours, order, year, month, day)
        elif EARLIEST <= year - _BUDDHIST <= latest:
            _put(buddhist, order, year - _BUDDHIST, month, day)
        elif 1 <= month <= 12 and 1 <= day <= 31:  # noqa: PLR2004 (a calendar's numbers)
            years.add(year)
    if ours:
        return Readings(ours, "", moment, offset)
    if buddhist:
        return Readings(buddhist, "buddhist", moment, offset)
    if years:
        return Readings(refusal=_strange_year(min(years), latest))
    return Readings(refusal=RowRefused("date", "is a day that does not exist", "correct the list"))


def _put(days: dict[Order, date], order: Order, year: int, month: int, day: int) -> None:
    try:
        days[order] = date(year, month, day)
    except ValueError:
        return


def _moment(found: re.Match[str]) -> tuple[time | None, tzinfo | None]:
    if found["hour"] is None:
        return None, None
    hour = int(found["hour"])
    if half := found["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 (a clock's numbers)
            raise ValueError
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    text = found["offset"]
    offset = None if text is None else UTC if text in ("Z", "UTC", "GMT") else _offset(text)
    return time(hour, int(found["minute"]), int(found["second"] or 0)), offset


def _offset(text: str) -> tzinfo:
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)  # noqa: PLR2004
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _era(found: re.Match[str]) -> RowRefused:
    year = _ERAS[found["era"]] + (1 if found["y"] == "元" else int(found["y"]))
    guess = f"{year}-{int(found['m']):02}-{int(found['d']):02}"
    return RowRefused("era", f"is a date of a Japanese era ({guess}?)", "write it as YYYY-MM-DD")


def _other_calendar(text: str, found: Readings) -> RowRefused:
    guess = " or ".join(sorted({day.isoformat() for day in found.dates.values()}))
    return RowRefused("buddhist", f"{text} has a year of the Buddhist era ({guess}?)", "add --dates buddhist if it is")


def _strange_year(year: int, latest: int) -> RowRefused:
    guess = ""
    if 1350 <= year <= 1430:  # noqa: PLR2004 (2026 is 1404 or 1405)
        guess = ": a year of the Persian calendar?"
    elif 1431 <= year <= 1500:  # noqa: PLR2004 (2026 is 1447 or 1448)
        guess = ": a year of the Islamic calendar?"
    elif 90 <= year <= 190:  # noqa: PLR2004 (2026 is 115)
        guess = f": a year of the Minguo calendar ({year + 1911}?)"
    elif year == 9999:  # noqa: PLR2004
        guess = ": does it mean never? Then leave the cell empty"
    elif year > latest:
        guess = ": a slip?"
    return RowRefused("year", f"the year {year} is before {EARLIEST} or after {latest}{guess}", "correct the list")
