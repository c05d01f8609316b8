"""The customers that every contender reads: the same users, of whom a share is owed a notice today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

PAGE_SIZE = 999
ATTRIBUTE = "extension_0123456789abcdef0123456789abcdef_dueDate"
STAGES = (-7, -3, -1, 0)


def today() -> date:
    """Return today in UTC, which the benchmarks' settings take for the business date."""
    return datetime.now(UTC).date()  # noqa: TID251 (a benchmark is no part of the program)


def customers(count: int, share: float, stages: Sequence[int] = STAGES) -> Iterator[dict[str, Any]]:
    """Yield users with their due date: `share` of them owed today, spread over `stages`, the rest far ahead."""
    day = today()
    owed = round(count * share)
    for number in range(count):
        # Spread evenly: number * owed // count rises by one at each owed user.
        is_owed = (number + 1) * owed // count > number * owed // count
        ahead = -stages[number % len(stages)] if is_owed else 20 + number % 300
        due = (day + timedelta(days=ahead)).isoformat()
        yield {
            "due": due,
            "graph": {
                "id": f"{number:08x}-0000-4000-8000-000000000000",
                "accountEnabled": True,
                "displayName": f"Customer Number {number}",
                "givenName": "Customer",
                "identities": [],
                "mail": f"customer.{number}@example.com",
                "mobilePhone": None,
                "otherMails": [],
                "preferredLanguage": "en-GB",
                "userPrincipalName": f"customer.{number}@contoso.example",
                ATTRIBUTE: due,
            },
        }
