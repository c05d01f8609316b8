"""A notice as the text of a queue message: CloudEvents 1.0 in its JSON format. Pure.

The storage queue's adapter encodes the text in base64, as a Functions queue trigger expects it.
`notice.schema.json`, beside this module, is the contract with every consumer.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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
    obligation, user = notice.obligation, notice.user
    data: dict[str, object] = {
        "stage": notice.stage,
        "stageDate": notice.stage_date.isoformat(),
        "dueDate": obligation.due.isoformat(),
        "daysUntilDue": (obligation.due - notice.business_date).days,
        "businessDate": notice.business_date.isoformat(),
        "timeZone": time_zone,
        "late": notice.late,
        "previousStage": notice.previous_stage,
        "batch": {"id": notice.batch.id, "size": notice.batch.size} if notice.batch else None,
        "obligation": _present(
            reference=_text(obligation.reference),
            amount=obligation.amount,
            currency=obligation.currency,
        ),
        "customer": _present(
            id=user.id,
            displayName=_text(user.display_name),
            givenName=_text(user.given_name),
            email=user.email,
            otherEmails=list(user.other_emails) or None,
            mobilePhone=_text(user.mobile_phone),
            preferredLanguage=_language_tag(user.preferred_language),
        ),
    }
    event = {
        "specversion": "1.0",
        "id": notice.id,
        "type": EVENT_TYPE,
        "source": source,
        "subject": user.id,
        "time": _rfc3339(time),
        "datacontenttype": "application/json",
        "expirytime": _rfc3339(notice.expires),
        "data": _present(**data),
    }
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
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
    longest = replace(notice, previous_stage=notice.previous_stage or -365, batch=notice.batch or _LARGEST_BATCH)
    try:
        to_message(longest, source=source_of("0" * 36), time=notice.expires, time_zone=_LONGEST_ZONE)
    except MessageTooLarge:
        return False
    return True


def source_of(tenant_id: str) -> str:
    """Return the `source` attribute of every notice of a tenant."""
    return f"/tenants/{tenant_id}/due-notices"


def _present(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: str | None) -> str | None:
    """Return a text on one line, without what could break it; None where nothing of it can be seen."""
    if value is None:
        return None
    cleaned = _EMBEDDINGS.sub("", _BREAKS.sub(" ", value)).strip()
    return cleaned if any(unicodedata.category(character)[0] not in "CZ" for character in cleaned) else None


def _language_tag(value: str | None) -> str | None:
    tag = (value or "").strip().replace("_", "-")
    return tag if _LANGUAGE_TAG.fullmatch(tag) else None


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
