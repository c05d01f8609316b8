"""What a value of the due-date attribute means. Pure, strict, and total: never any other exception.

Accepted are an ISO 8601 date, a date-time, and a JSON object of at most 256 characters (the directory's limit for a
string extension). Whatever is looser than that is malformed: a reminder with a wrong date or amount does more harm
than a skip that a person sees in the report.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn, TypeVar, get_args

from due_notices.currencies import decimals_of
from due_notices.model import Obligation, Sent, Status, obligation_key

MAX_CHARACTERS = 256
FIRST_YEAR = 1970
YEARS_AHEAD = 50
NEVER = date.max.year
"""A due date in this year never comes, and a pause that ends in it has no end."""
NO_END = date.max
"""The last day of a pause that has no end."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
_AMOUNT = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,15})(\.(?P<decimals>[0-9]+))?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FIELDS = ("due", "ref", "amount", "currency", "status", "pausedUntil")
_MEANT = {name.lower(): name for name in _FIELDS}
_OF_OPEN_ONES_ALONE = frozenset({"amount", "currency", "pausedUntil"})  # may be bad in a value that is not open
_STATUSES: tuple[Status, ...] = get_args(Status)
_THOUSANDS = 3  # decimals that may be thousands, written with the other country's sign
_T = TypeVar("_T")


class Fault(StrEnum):
    """What is wrong with a malformed value."""

    NOT_TEXT = "not-text"
    TOO_LONG = "too-long"
    NOT_JSON = "not-json"
    FIELD_TWICE = "field-twice"
    FIELD_NAME = "field-name"
    FIELD_TYPE = "field-type"
    NO_DUE = "no-due"
    DATE_FORM = "date-form"
    NO_SUCH_DATE = "no-such-date"
    YEAR = "year"
    REFERENCE = "reference"
    STATUS = "status"
    AMOUNT_FORM = "amount-form"
    AMOUNT_DECIMALS = "amount-decimals"
    CURRENCY = "currency"


class Malformed(ValueError):
    """A value that is not an obligation. Its text names fault and remedy, and never quotes the value."""

    def __init__(self, fault: Fault, text: str) -> None:
        """Take the fault's code and its sentence."""
        super().__init__(text)
        self.fault = fault


def spelt_in(names: Collection[str], name: str) -> str | None:
    """Return a property's name as it is spelt among some names, since it has no case; None where it is not there."""
    if name in names:
        return name
    folded = name.casefold()
    for each in names:
        if each.casefold() == folded:
            return each
    return None


def value_of(user: Mapping[str, object], attribute: tuple[str, ...]) -> object:
    """Return what an attribute of a user holds; `attribute` is its path."""
    value: object = user
    for name in attribute:
        if not isinstance(value, Mapping) or (spelt := spelt_in(value, name)) is None:
            return None
        value = value[spelt]
    return value


def values_of(value: object) -> list[object]:
    """Return the values that an attribute holds: none, one, or each of a multi-valued one. Null and blank are none."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if item is not None and not (isinstance(item, str) and not item.strip())]


def parse_obligation(value: object, time_zone: tzinfo, business_date: date) -> Obligation:
    """Return the obligation that one attribute value describes.

    Midnight and the last minute of a day with an offset of zero mean that date; a date-time without an offset is
    local; any other falls on its date in `time_zone`. Years are judged as of `business_date`. Raises Malformed.
    """
    if not isinstance(value, str):
        _malformed(Fault.NOT_TEXT, "the value is not text")
    if len(value) > MAX_CHARACTERS:
        _malformed(Fault.TOO_LONG, f"the value is longer than {MAX_CHARACTERS} characters")
    reader = _Reader(time_zone, business_date)
    return reader.from_json(value) if value.lstrip().startswith("{") else Obligation(reader.due(value))


class _Reader:
    def __init__(self, time_zone: tzinfo, business_date: date) -> None:
        self._time_zone = time_zone
        self._business_date = business_date

    def from_json(self, text: str) -> Obligation:
        try:
            fields = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_number)
        except Malformed:
            raise
        except (ValueError, RecursionError):
            _malformed(Fault.NOT_JSON, 'the value begins like JSON and is not JSON; write {"due":"2027-01-31"}')
        status = _text_field(fields, "status")
        if status is None:
            status = "open"
        if status not in _STATUSES:
            _malformed(Fault.STATUS, f"status is none of {', '.join(_STATUSES)}")
        _check_names(fields, is_open=status == "open")
        due = _text_field(fields, "due")
        if due is None:
            _malformed(Fault.NO_DUE, 'the JSON has no due date; write {"due":"2027-01-31"}')
        weigh = _as_it_is if status == "open" else _or_none
        currency = weigh(lambda: _currency(fields))
        return Obligation(
            due=self.due(due),
            reference=_reference(fields),
            amount=weigh(lambda: _amount(fields, currency)),
            currency=currency,
            status=status,
            paused_until=weigh(lambda: self._pause(fields)),
        )

    def due(self, text: str) -> date:
        day = self._date(text)
        if day.year == NEVER:
            return day
        if day.year < FIRST_YEAR or day > self._last():
            known = f"a due date's year is before {FIRST_YEAR} or more than {YEARS_AHEAD} years ahead"
            _malformed(Fault.YEAR, f"{known}{_guess(day.year, self._business_date.year)}")
        return day

    def _pause(self, fields: Mapping[str, object]) -> date | None:
        text = _text_field(fields, "pausedUntil")
        if text is None:
            return None
        day = self._date(text)
        return NO_END if day.year == NEVER or day > self._last() else day

    def _last(self) -> date:
        year = self._business_date.year + YEARS_AHEAD
        try:
            return self._business_date.replace(year=year)
        except ValueError:  # 29 February
            return date(year, 2, 28)

    def _date(self, text: str) -> date:
        with_time = _DATE_TIME.fullmatch(text) is not None
        if not with_time and not _DATE.fullmatch(text):
            _malformed(Fault.DATE_FORM, "a date is not written YYYY-MM-DD, as 2027-01-31")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            _malformed(Fault.NO_SUCH_DATE, "a date or a time of day does not exist")
        if not with_time or moment.tzinfo is None or moment.year == NEVER or _means_a_date(moment):
            return moment.date()
        try:
            return moment.astimezone(self._time_zone).date()
        except OverflowError:
            return moment.date()  # in the first year that there is, which is judged as such


def _means_a_date(moment: datetime) -> bool:
    """Whether a system without a type for dates has written one: midnight, or the last minute of the day, in UTC."""
    return moment.utcoffset() == timedelta() and (moment.time() == time() or (moment.hour, moment.minute) == (23, 59))


def _guess(year: int, now: int) -> str:
    """Return what the writer of a year that cannot be meant may have had in mind, or nothing.

    An era is guessed where it puts the year near the business date's.
    """
    for offset, era in _ERAS.items():
        if abs(year - offset - now) <= _NEAR_YEARS:
            return f" (a year of {era}?): write the year of the common era"
    near = range(now - _NEAR_YEARS, now + _NEAR_YEARS + 1)
    written = f"{year:04}"
    if any(sorted(written) == sorted(str(meant)) for meant in near):
        return " (two digits changed places?)"
    if any(sum(one != other for one, other in zip(written, str(meant), strict=True)) == 1 for meant in near):
        return " (a slip in one digit?)"
    return ""


_NEAR_YEARS = 12
# Year in the era minus year of the common era, about.
_ERAS = {
    543: "the Buddhist era",
    57: "Bikram Sambat",
    3760: "the Hebrew calendar",
    -78: "the Indian national calendar",
    -579: "the Islamic calendar",
    -621: "the Persian calendar",
    -1911: "the Republic of China",
    -2018: "the Reiwa era",
}


def _text_field(fields: Mapping[str, object], name: str) -> str | None:
    """Return a text field, or None where it is absent or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        _malformed(Fault.FIELD_TYPE, f'{name} is not a string; write it in quotes, as "{_EXAMPLES[name]}"')
    return value


_EXAMPLES = {
    "due": "2027-01-31",
    "ref": "INV-1001",
    "amount": "120.50",
    "currency": "EUR",
    "status": "open",
    "pausedUntil": "2027-01-31",
}


def _check_names(fields: Mapping[str, object], *, is_open: bool) -> None:
    """Refuse a name that is one of ours but for case, `_` and `-`: a pause that is not read sends a notice."""
    for name in fields:
        meant = _MEANT.get(re.sub("[_-]", "", name).lower())
        if meant is not None and meant != name and (is_open or meant not in _OF_OPEN_ONES_ALONE):
            _malformed(Fault.FIELD_NAME, f"a field's name is nearly {meant}; write {meant}")


def _currency(fields: Mapping[str, object]) -> str | None:
    currency = _text_field(fields, "currency")
    if currency is not None and not _CURRENCY.fullmatch(currency):
        _malformed(Fault.CURRENCY, "currency is not three capital letters of ISO 4217, as EUR")
    return currency


def _amount(fields: Mapping[str, object], currency: str | None) -> str | None:
    """Return the amount with no more decimals than its currency has."""
    text = _text_field(fields, "amount")
    if text is None:
        return None
    found = _AMOUNT.fullmatch(text)
    if not found:
        _malformed(Fault.AMOUNT_FORM, "amount is not a plain decimal number; write it as 120.50")
    most = decimals_of(currency or "")
    most = 2 if most is None else most
    decimals = found["decimals"] or ""
    right = f"write {most} decimals at most" + (", as ISO 4217 has them" if currency else " where no currency is given")
    if Decimal(text):
        if len(decimals) == _THOUSANDS > most:
            _malformed(Fault.AMOUNT_DECIMALS, f"amount has three decimals, which may be thousands; {right}")
        if decimals[most:].strip("0"):
            _malformed(Fault.AMOUNT_DECIMALS, f"amount has more decimals than its currency; {right}")
    sign = found["sign"] if Decimal(text) else ""
    kept = decimals[:most]
    return f"{sign}{found['whole'].lstrip('0') or '0'}{'.' if kept else ''}{kept}"


def _reference(fields: Mapping[str, object]) -> str:
    """Return the reference, empty where nothing of it can be seen: no message would have it.

    Control characters and lone surrogates would break ids.
    """
    reference = _text_field(fields, "ref") or ""
    kinds = {unicodedata.category(character) for character in reference}
    if kinds & {"Cc", "Cs"}:
        _malformed(Fault.REFERENCE, "ref holds a control character or a lone surrogate; take it out")
    return reference if any(kind[0] not in "CZ" for kind in kinds) else ""


def _as_it_is(read: Callable[[], _T]) -> _T | None:
    return read()


def _or_none(read: Callable[[], _T]) -> _T | None:
    """Read a field of a value that is not open: a bad one counts as absent, since nothing is sent anyway."""
    try:
        return read()
    except Malformed:
        return None


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        _malformed(Fault.FIELD_TWICE, "the JSON has a field twice; take one out")
    return fields


def _no_number(_constant: str) -> NoReturn:
    _malformed(Fault.NOT_JSON, "the JSON holds a number that JSON does not know (NaN or Infinity)")


def _malformed(fault: Fault, text: str) -> NoReturn:
    raise Malformed(fault, text)


@dataclass(frozen=True, slots=True)
class Distinct:
    """One obligation of a user, and which of the user's values mean it, by their places in the list."""

    obligation: Obligation  # with the latest pause of the open values
    place: int  # of the value that counts
    duplicates: tuple[int, ...]  # the places of the others
    alone: bool  # whether the user has no other obligation with this due date, and no value that cannot be read


def distinct(values: Sequence[tuple[str, Obligation | None]]) -> list[Distinct]:
    """Let the values of one user that mean the same obligation count as one; None stands for a malformed value.

    The choice is by content: the directory promises no order of values.
    """
    same: dict[tuple[str, ...], list[tuple[int, str, Obligation]]] = {}
    for place, (text, obligation) in enumerate(values):
        if obligation is not None:
            same.setdefault(obligation.facts, []).append((place, text, obligation))
    readable = all(obligation is not None for _, obligation in values)
    due_dates = Counter(members[0][2].due for members in same.values())
    found = []
    for members in same.values():
        counts, _, obligation = min(members, key=_precedence)
        pauses = [value.paused_until for _, _, value in members if _standing(value) == "open" and value.paused_until]
        found.append(
            Distinct(
                replace(obligation, paused_until=max(pauses, default=None)),
                counts,
                tuple(place for place, _, _ in members if place != counts),
                alone=readable and due_dates[obligation.due] == 1,
            )
        )
    return found


def history_of(owed: Distinct, sent: Mapping[str, Sent]) -> tuple[Mapping[int, date], bool]:
    """Return what was sent of an obligation, and whether any of it under its own key.

    `sent` is all that was sent to its user of its due date, by obligation key. One that is alone inherits from those
    that have vanished, unless both have references: with a part payment, or a reference that is added later, the
    ladder does not start anew.
    """
    if not sent:
        return {}, False
    key = obligation_key(owed.obligation)
    own = sent.get(key)
    if own is not None and len(sent) == 1:
        return own.stages, True
    history: dict[int, date] = {}
    for other in whose_history(owed, sent):
        for stage, day in sent[other].stages.items():
            history[stage] = max(day, history.get(stage, day))
    return history, own is not None


def whose_history(owed: Distinct, sent: Mapping[str, Sent]) -> list[str]:
    """Return the keys of the obligations in `sent` whose history counts for this one, its own the first."""
    key = obligation_key(owed.obligation)
    inherited = [
        other
        for other, past in sent.items()
        if other != key and owed.alone and not (owed.obligation.reference and past.has_reference)
    ]
    return [key, *inherited] if key in sent else inherited


_PRECEDENCE = ("paid", "disputed", "open", "settled", "void")


def _standing(obligation: Obligation) -> str:
    return "settled" if obligation.settled else obligation.status


def _precedence(value: tuple[int, str, Obligation]) -> tuple[int, bool, Decimal, str]:
    _, text, obligation = value
    amount = obligation.amount
    return _PRECEDENCE.index(_standing(obligation)), amount is None, Decimal(amount or 0), text
