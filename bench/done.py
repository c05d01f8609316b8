"""What the contenders have in common: the result they give, the rule they follow and the message they write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bench.customers import ATTRIBUTE, STAGES, today

SENDS_AT_A_TIME = 64


@dataclass(frozen=True)
class Done:
    """What a run did and how long its two halves took, in seconds."""

    users: int
    notices: int
    read: float
    send: float


def stage_of(value: object) -> int | None:
    """Return the stage that falls on today, as plain code would find it."""
    if not value:
        return None
    # msgraph-sdk makes a date-time of what looks like a date.
    left = (today() - date.fromisoformat(str(value)[:10])) // timedelta(days=1)
    return left if left in STAGES else None


def message(user: dict[str, Any], stage: int) -> str:
    """Return about as large a message as ours is."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{user['id']}-{stage}",
            "type": "payment.due",
            "source": "/benchmark",
            "subject": user["id"],
            "time": "2026-11-24T08:00:03Z",
            "datacontenttype": "application/json",
            "expirytime": "2026-11-28T00:00:00Z",
            "data": {
                "stage": stage,
                "stageDate": "2026-11-24",
                "dueDate": user[ATTRIBUTE],
                "daysUntilDue": -stage,
                "late": False,
                "obligation": {},
                "customer": {"id": user["id"], "displayName": user["displayName"], "email": user["mail"]},
            },
        }
    )
