"""What a run says of itself: one JSON object in the log, in `run --json` and in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from due_notices.model import Reason
from due_notices.ports import Waiting

LOG_PREFIX = "due-notices run "


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    LIMIT = "limit"
    OUTSIDE_WINDOW = "outside-window"
    ALREADY_COMPLETED = "already-completed"


@dataclass(slots=True)
class RunReport:
    """The figures of one run.

    `owed` are the notices that the ledger did not have as sent when the run looked; each of them ends in
    `sent`, in `failed` (not on the queue, as far as this run knows), or in `already_sent` (another run was
    quicker), which also counts those sent before. `seconds` are wall-clock seconds. `unusual` compares `owed`
    with `usual_owed`, the median of the last completed runs.
    """

    run_id: str
    business_date: date
    outcome: Outcome = Outcome.FAILED
    users_read: int = 0
    obligations: int = 0
    owed: int = 0
    sent: int = 0
    already_sent: int = 0
    late: int = 0
    superseded: int = 0
    expired: int = 0
    failed: int = 0
    skipped: Mapping[Reason, int] = field(default_factory=dict)
    stages: Mapping[str, int] = field(default_factory=dict)
    unusual: bool = False
    usual_owed: int | None = None
    graph_requests: int = 0
    throttled: int = 0
    waiting: Waiting = field(default_factory=lambda: Waiting(None, None))
    seconds: Mapping[str, float] = field(default_factory=dict)
    secret_days_left: int | None = None
    note: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done."""
        return self.outcome not in {Outcome.FAILED, Outcome.LIMIT}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, with the names that alerts and programs read."""
        return {
            "runId": self.run_id,
            "businessDate": self.business_date.isoformat(),
            "outcome": self.outcome.value,
            "usersRead": self.users_read,
            "obligations": self.obligations,
            "owed": self.owed,
            "sent": self.sent,
            "alreadySent": self.already_sent,
            "late": self.late,
            "superseded": self.superseded,
            "expired": self.expired,
            "failed": self.failed,
            "skipped": {str(reason): count for reason, count in self.skipped.items()},
            "stages": dict(self.stages),
            "unusual": self.unusual,
            "usualOwed": self.usual_owed,
            "graphRequests": self.graph_requests,
            "throttled": self.throttled,
            "waiting": self.waiting._asdict(),
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "secretDaysLeft": self.secret_days_left,
            "note": self.note,
            "error": self.error,
        }

    def to_json(self) -> str:
        """Return the report on one line of ASCII, whatever an error text may hold."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def log_line(self) -> str:
        """Return the line that alerts and the workbook look for."""
        return LOG_PREFIX + self.to_json()
