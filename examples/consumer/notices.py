"""The contract, whatever the consumer: read a notice, refuse anything else, recognise what is too late."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).with_name("notice.schema.json")
EVENT_TYPE = "duenotices.payment.due.v1"
Event = dict[str, Any]


class Unreadable(Exception):
    """The message is not a notice, and trying again will not make it one."""


def decode(raw: bytes) -> str:
    """Return the text of a message: UTF-8, of which a relay may have marked the beginning. Raises Unreadable."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("the message is not in UTF-8") from error


def read(text: str) -> Event:
    """Return the notice in a message. Raises Unreadable, whose text has no value of the message in it."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the message is not JSON") from error
    kind = event.get("type") if isinstance(event, dict) else None
    if kind != EVENT_TYPE:
        raise Unreadable(f"the message is not of type {EVENT_TYPE}")
    problem = next(iter(_validator().iter_errors(event)), None)
    if problem is not None:
        raise Unreadable(f"the message breaks the schema at {problem.json_path} ({problem.validator})")
    found: Event = event
    return found


def is_expired(event: Event, now: datetime) -> bool:
    """Whether it is too late to notify the customer. Ask right before you do."""
    return now >= moment(event["expirytime"])


def has_expired(text: str, now: datetime) -> bool:
    """Whether this is an event of any type whose time is over. Such an event need not be read."""
    try:
        return is_expired(json.loads(text), now)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False  # `read` says what is wrong with it


def moment(text: str) -> datetime:
    """Read a moment in every form of RFC 3339: relays write fractions, offsets and small letters."""
    return datetime.fromisoformat(text.upper())


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(
        json.loads(SCHEMA.read_text("utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def utc_now() -> datetime:
    """Return the current moment."""
    return datetime.now(UTC)
