"""The customers that every contender reads: the same users, of whom a share is owed a notice today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

PAGE_SIZE = 999
ATTRIBUTE = "extension_0123456789abcdef0123456789abcdef_dueDate"
STAGES = (-7, -3, -1, 0)
# How often names begin with a letter, about, and what follows.
FIRST = tuple(
    zip("jmasdcrlkbtepgnhwfviozuyqx0", (14, 12, 9, 8, 7, 7, 7, 6, 5, 4, 4, 4, 3, 3, 2, 2, *[1] * 11), strict=True)
)
SECOND = tuple(zip("aeiouhrly.", (5, 4, 3, 3, 2, 1, 1, 1, 1, 1), strict=True))
DIGITS = "0123456789"


def today() -> date:
    """Return today in UTC, which the benchmarks' settings take for the business date."""
    return datetime.now(UTC).date()  # noqa: TID251 (a benchmark is not a part of the program)


def customers(count: int, share: float, stages: Sequence[int] = STAGES) -> Iterator[dict[str, Any]]:
    """Yield users with their due date: `share` of them owed today, spread over `stages`, the rest far ahead."""
    for number in range(count):
        yield _customer(number, count, share, stages)


def customers_by_name(count: int, share: float, stages: Sequence[int] = STAGES) -> Iterator[dict[str, Any]]:
    """Yield the same number of users with names that begin as names do, unevenly, one beginning after the other."""
    parts = [
        (first + then + digit, often * likely) for first, often in FIRST for then, likely in SECOND for digit in DIGITS
    ]
    whole = sum(weight for _, weight in parts)
    number = reached = 0
    for prefix, weight in parts:
        reached += weight
        while number < reached * count // whole:
            yield {**_customer(number, count, share, stages), "userPrincipalName": f"{prefix}{number}@contoso.example"}
            number += 1


def _customer(number: int, count: int, share: float, stages: Sequence[int]) -> dict[str, Any]:
    owed = round(count * share)
    # Spread evenly: number * owed // count rises by one at each owed user.
    is_owed = (number + 1) * owed // count > number * owed // count
    ahead = -stages[number % len(stages)] if is_owed else 20 + number % 300
    return graph_user(f"{number:08x}-0000-4000-8000-000000000000", today() + timedelta(days=ahead), number)


def graph_user(identifier: str, due: date, number: int = 0) -> dict[str, Any]:
    """Return a user as Graph has it, of usual size."""
    return {
        "id": identifier,
        "accountEnabled": True,
        "displayName": f"Customer Number {number}",
        "givenName": "Customer",
        "identities": [],
        "mail": f"customer.{number}@example.com",
        "mobilePhone": None,
        "otherMails": [],
        "preferredLanguage": "en-GB",
        "userPrincipalName": f"customer.{number}@contoso.example",
        ATTRIBUTE: due.isoformat(),
    }
