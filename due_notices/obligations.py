"""What a value of the due-date attribute means. Pure, strict, and total: never any other exception.

Accepted are an ISO 8601 date, a date-time with an offset, and a JSON object of at most 256 characters
(the directory's limit for a string extension). Whatever is looser than that is malformed: a reminder
with a wrong date does more harm than a skip that somebody sees in the report.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import NoReturn, get_args

from due_notices.model import Obligation, Status

MAX_CHARACTERS = 256
YEARS = range(1970, 3000)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_KEYS = frozenset({"due", "ref", "amount", "currency", "status", "pausedUntil"})
_STATUSES: tuple[Status, ...] = get_args(Status)


class Malformed(ValueError):
    """A value that is no obligation. Its text names the fault and never quotes the value."""


def values_of(value: object) -> list[object]:
    """Return the values that an attribute holds: none, one, or each of a multi-valued one."""
    if isinstance(value, list):
        return [item for item in value if item is not None and item != ""]
    return [] if value is None or value == "" else [value]


def parse_obligation(value: object, time_zone: tzinfo) -> Obligation:
    """Return the obligation that one attribute value describes.

    An instant that is not exactly midnight UTC falls on its date in `time_zone`.
    Raises Malformed.
    """
    if not isinstance(value, str):
        _malformed("the value is not text")
    if len(value) > MAX_CHARACTERS:
        _malformed(f"the value is longer than {MAX_CHARACTERS} characters")
    if value.startswith("{"):
        return _from_json(value, time_zone)
    return Obligation(_due_date(value, time_zone))


def _from_json(text: str, time_zone: tzinfo) -> Obligation:
    try:
        fields = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_number)
    except Malformed:
        raise
    except ValueError:
        _malformed("the value begins like JSON and is none")
    if fields.keys() - _KEYS:
        _malformed(f"the JSON has a field that is none of {', '.join(sorted(_KEYS))}")
    due = _text_field(fields, "due")
    if due is None:
        _malformed("the JSON has no due date")
    paused_until = _text_field(fields, "pausedUntil")
    status = _text_field(fields, "status")
    if status is None:
        status = "open"
    if status not in _STATUSES:
        _malformed(f"status is none of {', '.join(_STATUSES)}")
    return Obligation(
        due=_due_date(due, time_zone),
        reference=_reference(fields),
        amount=_matching(fields, "amount", _AMOUNT),
        currency=_matching(fields, "currency", _CURRENCY),
        status=status,
        paused_until=None if paused_until is None else _plain_date(paused_until),
    )


def _due_date(text: str, time_zone: tzinfo) -> date:
    if not _DATE_TIME.fullmatch(text):
        return _plain_date(text)
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC)
        midnight = instant.timetz().replace(tzinfo=None) == datetime.min.time()
        return _in_range((instant if midnight else instant.astimezone(time_zone)).date())
    except Malformed:
        raise
    except (ValueError, OverflowError):
        _malformed("a date-time does not exist")


def _plain_date(text: str) -> date:
    if not _DATE.fullmatch(text):
        _malformed("a date is not written YYYY-MM-DD")
    try:
        return _in_range(date.fromisoformat(text))
    except Malformed:
        raise
    except ValueError:
        _malformed("a date does not exist")


def _in_range(day: date) -> date:
    if day.year not in YEARS:
        _malformed(f"a year is outside {YEARS.start} to {YEARS.stop - 1}")
    return day


def _text_field(fields: Mapping[str, object], name: str) -> str | None:
    """Return a text field, or None where it is absent or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        _malformed(f"{name} is not a string")
    return value


def _matching(fields: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str | None:
    value = _text_field(fields, name)
    if value is not None and not pattern.fullmatch(value):
        _malformed(f"{name} is not written as it should be")
    return value


def _reference(fields: Mapping[str, object]) -> str:
    """Return the reference; control characters and lone surrogates would break ids and messages."""
    reference = _text_field(fields, "ref") or ""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in reference):
        _malformed("ref holds a control character")
    return reference


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        _malformed("the JSON has a field twice")
    return fields


def _no_number(_constant: str) -> NoReturn:
    _malformed("the JSON holds a number that JSON does not know")


def _malformed(why: str) -> NoReturn:
    raise Malformed(why)
