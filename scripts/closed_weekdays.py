"""Write tests/unit/snapshots/closed_weekdays.txt anew: what the package `holidays` closes in the sample calendars.

A test compares it, so that an update of the package shows which days it opens and closes. Look at each before you
commit: customers are notified by them.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from due_notices.calendars import HolidayCalendar  # noqa: E402 (the path comes first)
from due_notices.commands.calendar_notes import closed_weekdays  # noqa: E402

SNAPSHOT = ROOT / "tests" / "unit" / "snapshots" / "closed_weekdays.txt"
FIRST, LAST = date(2026, 12, 1), date(2027, 11, 30)
CALENDARS = (
    *("AT", "AU-NSW", "BE", "BG", "BR", "CA-ON", "CH-ZH", "CZ", "DE", "DE-BE", "DE-BY", "DK", "EE", "ES-MD", "FI"),
    *("FR", "GB-ENG", "GB-SCT", "GR", "HK", "HK+optional", "HR", "HU", "IE", "IN", "IT", "JP", "JP+bank", "KR"),
    *("LT", "LU", "LV", "MX", "MY-14", "NL", "NO", "NZ", "PL", "PT", "RO", "SA", "SE", "SE+de_facto", "SG", "SI"),
    *("SK", "US", "US-NY", "XECB", "XFED", "XNYS", "ZA"),
)


def closed() -> str:
    """Return a line for each calendar and day that it closes by more than its weekend."""
    lines = [
        f"{name} {day} {day:%a} {why}"
        for name in CALENDARS
        for day, why in closed_weekdays(HolidayCalendar(name), FIRST, LAST)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(closed(), "utf-8")
