"""The timer's schedule, read as the Functions host reads it. Pure.

The host reads NCRONTAB with the .NET library NCrontab.Signed, whose grammar no other cron has: six fields, or five
without seconds, split at blanks alone; the day of the month and the weekday must both hold; Sunday is 0 and never 7;
a range written the wrong way round is turned round; names count by their first letters. What is not NCRONTAB may be
an interval, a .NET TimeSpan. Sources: the timer extension's `TimerSchedule`, NCrontab's `CrontabFieldImpl` and
`CrontabField`; `tests/unit/ncrontab.jsonl` holds the verdicts of the library itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from due_notices.calendars import ONE_DAY
from due_notices.stages import SendWindow

EXAMPLE = "0 0 * * * *"
_GRAMMAR = f"write NCRONTAB: {{second}} {{minute}} {{hour}} {{day}} {{month}} {{day of week}}, such as {EXAMPLE}"
_LARGEST = 2**31 - 1  # of a .NET int
_OTHERS, _KNOWS_NO = "[?#LW]", "the host knows no ?, L, W and #; write *, numbers or names"
# A .NET TimeSpan, in all of its forms.
_MINUTES, _FRACTION = "0*[1-5]?[0-9]", r"\.(?:[0-9]{1,7}|0[0-9]*)"
_CLOCK = rf"0*(?:1?[0-9]|2[0-3]):{_MINUTES}(?::{_MINUTES}(?:{_FRACTION})?|:{_FRACTION})?"
_TIME_SPAN = re.compile(rf"-?(?:(?P<days>[0-9]+)(?:[.:]{_CLOCK})?|{_CLOCK})")
_MOST_DAYS = 10_675_199
_YEARS = 40  # within them every weekday has had every date of a year, 29 February too


class UnknownSchedule(ValueError):
    """The timer does not tick by this schedule; the text says why, and what to write."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the six fields."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_KINDS = (
    _Kind("second", 0, 59),
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day", 1, 31),
    _Kind("month", 1, 12, _MONTHS),
    _Kind("weekday", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the timer ticks, in UTC.

    `fields` are the values of second, minute, hour, day, month and weekday, each ascending. `remarks` say what the
    host makes of it that its writer may not have meant.
    """

    text: str
    fields: tuple[tuple[int, ...], ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the schedule as it is written in the settings."""
        return self.text

    def ticks(self, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
        """Yield the ticks later than `after`, in UTC, up to and including `until`, or for 40 years."""
        after = after.astimezone(UTC)
        until = until.astimezone(UTC) if until else after + timedelta(days=366 * _YEARS)
        seconds, minutes, hours, *_ = self.fields
        for day in self._days(after.date(), until.date()):
            for hour in hours if day > after.date() else (each for each in hours if each >= after.hour):
                for minute in minutes:
                    for second in seconds:
                        tick = datetime.combine(day, time(hour, minute, second, tzinfo=UTC))
                        if tick > until:
                            return
                        if tick > after:
                            yield tick

    def _days(self, first: date, last: date) -> Iterator[date]:
        """Yield the days, in UTC, on which the schedule ticks."""
        *_, days, months, weekdays = self.fields
        day = first
        while day <= last:
            if day.month not in months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if day.day in days and day.isoweekday() % 7 in weekdays:
                yield day
            day += ONE_DAY

    def in_window(self, day: date, window: SendWindow, time_zone: tzinfo) -> Iterator[datetime]:
        """Yield the ticks (UTC) within the window of a local day."""
        opens = _moments(day, window.opens, time_zone)
        closes = _moments(day, window.closes or time.max, time_zone)
        for tick in self.ticks(min(opens) - timedelta(seconds=1), max(closes)):
            local = tick.astimezone(time_zone)
            if local.date() == day and window.contains(local.time()):
                yield tick

    def first_tick(self, day: date, window: SendWindow, time_zone: tzinfo) -> datetime | None:
        """Return the first tick (UTC) within the window of a local day; None where there is none."""
        return next(self.in_window(day, window, time_zone), None)

    def meets(self, window: SendWindow, time_zone: tzinfo) -> bool:
        """Whether any tick within 40 years falls into the window. The answer depends on no clock."""
        start = day = date(2028, 1, 1)
        for utc_day in self._days(start, start + timedelta(days=366 * _YEARS)):
            # A tick's local day is its day in UTC, or the one before or after that.
            day = max(day, utc_day - ONE_DAY)
            while day <= utc_day + ONE_DAY:
                if self.first_tick(day, window, time_zone) is not None:
                    return True
                day += ONE_DAY
        return False


def read_schedule(text: str) -> Schedule:
    """Return what the host makes of `text`, which is given as it stands in the setting, untrimmed.

    Raises UnknownSchedule where the host does not start the function, or Flex Consumption does not run it.
    """
    tokens = [token for token in text.split(" ") if token]
    if len(tokens) in (5, 6):
        try:
            return _cron(tokens)
        except ValueError as error:
            raise UnknownSchedule(_why_damaged(text) or str(error)) from None
    raise UnknownSchedule(_why_unknown(text))


def _cron(tokens: list[str]) -> Schedule:
    remarks: list[str] = []
    kinds = _KINDS[-len(tokens) :]
    fields = tuple(_field(kind, token, remarks) for kind, token in zip(kinds, tokens, strict=True))
    if all(len(fields[-at]) <= _KINDS[-at].most - _KINDS[-at].least for at in (3, 1)):
        remarks.append(
            f"day {tokens[-3]} and weekday {tokens[-1]} must both hold, other than in cron, where either is enough"
        )
    seconds = () if len(tokens) == len(_KINDS) else ((0,),)
    return Schedule(" ".join(tokens), (*seconds, *fields), tuple(remarks))


def _why_damaged(text: str) -> str:
    """Return what surrounds or separates the fields and that the host does not accept; empty where nothing does."""
    if text.strip()[:1] in {"'", '"'}:
        return f"is in quotes, which the host takes as part of it; {_GRAMMAR}"
    if text.strip() != text.strip(" "):
        return f"begins or ends with white space other than blanks, such as a line break; {_GRAMMAR}"
    if re.search(r"[^\S ]", text):
        return f"its fields are not separated by blanks alone, and the host splits at nothing else; {_GRAMMAR}"
    return ""


def _why_unknown(text: str) -> str:
    interval = _TIME_SPAN.fullmatch(text.strip())
    if interval and int(interval["days"] or 0) <= _MOST_DAYS:
        return f"is an interval, which Flex Consumption does not run; write {EXAMPLE}"
    if damage := _why_damaged(text):
        return damage
    if text.strip().startswith("@"):
        return f"the host knows no words such as @daily; {_GRAMMAR}"
    if re.fullmatch(r"%.+%", text.strip()):
        return f"names a setting instead of holding a schedule; {_GRAMMAR}"
    count = len(text.split())
    return f"has {count} field{'s'[: count != 1]}, NCRONTAB six, or five without seconds; {_GRAMMAR}"


def _field(kind: _Kind, text: str, remarks: list[str]) -> tuple[int, ...]:
    """Return the values of one field, ascending. Raises ValueError."""
    try:
        # A comma in the first place does not make a list, and then it is not a value either.
        items = text.split(",") if text.find(",") > 0 else [text]
        found = {value for item in items for value in _values(kind, item, remarks)}
    except ValueError as error:
        raise ValueError(f"its {kind.name} {text!r}: {error}") from None
    return tuple(sorted(found))


def _values(kind: _Kind, text: str, remarks: list[str]) -> Iterable[int]:
    body, slash, step_text = text.partition("/") if text.find("/") > 0 else (text, "", "")
    step = _integer(step_text, signed=True) if slash else 1
    if step < 1:
        remarks.append(f"{kind.name} {text}: the host takes a step of {step} for 1")
        step = 1
    if body == "*":
        first, last = kind.least, kind.most
    elif body.find("-") > 0:
        first_text, _, last_text = body.partition("-")
        first, last = _value(kind, first_text), _value(kind, last_text)
        if first > last:
            remarks.append(
                f"{kind.name} {text}: the host turns the range round and ticks from {last} to {first}; for the other "
                f"way write {_around(kind, first, last)}"
            )
            first, last = last, first
    else:
        first = _value(kind, body)
        last = kind.most if slash else first
    for value in (first, last):
        if not kind.least <= value <= kind.most:
            raise ValueError(_out_of_range(kind, first, last))
    # The host's own sum of the two overflows, and it does not start the function.
    if step > _LARGEST - (first - kind.least):
        raise ValueError("the step is too large")
    return range(first, last + 1, step)


def _out_of_range(kind: _Kind, first: int, last: int) -> str:
    if kind.name == "weekday" and last == 7:  # noqa: PLR2004 (cron's other Sunday)
        meant = "0" if first == last else "*" if first <= 1 else f"0,{first}-6" if first < 6 else "0,6"  # noqa: PLR2004
        return f"7 is not a weekday for the host, and Sunday is 0: write {meant}"
    return f"write numbers from {kind.least} to {kind.most}"


def _around(kind: _Kind, first: int, last: int) -> str:
    """Return what is meant by `first` to `last` across the end of the field."""
    parts = ((first, kind.most), (kind.least, last))
    return "*" if first - last <= 1 else ",".join(f"{a}-{b}" if a < b else f"{a}" for a, b in parts)


def _value(kind: _Kind, text: str) -> int:
    if text[:1] in set("0123456789"):
        return _integer(text)
    if text and kind.names and text.isascii():
        for number, name in enumerate(kind.names, kind.least):
            if name.startswith(text.lower()):
                return number
    if re.search(_OTHERS, text):
        raise ValueError(_KNOWS_NO)
    named = f", or names such as {kind.names[1][:3].upper()}" if kind.names else ""
    raise ValueError(f"write *, or numbers from {kind.least} to {kind.most}{named}")


def _integer(text: str, *, signed: bool = False) -> int:
    """Read an integer as .NET's int.Parse does, which takes white space around it."""
    found = re.fullmatch(rf"[\t-\r ]*({'[+-]?' if signed else ''}[0-9]+)[\t-\r ]*\0*", text)
    if not found:
        raise ValueError(_KNOWS_NO if re.search(_OTHERS, text) else f"{text!r} is not a number")
    if not -_LARGEST - 1 <= int(found[1]) <= _LARGEST:
        raise ValueError("the number is too large")
    return int(found[1])


def _moments(day: date, clock: time, time_zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the two moments (UTC) that a local time may be: they differ where clocks change."""
    local = datetime.combine(day, clock, tzinfo=time_zone)
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


HOURLY = _cron(EXAMPLE.split())
