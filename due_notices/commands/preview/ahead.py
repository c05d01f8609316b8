"""What calendar and schedule bring from a business date on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from due_notices.commands.calendar_notes import CalendarNote, calendar_notes, package_version
from due_notices.commands.days_without_tick import DaysWithoutTick, days_without_tick
from due_notices.policy import Policy


@dataclass(frozen=True, slots=True)
class Ahead:
    """What calendar and schedule bring from a business date on."""

    notes: Sequence[CalendarNote]
    without_tick: DaysWithoutTick | None

    def to_dict(self) -> dict[str, Any]:
        """Return the same for programs."""
        gap = self.without_tick
        return {
            "calendar": {
                "package": f"holidays {package_version()}",
                "notes": [asdict(note) for note in self.notes],
            },
            "daysWithoutTick": None
            if gap is None
            else {"count": gap.count, "first": gap.first.isoformat(), "last": gap.last.isoformat()},
        }


def look_ahead(policy: Policy, today: date) -> Ahead:
    """Return what a person must see of calendar and schedule from `today` on."""
    return Ahead(calendar_notes(policy.rules.stages.calendar, today), days_without_tick(policy, today))
