"""What every consumer of notices does: read one, refuse what is none, drop what is too late, drop what was seen.

Knows neither Azure nor a database: `Seen` is whatever remembers ids, `deliver` whatever tells the customer.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).with_name("notice.schema.json")
EVENT_TYPE = "duenotices.payment.due.v1"
Event = dict[str, Any]
_logger = logging.getLogger("consumer")


class Unreadable(Exception):
    """The message is no notice, and trying again will not make it one."""


class Busy(Exception):
    """Another worker is delivering this very notice; try again later."""


class Claim(Enum):
    """What `Seen.begin` found."""

    MINE = auto()
    DONE = auto()
    BUSY = auto()


class Seen(Protocol):
    """Remembers ids, durably, for all workers. An id may be forgotten once its notice has expired."""

    def begin(self, identifier: str, expires: datetime, now: datetime) -> Claim:
        """Claim an id: mine, done before, or busy with another worker whose claim has not lapsed."""
        ...

    def done(self, identifier: str) -> None:
        """Remember that it was delivered."""
        ...

    def give_back(self, identifier: str) -> None:
        """Forget a claim, because nothing was delivered."""
        ...


def handle(text: str | bytes, *, seen: Seen, deliver: Callable[[Event], None], now: datetime) -> str:
    """Handle one message and return what became of it: `delivered`, `repeated` or `expired`.

    Raises Unreadable, Busy, or whatever `deliver` raises; the message is then not finished.
    """
    if has_expired(text, now):
        _logger.info("a message: expired")
        return "expired"
    event = read(text)
    identifier, expires = event["id"], datetime.fromisoformat(event["expirytime"])
    claim = seen.begin(identifier, expires, now)
    if claim is Claim.BUSY:
        raise Busy(f"notice {identifier} is being delivered by another worker")
    if claim is Claim.DONE:
        _logger.info("notice %s: repeated", identifier)
        return "repeated"
    try:
        deliver(event)
    except BaseException:
        seen.give_back(identifier)
        raise
    # A worker that dies here delivers again when its claim has lapsed. Hand the id to your mail or SMS provider as
    # idempotency key, and even that repeat reaches nobody.
    seen.done(identifier)
    _logger.info("notice %s: delivered", identifier)
    return "delivered"


def has_expired(text: str | bytes, now: datetime) -> bool:
    """Whether this is an event of any type whose time is over. Such a one needs no reading: nobody wants it."""
    try:
        return now >= datetime.fromisoformat(json.loads(text)["expirytime"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False  # `read` says what is wrong with it


def read(text: str | bytes) -> Event:
    """Return the notice in a message. Raises Unreadable, whose text has no value of the message in it."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the message is no JSON") from error
    kind = event.get("type") if isinstance(event, dict) else None
    if kind != EVENT_TYPE:
        raise Unreadable(f"the message is not of type {EVENT_TYPE}")
    problem = next(iter(_validator().iter_errors(event)), None)
    if problem is not None:
        raise Unreadable(f"the message breaks the schema at {problem.json_path} ({problem.validator})")
    found: Event = event
    return found


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(
        json.loads(SCHEMA.read_text("utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def utc_now() -> datetime:
    """Return the current moment."""
    return datetime.now(UTC)
