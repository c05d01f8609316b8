"""What the tests of the second calculation have in common."""

from __future__ import annotations

from datetime import date

from local.expected import Past


def day(text: str) -> date:
    """Return a day of 2026, given as month and day, or any day given in full."""
    return date.fromisoformat(text if text.count("-") == 2 else f"2026-{text}")


def daily(today: date) -> Past:
    """Return the past of a run whose last completed one was yesterday's."""
    return Past(resumes=today)
