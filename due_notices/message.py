"""A notice as the text of a queue message: CloudEvents 1.0 in its JSON format. Pure.

The storage queue's adapter encodes the text in base64, as a Functions queue trigger expects it.
`notice.schema.json`, beside this module, is the contract with every consumer.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from json.encoder import encode_basestring

from due_notices.errors import MessageTooLarge
from due_notices.model import Batch, Notice

EVENT_TYPE = "duenotices.payment.due.v1"

# Put Message takes 64 KiB of encoded text, which base64 makes of 48 KiB:
# https://learn.microsoft.com/rest/api/storageservices/put-message
MAX_BYTES = 48 * 1024
_LONGEST_ZONE = "America/Argentina/ComodRivadavia"
_LARGEST_BATCH = Batch("0" * 32, 99_999)

# What could break a line, or turn the direction of all that follows. Joiners and single direction marks stay: names
# in many scripts are spelt with them.
_BREAKS = re.compile(r"\s*[\x00-\x1f\x7f-\x9f\u2028\u2029]+\s*")
_EMBEDDINGS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")

# language[-extlang][-script][-region][-variant…][-extension…][-private use]: RFC 5646, section 2.1
_LANGUAGE_TAG = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*(-[xX](-[A-Za-z0-9]{1,8})+)?"
)


@dataclass(frozen=True, slots=True)
class Message:
    """The text for the queue, and its SHA-256 as the ledger remembers it."""

    text: str
    digest: str


def to_message(notice: Notice, *, source: str, time: datetime, time_zone: str) -> Message:
    """Return the message of a notice made at `time` (UTC). Raises MessageTooLarge.

    `time_zone` is the IANA name of the zone in which the business date is a day.
    """
    obligation, user, batch = notice.obligation, notice.user, notice.batch
    more = _fields(
        previousStage=None if notice.previous_stage is None else str(notice.previous_stage),
        batch=f'{{"id":{_quoted(batch.id)},"size":{batch.size}}}' if batch else None,
    )
    owed = _fields(
        reference=_quoted(_text(obligation.reference)),
        amount=_quoted(obligation.amount),
        currency=_quoted(obligation.currency),
    )
    customer = _fields(
        displayName=_quoted(_text(user.display_name)),
        givenName=_quoted(_text(user.given_name)),
        email=_quoted(user.email),
        otherEmails=_list(user.other_emails),
        mobilePhone=_quoted(_text(user.mobile_phone)),
        preferredLanguage=_quoted(_language_tag(user.preferred_language)),
    )
    # Written out, because json.dumps makes an encoder anew for each message, which was a third of what one cost.
    identifier, today = encode_basestring(user.id), notice.business_date
    text = (
        f'{{"specversion":"1.0","id":{encode_basestring(notice.id)},"type":"{EVENT_TYPE}",'
        f'"source":{encode_basestring(source)},"subject":{identifier},"time":{_moment(time)},'
        f'"datacontenttype":"application/json","expirytime":{_moment(notice.expires)},"data":{{'
        f'"stage":{notice.stage},"stageDate":{_day(notice.stage_date)},"dueDate":{_day(obligation.due)},'
        f'"daysUntilDue":{(obligation.due - today).days},"businessDate":{_day(today)},'
        f'"timeZone":{encode_basestring(time_zone)},"late":{"true" if notice.late else "false"}{more},'
        f'"obligation":{{{owed[1:]}}},"customer":{{"id":{identifier}{customer}}}}}}}'
    )
    raw = text.encode()
    if len(raw) > MAX_BYTES:
        message = (
            f"notice {notice.id} of user {user.id} has {len(raw):,} bytes, a queue message holds {MAX_BYTES:,}: "
            "shorten the user's display name or contact fields in the directory"
        )
        raise MessageTooLarge(message)
    return Message(text, hashlib.sha256(raw).hexdigest())


def fits(notice: Notice) -> bool:
    """Whether the message of a notice stays within the size of a queue message, whatever its zone and batch.

    Nearly always known without making it: a character takes at most four bytes, and all but the user's own texts
    stays well below 4 KiB.
    """
    user = notice.user
    texts = (user.display_name, user.given_name, user.email, user.mobile_phone, user.preferred_language)
    characters = sum(len(text) for text in texts if text) + sum(len(other) + 1 for other in user.other_emails)
    if characters * 4 + 4096 <= MAX_BYTES:
        return True
    longest = notice._replace(previous_stage=notice.previous_stage or -365, batch=notice.batch or _LARGEST_BATCH)
    try:
        to_message(longest, source=source_of("0" * 36), time=notice.expires, time_zone=_LONGEST_ZONE)
    except MessageTooLarge:
        return False
    return True


def source_of(tenant_id: str) -> str:
    """Return the `source` attribute of every notice of a tenant."""
    return f"/tenants/{tenant_id}/due-notices"


def _fields(**fields: str | None) -> str:
    """Return fields, given in JSON, each after a comma; those that are None are left out."""
    return "".join([f',"{name}":{value}' for name, value in fields.items() if value is not None])


def _list(texts: Sequence[str]) -> str | None:
    """Return texts as a list in JSON, None where there are none."""
    return f"[{','.join(map(encode_basestring, texts))}]" if texts else None


def _quoted(text: str | None) -> str | None:
    """Return a text in JSON."""
    return None if text is None else encode_basestring(text)


def _text(value: str | None) -> str | None:
    """Return a text on one line, without what could break it; None where nothing of it can be seen."""
    if value is None:
        return None
    if value.isascii() and value.isprintable():
        return value.strip() or None
    cleaned = _EMBEDDINGS.sub("", _BREAKS.sub(" ", value)).strip()
    return cleaned if any(unicodedata.category(character)[0] not in "CZ" for character in cleaned) else None


@lru_cache(maxsize=1024)
def _language_tag(value: str | None) -> str | None:
    tag = (value or "").strip().replace("_", "-")
    return tag if _LANGUAGE_TAG.fullmatch(tag) else None


@lru_cache(maxsize=1024)
def _day(day: date) -> str:
    """Return a date in JSON."""
    return f'"{day.isoformat()}"'


@lru_cache(maxsize=1024)
def _moment(moment: datetime) -> str:
    """Return a moment in JSON, in UTC, to the second."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return f'"{text}Z"'
