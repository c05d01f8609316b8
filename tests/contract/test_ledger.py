from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from due_notices.ports import Claim, ClaimRow, Ledger, LedgerEntry
from due_notices.report import RunReport
from tests.factories import run_report

DAY = date(2026, 12, 1)
PARTITION = "2026-12-01_-7"
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
FIRST = Claim("first-run", NOON)
SECOND = Claim("second-run", NOON + timedelta(minutes=11))
THIRD = Claim("third-run", NOON + timedelta(minutes=12))


def ids(count: int, start: int = 0) -> list[str]:
    return [f"{number:032x}" for number in range(start, start + count)]


def rows(identifiers: Sequence[str]) -> list[ClaimRow]:
    return [
        ClaimRow(identifier, user_id=f"user-{identifier[-4:]}", message_hash=identifier * 2)
        for identifier in identifiers
    ]


async def claimed(ledger: Ledger, identifiers: Sequence[str], claim: Claim = FIRST) -> dict[str, LedgerEntry]:
    """Claim, check that all were won, and return the entries."""
    assert await ledger.claim(PARTITION, rows(identifiers), claim, {}) == set(identifiers)
    return await ledger.entries(PARTITION)


async def test_an_unknown_partition_has_no_entries(ledger: Ledger) -> None:
    assert await ledger.entries(PARTITION) == {}
    assert await ledger.entry(PARTITION, ids(1)[0]) is None


async def test_a_claim_wins_what_nobody_has(ledger: Ledger) -> None:
    one, two = ids(2)

    won = await ledger.claim(PARTITION, rows([one, two]), FIRST, {})

    assert won == {one, two}
    entries = await ledger.entries(PARTITION)
    assert entries.keys() == {one, two}
    assert {entry.state for entry in entries.values()} == {"claimed"}


async def test_an_entry_says_who_claimed_what_for_whom_and_when_to_the_microsecond(ledger: Ledger) -> None:
    (one,) = ids(1)

    await claimed(ledger, [one])

    entry = await ledger.entry(PARTITION, one)
    assert entry is not None
    assert entry == LedgerEntry(one, "claimed", FIRST, entry.version, user_id=f"user-{one[-4:]}")
    assert entry.claim.at.microsecond == 123456
    assert type(entry.claim.at) is datetime
    assert entry.claim.at.utcoffset() == timedelta(0)
    assert entry.version


async def test_partitions_do_not_know_each_other(ledger: Ledger) -> None:
    (one,) = ids(1)
    await claimed(ledger, [one])

    assert await ledger.entries("2026-12-01_-3") == {}
    assert await ledger.claim("2026-12-01_-3", rows([one]), SECOND, {}) == {one}
    assert (await ledger.entries(PARTITION))[one].claim == FIRST


async def test_a_second_claimant_wins_nothing_and_changes_nothing(ledger: Ledger) -> None:
    before = await claimed(ledger, ids(3))

    assert await ledger.claim(PARTITION, rows(ids(3)), SECOND, {}) == frozenset()

    assert await ledger.entries(PARTITION) == before


async def test_the_same_claim_asked_again_wins_again(ledger: Ledger) -> None:
    before = await claimed(ledger, ids(3))

    assert await ledger.claim(PARTITION, rows(ids(3)), FIRST, {}) == set(ids(3))

    assert (await ledger.entries(PARTITION)).keys() == before.keys()


async def test_the_same_run_at_another_moment_is_another_claim(ledger: Ledger) -> None:
    await claimed(ledger, ids(1))

    later = replace(FIRST, at=FIRST.at + timedelta(microseconds=1))

    assert await ledger.claim(PARTITION, rows(ids(1)), later, {}) == frozenset()


@pytest.mark.parametrize("taken", [[0], [2], [4], [0, 1], [1, 3], [0, 2, 4], [0, 1, 2, 3]])
async def test_a_partly_taken_chunk_wins_the_rest(ledger: Ledger, taken: list[int]) -> None:
    all_ids = ids(5)
    theirs = [all_ids[number] for number in taken]
    await claimed(ledger, theirs)

    won = await ledger.claim(PARTITION, rows(all_ids), SECOND, {})

    assert won == set(all_ids) - set(theirs)
    entries = await ledger.entries(PARTITION)
    assert {identifier for identifier, entry in entries.items() if entry.claim == FIRST} == set(theirs)
    assert {identifier for identifier, entry in entries.items() if entry.claim == SECOND} == won


async def test_what_is_sent_is_not_won(ledger: Ledger) -> None:
    one, two = ids(2)
    await claimed(ledger, [one])
    await ledger.mark_sent(PARTITION, {one: "message-1"}, NOON)

    assert await ledger.claim(PARTITION, rows([one, two]), SECOND, {}) == {two}


async def test_a_lapsed_claim_is_taken_over(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(2))

    assert await ledger.claim(PARTITION, rows(ids(2)), SECOND, lapsed) == set(ids(2))

    entries = await ledger.entries(PARTITION)
    assert {entry.claim for entry in entries.values()} == {SECOND}
    assert all(entries[identifier].version != lapsed[identifier].version for identifier in lapsed)


async def test_a_takeover_and_new_claims_go_together(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(2))
    others = await ledger.claim(PARTITION, rows(ids(2, start=10)), THIRD, {})

    won = await ledger.claim(PARTITION, rows(ids(2) + ids(2, start=5) + ids(2, start=10)), SECOND, lapsed)

    assert won == set(ids(2) + ids(2, start=5))
    assert not won & others


async def test_a_lapsed_claim_that_was_sent_meanwhile_is_left_alone(ledger: Ledger) -> None:
    one, two = ids(2)
    lapsed = await claimed(ledger, [one, two])
    await ledger.mark_sent(PARTITION, {one: "message-1"}, NOON)

    assert await ledger.claim(PARTITION, rows([one, two]), SECOND, lapsed) == {two}

    entry = await ledger.entry(PARTITION, one)
    assert entry is not None
    assert (entry.state, entry.claim) == ("sent", FIRST)


async def test_a_lapsed_claim_that_somebody_else_took_over_is_left_to_them(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(3))
    assert await ledger.claim(PARTITION, rows(ids(1)), THIRD, lapsed) == set(ids(1))

    assert await ledger.claim(PARTITION, rows(ids(3)), SECOND, lapsed) == set(ids(3)[1:])


async def test_a_lapsed_claim_that_was_released_meanwhile_can_be_claimed(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(2))
    await ledger.release(PARTITION, ids(1), FIRST)

    assert await ledger.claim(PARTITION, rows(ids(2)), SECOND, lapsed) == set(ids(2))


async def test_the_same_takeover_asked_again_wins_again(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(2))
    await ledger.claim(PARTITION, rows(ids(2)), SECOND, lapsed)

    assert await ledger.claim(PARTITION, rows(ids(2)), SECOND, lapsed) == set(ids(2))


@pytest.mark.parametrize("claimants", [2, 4])
async def test_of_concurrent_claimants_each_row_has_one_winner(ledger: Ledger, claimants: int) -> None:
    claims = [Claim(f"run-{number}", NOON) for number in range(claimants)]

    won = await asyncio.gather(*(ledger.claim(PARTITION, rows(ids(20)), claim, {}) for claim in claims))

    assert sum(map(len, won)) == 20
    entries = await ledger.entries(PARTITION)
    for claim, winnings in zip(claims, won, strict=True):
        assert {identifier for identifier, entry in entries.items() if entry.claim == claim} == winnings


async def test_of_two_concurrent_takeovers_one_wins(ledger: Ledger) -> None:
    lapsed = await claimed(ledger, ids(10))

    won = await asyncio.gather(*(ledger.claim(PARTITION, rows(ids(10)), claim, lapsed) for claim in (SECOND, THIRD)))

    assert sorted(map(len, won)) == [0, 10]


async def test_released_entries_can_be_claimed_again(ledger: Ledger) -> None:
    await claimed(ledger, ids(3))

    await ledger.release(PARTITION, ids(2), FIRST)

    assert (await ledger.entries(PARTITION)).keys() == set(ids(1, start=2))
    assert await ledger.claim(PARTITION, rows(ids(3)), SECOND, {}) == set(ids(2))


async def test_nobody_releases_somebody_elses_claim(ledger: Ledger) -> None:
    before = await claimed(ledger, ids(2))

    await ledger.release(PARTITION, ids(2), SECOND)

    assert await ledger.entries(PARTITION) == before


async def test_what_is_sent_is_not_released(ledger: Ledger) -> None:
    one, two = ids(2)
    await claimed(ledger, [one, two])
    await ledger.mark_sent(PARTITION, {one: "message-1"}, NOON)

    await ledger.release(PARTITION, [one, two], FIRST)

    assert (await ledger.entries(PARTITION)).keys() == {one}


async def test_releasing_what_is_not_there_does_nothing(ledger: Ledger) -> None:
    await claimed(ledger, ids(1))

    await ledger.release(PARTITION, ids(3, start=1), FIRST)
    await ledger.release(PARTITION, ids(1), FIRST)
    await ledger.release(PARTITION, ids(1), FIRST)

    assert await ledger.entries(PARTITION) == {}


async def test_marking_sent_keeps_the_claim_and_adds_the_message(ledger: Ledger) -> None:
    (one,) = ids(1)
    before = await claimed(ledger, [one])
    at = NOON + timedelta(seconds=3, microseconds=7)

    await ledger.mark_sent(PARTITION, {one: "message-1"}, at)

    entry = await ledger.entry(PARTITION, one)
    assert entry is not None
    assert entry.version != before[one].version
    assert entry == replace(before[one], state="sent", sent_at=at, message_id="message-1", version=entry.version)


async def test_marking_sent_overwrites_whatever_is_there_and_survives_repetition(ledger: Ledger) -> None:
    theirs, nobodys = ids(2)
    await claimed(ledger, [theirs], SECOND)

    for _ in range(2):
        await ledger.mark_sent(PARTITION, {theirs: "message-1", nobodys: "message-2"}, NOON)

    entries = await ledger.entries(PARTITION)
    assert {identifier: (entry.state, entry.message_id) for identifier, entry in entries.items()} == {
        theirs: ("sent", "message-1"),
        nobodys: ("sent", "message-2"),
    }


async def test_every_write_changes_the_version(ledger: Ledger) -> None:
    (one,) = ids(1)
    versions = [(await claimed(ledger, [one]))[one].version]
    await ledger.claim(PARTITION, rows([one]), SECOND, await ledger.entries(PARTITION))
    versions.append((await ledger.entries(PARTITION))[one].version)
    for message in ("message-1", "message-2"):
        await ledger.mark_sent(PARTITION, {one: message}, NOON)
        versions.append((await ledger.entries(PARTITION))[one].version)

    assert len(set(versions)) == 4


async def test_a_hundred_rows_at_once(ledger: Ledger) -> None:
    everything = ids(100)

    await claimed(ledger, everything)
    await ledger.mark_sent(PARTITION, {identifier: f"message-{identifier}" for identifier in everything[:60]}, NOON)
    await ledger.release(PARTITION, everything, FIRST)

    entries = await ledger.entries(PARTITION)
    assert entries.keys() == set(everything[:60])
    assert {entry.message_id for entry in entries.values()} == {f"message-{one}" for one in everything[:60]}


async def test_a_partition_may_be_larger_than_a_page_of_the_service(ledger: Ledger) -> None:
    everything = ids(1100)
    for start in range(0, 1100, 100):
        await ledger.claim(PARTITION, rows(everything[start : start + 100]), FIRST, {})

    assert (await ledger.entries(PARTITION)).keys() == set(everything)


def record(day: date, outcome: str = "completed", **figures: Any) -> RunReport:
    return run_report(day, outcome, owed=3, skipped={"paid": 1}, **figures)


async def test_no_runs_at_first(ledger: Ledger) -> None:
    assert await ledger.runs(date(2026, 1, 1)) == []


async def test_runs_come_back_whole_from_a_day_on_the_oldest_first(ledger: Ledger) -> None:
    days = [DAY + timedelta(days=offset) for offset in (3, 0, 40, -1, 1)]
    for day in days:
        await ledger.record_run(record(day, note="täglich – ÜÄ\n", seconds={"read": 1.5}))

    found = await ledger.runs(DAY)

    assert found == [record(day, note="täglich – ÜÄ\n", seconds={"read": 1.5}) for day in sorted(days)[1:]]


async def test_runs_are_no_notices_and_notices_no_runs(ledger: Ledger) -> None:
    await claimed(ledger, ids(2))
    await ledger.record_run(record(DAY))

    assert len(await ledger.runs(date(2000, 1, 1))) == 1
    assert len(await ledger.entries(PARTITION)) == 2


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("failed", "failed", "second"),
        ("failed", "completed", "second"),
        ("limit", "completed", "second"),
        ("completed", "completed", "second"),
        ("completed", "failed", "first"),
        ("completed", "limit", "first"),
    ],
)
async def test_a_completed_run_is_never_overwritten_by_one_that_is_not(
    ledger: Ledger, first: str, second: str, kept: str
) -> None:
    await ledger.record_run(record(DAY, first, note="first"))
    await ledger.record_run(record(DAY, second, note="second"))

    (found,) = await ledger.runs(DAY)

    assert found.note == kept
    assert found.outcome == (first if kept == "first" else second)


async def test_two_runs_recorded_at_once_leave_the_completed_one(ledger: Ledger) -> None:
    await asyncio.gather(
        *(ledger.record_run(record(DAY, outcome)) for outcome in ("failed", "completed", "failed", "failed"))
    )

    assert [found.outcome for found in await ledger.runs(DAY)] == ["completed"]


async def test_nothing_is_a_fine_number_of_rows(ledger: Ledger) -> None:
    assert await ledger.claim(PARTITION, [], FIRST, {}) == frozenset()
    await ledger.mark_sent(PARTITION, {}, NOON)
    await ledger.release(PARTITION, [], FIRST)

    assert await ledger.entries(PARTITION) == {}


async def test_forgetting_takes_what_was_due_and_run_before_the_day_and_nothing_else(ledger: Ledger) -> None:
    old, young = ("2025-11-30_-7", "2025-11-30_0", "2024-12-31_90"), ("2025-12-01_-7", "2026-01-01_0", "2999-01-01_-1")
    for partition in (*young, *old):
        await ledger.claim(partition, rows(ids(2)), FIRST, {})
    await ledger.mark_sent(old[0], {ids(1)[0]: "message"}, NOON)
    for day in (date(2024, 2, 29), date(2025, 11, 30), date(2025, 12, 1), DAY):
        await ledger.record_run(record(day))

    assert await ledger.forget(date(2025, 12, 1), 100) == 8

    assert [await ledger.entries(partition) for partition in old] == [{}, {}, {}]
    assert [(await ledger.entries(partition)).keys() for partition in young] == [set(ids(2))] * 3
    assert [found.business_date for found in await ledger.runs(date(2000, 1, 1))] == [date(2025, 12, 1), DAY]
    assert await ledger.forget(date(2025, 12, 1), 100) == 0


async def test_forgetting_begins_with_the_oldest_and_stops_at_the_most_rows_it_may_delete(ledger: Ledger) -> None:
    for partition in ("2025-01-02_0", "2025-01-01_0"):
        for start in (0, 100):
            await ledger.claim(partition, rows(ids(80, start=start)), FIRST, {})
    await ledger.record_run(record(date(2025, 1, 1)))

    counts = [await ledger.forget(date(2026, 1, 1), 150)]
    left = [len(await ledger.entries(partition)) for partition in ("2025-01-01_0", "2025-01-02_0")]
    while counts[-1]:
        counts.append(await ledger.forget(date(2026, 1, 1), 150))

    assert left == [10, 160]
    assert counts == [150, 150, 21, 0]
    assert await ledger.runs(date(2000, 1, 1)) == []


async def test_two_may_forget_at_once(ledger: Ledger) -> None:
    for day in range(1, 6):
        await ledger.claim(f"2025-01-0{day}_0", rows(ids(30)), FIRST, {})
    kept = await claimed(ledger, ids(1))

    async def forget() -> None:
        while await ledger.forget(date(2026, 1, 1), 40):
            pass

    await asyncio.gather(forget(), forget(), forget())

    assert [await ledger.entries(f"2025-01-0{day}_0") for day in range(1, 6)] == [{}] * 5
    assert await ledger.entries(PARTITION) == kept
