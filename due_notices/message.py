"""A notice as the text of a queue message: CloudEvents 1.0 in its JSON format. Pure.

The storage queue's adapter encodes the text in base64, as a Functions queue trigger expects it.
`notice.schema.json`, beside this module, is the contract with every consumer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from due_notices.errors import MessageTooLarge
from due_notices.model import Notice

EVENT_TYPE = "duenotices.payment.due.v1"

# Put Message takes 64 KiB of encoded text, which base64 makes of 48 KiB:
# https://learn.microsoft.com/rest/api/storageservices/put-message
MAX_BYTES = 48 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """The text for the queue, and its SHA-256 as the ledger remembers it."""

    text: str
    digest: str


def to_message(notice: Notice, *, source: str, time: datetime) -> Message:
    """Return the message of a notice made at `time` (UTC). Raises MessageTooLarge."""
    obligation, user = notice.obligation, notice.user
    event = {
        "specversion": "1.0",
        "id": notice.id,
        "type": EVENT_TYPE,
        "source": source,
        "subject": user.id,
        "time": _rfc3339(time),
        "datacontenttype": "application/json",
        "expirytime": _rfc3339(notice.expires),
        "data": {
            "stage": notice.stage,
            "stageDate": notice.stage_date.isoformat(),
            "dueDate": obligation.due.isoformat(),
            "daysUntilDue": (obligation.due - notice.business_date).days,
            "late": notice.late,
            "obligation": _present(
                reference=obligation.reference or None,
                amount=obligation.amount,
                currency=obligation.currency,
            ),
            "customer": _present(
                id=user.id,
                displayName=user.display_name,
                givenName=user.given_name,
                email=user.email,
                mobilePhone=user.mobile_phone,
                preferredLanguage=user.preferred_language,
            ),
        },
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
    """Whether the message of a notice stays within the size of a queue message.

    Nearly always told without making it: a character takes at most six bytes in JSON (an escaped control
    character), and all but the user's own texts stays well below 4 KiB.
    """
    user = notice.user
    texts = (user.display_name, user.given_name, user.email, user.mobile_phone, user.preferred_language)
    if sum(len(text) for text in texts if text) * 6 + 4096 <= MAX_BYTES:
        return True
    try:
        to_message(notice, source=source_of("0" * 36), time=notice.expires)
    except MessageTooLarge:
        return False
    return True


def source_of(tenant_id: str) -> str:
    """Return the `source` attribute of every notice of a tenant."""
    return f"/tenants/{tenant_id}/due-notices"


def _present(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
