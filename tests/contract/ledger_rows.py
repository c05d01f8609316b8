"""Rows, claims and what the ledger says of them, for the tests of its contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from due_notices.ports import Claim, ClaimRow, Ledger, PastNotice

DUE = date(2026, 12, 1)
PARTITION = DUE.isoformat()
TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
LAPSE = timedelta(minutes=10)
NEVER = datetime.min.replace(tzinfo=UTC)
FIRST = Claim("first", NOON, TODAY)
SECOND = Claim("second", NOON + timedelta(minutes=11), TODAY)
THIRD = Claim("third", NOON + timedelta(minutes=12), TODAY)


def key(number: int, stage: int = -7, obligation: int = 0) -> str:
    """Return the row of a user's obligation."""
    return f"{number:016x}{obligation:016x}_{stage}"


def keys(count: int, start: int = 0, stage: int = -7) -> list[str]:
    return [key(number, stage) for number in range(start, start + count)]


def users(rows: Sequence[str]) -> set[str]:
    return {row[:16] for row in rows}


def claim_rows(rows: Sequence[str], *, has_reference: bool = True) -> list[ClaimRow]:
    return [
        ClaimRow(row, f"notice-{row}", f"user-{int(row[:16], 16)}", has_reference, f"hash-{row[:16]}") for row in rows
    ]


async def claimed(ledger: Ledger, rows: Sequence[str], claim: Claim = FIRST, partition: str = PARTITION) -> None:
    """Claim, and check that all were won."""
    assert await ledger.claim(partition, claim_rows(rows), claim, NEVER) == {}


async def sent(
    ledger: Ledger,
    rows: Sequence[str],
    on: date = TODAY,
    partition: str = PARTITION,
    *,
    has_reference: bool = True,
    at: datetime = NOON,
) -> None:
    """Claim and mark as sent."""
    claim = Claim(f"claim-{on}", at, on)
    assert await ledger.claim(partition, claim_rows(rows, has_reference=has_reference), claim, NEVER) == {}
    await ledger.mark_sent(partition, {row: f"message-{row}" for row in rows}, claim, at)


async def past(ledger: Ledger, row: str, due: date = DUE) -> PastNotice | None:
    """Return what is known of a row."""
    found = {f"{row[:32]}_{each.stage}": each for each in await ledger.of_user([due], row[:16])}
    return found.get(row)


async def holders(ledger: Ledger, rows: Sequence[str]) -> dict[str, str]:
    """Return by row which claim has it."""
    found = {row: await past(ledger, row) for row in rows}
    return {row: each.claim_id for row, each in found.items() if each is not None}
