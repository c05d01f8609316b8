"""One letter of several notices of one customer: what it says, and the key by which a repeat of it is recognised."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from languages import Language, choose
from notices import Event

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_logger = logging.getLogger("consumer")


class Refused(Exception):
    """The customer cannot be reached this way, now or later; the text says why, without a name or an address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one customer gets.

    `key` is the same for the same notices: the idempotency key for a provider. `addresses` are the customer's e-mail
    addresses, the best first, each with the field of the notice in which it stands.
    """

    key: str
    user_id: str
    name: str
    addresses: tuple[tuple[str, str], ...]
    mobile_phone: str | None
    language: str
    subject: str
    text: str
    at: datetime


Deliver = Callable[[Letter], None]
"""Hands a letter over, and returns when the next server has it.

Raises Refused where that is for good, and anything else where it may go well another time.
"""


def letter_of(events: Sequence[Event], now: datetime, default_language: str = "en") -> Letter:
    """Write the letter about these notices of one customer, none of them expired at `now`."""
    latest = max(events, key=lambda event: (event["data"]["businessDate"], event["id"]))["data"]
    customer = latest["customer"]
    language = choose(customer.get("preferredLanguage"), default_language)
    ordered = sorted(events, key=lambda event: (event["data"]["dueDate"], event["id"]))
    # Of the customer, not of the consumer: elsewhere it may be another day.
    today = now.astimezone(ZoneInfo(latest["timeZone"])).date()
    return Letter(
        key=key_of(events),
        user_id=customer["id"],
        name=one_line(customer.get("displayName", "")),
        addresses=_addresses(customer),
        mobile_phone=customer.get("mobilePhone"),
        language=language.tag,
        subject=_subject(ordered, language),
        text=_text(ordered, language, today, one_line(customer.get("givenName") or customer.get("displayName", ""))),
        at=now,
    )


def key_of(events: Sequence[Event]) -> str:
    """Return 32 hex digits over the ids in the letter.

    The batch's own id would not do: more of the same batch may come later, and is a letter of its own.
    """
    return hashlib.sha256("\n".join(sorted(event["id"] for event in events)).encode()).hexdigest()[:32]


def one_line(text: str) -> str:
    """Return a text without what could break a line or a header. Names and references are whatever was typed."""
    return _BREAKS.sub(" ", text).strip()


def to_first_address(letter: Letter, send: Callable[[str], None]) -> None:
    """Send to the first address that is not refused for good. Raises Refused if there is none."""
    refusals = []
    for field, address in letter.addresses:
        try:
            send(address)
        except Refused as refusal:
            _logger.warning("letter %s: %s of user %s is refused (%s)", letter.key, field, letter.user_id, refusal)
            refusals.append(f"{field} {refusal}")
        else:
            return
    raise Refused("; ".join(refusals) or "no e-mail address")


def _addresses(customer: Event) -> tuple[tuple[str, str], ...]:
    others = ((f"otherEmails[{number}]", each) for number, each in enumerate(customer.get("otherEmails", ())))
    return (*((("email", customer["email"]),) if "email" in customer else ()), *others)


def _subject(events: Sequence[Event], language: Language) -> str:
    if len(events) > 1:
        return language.subject_of_many.format(count=len(events))
    data = events[0]["data"]
    return language.subject_of_one.format(what=_name(data, language), date=_due(data, language))


def _text(events: Sequence[Event], language: Language, today: date, name: str) -> str:
    lines = []
    for event in events:
        data = event["data"]
        obligation = data["obligation"]
        what = _name(data, language)
        if "amount" in obligation:
            what += f": {language.amount_of(obligation['amount'], obligation.get('currency'))}"
        days = language.days((date.fromisoformat(data["dueDate"]) - today).days)
        lines.append(language.line.format(what=what, date=_due(data, language), days=days))
    greeting = language.greeting.format(name=name) if name else language.greeting_without_name
    return "\n\n".join((greeting, language.opening, "\n".join(lines), language.closing)) + "\n"


def _name(data: Event, language: Language) -> str:
    return one_line(data["obligation"].get("reference", "")) or language.payment


def _due(data: Event, language: Language) -> str:
    return language.date_of(date.fromisoformat(data["dueDate"]))
