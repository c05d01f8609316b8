"""What claims, marks and releases do, in memory and for real."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from due_notices.model import Sent
from due_notices.ports import Claim, ClaimRow, Entry, Ledger, PastNotice
from tests.contract.ledger_rows import (
    DUE,
    FIRST,
    LAPSE,
    NEVER,
    NOON,
    PARTITION,
    SECOND,
    THIRD,
    TODAY,
    claim_rows,
    claimed,
    holders,
    key,
    keys,
    past,
    sent,
    users,
)

LAPSED = NOON + timedelta(seconds=1)  # by which the first claim has lapsed


async def test_an_unknown_due_date_has_nothing(ledger: Ledger) -> None:
    assert await ledger.sent(DUE, users(keys(1)), TODAY) == {}
    assert await ledger.of_user([DUE], key(0)[:16]) == []


async def test_a_claim_wins_what_nobody_has(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))

    assert await holders(ledger, keys(2)) == dict.fromkeys(keys(2), "first")


async def test_a_row_says_who_claimed_what_for_whom_and_when_to_the_microsecond(ledger: Ledger) -> None:
    row = ClaimRow(key(1, 14, 5), "an id", "a'user", has_reference=False, message_hash="a hash")

    await ledger.claim(PARTITION, [row], FIRST, NEVER)

    assert await past(ledger, row.row) == PastNotice(
        notice_id="an id",
        user_id="a'user",
        due=DUE,
        stage=14,
        has_reference=False,
        state="claimed",
        business_date=TODAY,
        claim_id="first",
        claimed_at=NOON,
        message_hash="a hash",
        row=row.row,
    )


async def test_partitions_do_not_know_each_other(ledger: Ledger) -> None:
    await claimed(ledger, keys(1))
    await claimed(ledger, keys(1), SECOND, "2026-12-02")

    assert await holders(ledger, keys(1)) == {key(0): "first"}


async def test_a_second_claimant_wins_nothing_and_learns_since_when_it_is_claimed(ledger: Ledger) -> None:
    await claimed(ledger, keys(3))

    found = await ledger.claim(PARTITION, claim_rows(keys(3)), SECOND, NEVER)

    assert found == dict.fromkeys(keys(3), Entry("claimed", NOON))
    assert await holders(ledger, keys(3)) == dict.fromkeys(keys(3), "first")


async def test_the_same_claim_asked_again_wins_again(ledger: Ledger) -> None:
    await claimed(ledger, keys(3))
    await claimed(ledger, keys(3))

    assert await holders(ledger, keys(3)) == dict.fromkeys(keys(3), "first")


async def test_another_claim_of_the_same_moment_is_another_claim(ledger: Ledger) -> None:
    await claimed(ledger, keys(1))

    assert await ledger.claim(PARTITION, claim_rows(keys(1)), replace(FIRST, id="other"), NEVER)


@pytest.mark.parametrize("taken", [[0], [2], [4], [0, 1], [1, 3], [0, 2, 4], [0, 1, 2, 3]])
async def test_a_partly_taken_chunk_wins_the_rest(ledger: Ledger, taken: list[int]) -> None:
    rows = keys(5)
    theirs = [rows[number] for number in taken]
    await claimed(ledger, theirs)

    found = await ledger.claim(PARTITION, claim_rows(rows), SECOND, NEVER)

    assert found.keys() == set(theirs)
    held = await holders(ledger, rows)
    assert held == {row: "first" if row in theirs else "second" for row in rows}


async def test_what_is_sent_is_not_won_and_says_when_it_was_sent(ledger: Ledger) -> None:
    one, two = keys(2)
    await claimed(ledger, [one])
    await ledger.mark_sent(PARTITION, {one: "message-1"}, FIRST, NOON + LAPSE)

    found = await ledger.claim(PARTITION, claim_rows([one, two]), SECOND, LAPSED)

    assert found == {one: Entry("sent", NOON + LAPSE)}


async def test_a_lapsed_claim_is_taken_over(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))

    assert await ledger.claim(PARTITION, claim_rows(keys(2)), SECOND, LAPSED) == {}

    assert await holders(ledger, keys(2)) == dict.fromkeys(keys(2), "second")


async def test_a_claim_lapses_at_the_very_moment(ledger: Ledger) -> None:
    await claimed(ledger, keys(1))

    assert await ledger.claim(PARTITION, claim_rows(keys(1)), SECOND, NOON - timedelta(microseconds=1))
    assert not await ledger.claim(PARTITION, claim_rows(keys(1)), SECOND, NOON)


async def test_a_takeover_is_the_new_claim_whole(ledger: Ledger) -> None:
    (one,) = keys(1)
    await claimed(ledger, [one])
    later = Claim("later", NOON + timedelta(days=1), TODAY + timedelta(days=1))

    await ledger.claim(PARTITION, [replace(claim_rows([one])[0], message_hash="another")], later, LAPSED)

    found = await past(ledger, one)
    assert found is not None
    assert (found.claim_id, found.claimed_at) == ("later", later.at)
    assert (found.business_date, found.message_hash) == (later.business_date, "another")


async def test_a_takeover_and_new_claims_go_together(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))
    await claimed(ledger, keys(2, start=10), THIRD)
    rows = keys(2) + keys(2, start=5) + keys(2, start=10)

    found = await ledger.claim(PARTITION, claim_rows(rows), SECOND, LAPSED)

    assert found == dict.fromkeys(keys(2, start=10), Entry("claimed", THIRD.at))
    assert await holders(ledger, rows) == dict.fromkeys(rows[:4], "second") | dict.fromkeys(rows[4:], "third")


async def test_the_same_takeover_asked_again_wins_again(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))

    for _ in range(2):
        assert await ledger.claim(PARTITION, claim_rows(keys(2)), SECOND, LAPSED) == {}


@pytest.mark.parametrize(("days", "state"), [(80, "claimed"), (81, "sent"), (300, "sent")])
async def test_a_claim_of_more_than_80_days_ago_counts_as_sent_and_is_not_taken_over(
    ledger: Ledger, days: int, state: str
) -> None:
    await claimed(ledger, keys(1))
    later = Claim("later", NOON + timedelta(days=days), TODAY + timedelta(days=days))

    known = await ledger.sent(DUE, users(keys(1)), later.business_date)
    held = await ledger.claim(PARTITION, claim_rows(keys(1)), later, later.at - LAPSE)

    if state == "sent":
        assert known == {key(0)[:16]: {key(0)[16:32]: Sent({-7: TODAY}, has_reference=True)}}
        assert held == {key(0): Entry("sent", NOON)}
    else:
        assert (known, held) == ({}, {})


@pytest.mark.parametrize("claimants", [2, 4])
async def test_of_concurrent_claimants_each_row_has_one_winner(ledger: Ledger, claimants: int) -> None:
    rows = keys(20)
    claims = [Claim(f"claim-{number}", NOON, TODAY) for number in range(claimants)]

    lost = await asyncio.gather(*(ledger.claim(PARTITION, claim_rows(rows), claim, NEVER) for claim in claims))

    held = await holders(ledger, rows)
    assert held.keys() == set(rows)
    for claim, found in zip(claims, lost, strict=True):
        assert {row for row, holder in held.items() if holder == claim.id} == set(rows) - found.keys()


async def test_of_two_concurrent_takeovers_one_wins(ledger: Ledger) -> None:
    await claimed(ledger, keys(10))

    lost = await asyncio.gather(
        *(ledger.claim(PARTITION, claim_rows(keys(10)), claim, LAPSED) for claim in (SECOND, THIRD))
    )

    assert sorted(map(len, lost)) == [0, 10]


async def test_released_rows_can_be_claimed_again(ledger: Ledger) -> None:
    await claimed(ledger, keys(3))

    await ledger.release(PARTITION, keys(2), FIRST)

    assert await holders(ledger, keys(3)) == {key(2): "first"}
    assert (await ledger.claim(PARTITION, claim_rows(keys(3)), SECOND, NEVER)).keys() == {key(2)}


async def test_releasing_what_was_taken_over_puts_the_older_claim_back(ledger: Ledger) -> None:
    one, two = keys(2)
    await claimed(ledger, [one, two])
    before = await past(ledger, one)
    later = replace(SECOND, at=NOON + LAPSE)
    assert await ledger.claim(PARTITION, claim_rows([one, two]), later, NOON) == {}

    await ledger.release(PARTITION, [one], later)

    assert await past(ledger, one) == before
    assert await holders(ledger, [one, two]) == {one: "first", two: later.id}
    assert await ledger.claim(PARTITION, claim_rows([one]), THIRD, NOON) == {}
    await ledger.release(PARTITION, [one], THIRD)
    assert await past(ledger, one) == before


async def test_a_claim_is_released_only_by_itself(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))

    await ledger.release(PARTITION, keys(2), SECOND)

    assert await holders(ledger, keys(2)) == dict.fromkeys(keys(2), "first")


async def test_what_is_sent_is_not_released(ledger: Ledger) -> None:
    one, two = keys(2)
    await claimed(ledger, [one, two])
    await ledger.mark_sent(PARTITION, {one: "message-1"}, FIRST, NOON)

    await ledger.release(PARTITION, [one, two], FIRST)

    assert (await holders(ledger, [one, two])).keys() == {one}


async def test_releasing_what_is_not_there_does_nothing(ledger: Ledger) -> None:
    await claimed(ledger, keys(1))

    await ledger.release(PARTITION, keys(3, start=1), FIRST)
    await ledger.release(PARTITION, keys(1), FIRST)
    await ledger.release(PARTITION, keys(1), FIRST)

    assert await holders(ledger, keys(4)) == {}


async def test_marking_sent_keeps_the_claim_and_adds_the_message(ledger: Ledger) -> None:
    (one,) = keys(1)
    await claimed(ledger, [one])
    before = await past(ledger, one)
    assert before is not None
    at = NOON + timedelta(seconds=3, microseconds=7)

    await ledger.mark_sent(PARTITION, {one: "message-1"}, FIRST, at)

    assert await past(ledger, one) == replace(before, state="sent", sent_at=at, message_id="message-1")


async def test_marking_sent_overwrites_whatever_is_there_and_survives_repetition(ledger: Ledger) -> None:
    theirs, unclaimed = keys(2)
    await claimed(ledger, [theirs], SECOND)

    for _ in range(2):
        await ledger.mark_sent(PARTITION, {theirs: "message-1", unclaimed: "message-2"}, FIRST, NOON)

    found = [await past(ledger, row) for row in (theirs, unclaimed)]
    assert [(each.state, each.message_id) for each in found if each is not None] == [
        ("sent", "message-1"),
        ("sent", "message-2"),
    ]
    assert (await ledger.sent(DUE, users([unclaimed]), TODAY)).keys() == users([unclaimed])


async def test_a_hundred_rows_at_once(ledger: Ledger) -> None:
    rows = keys(100)

    await claimed(ledger, rows)
    await ledger.mark_sent(PARTITION, {row: f"message-{row}" for row in rows[:60]}, FIRST, NOON)
    await ledger.release(PARTITION, rows, FIRST)

    assert (await ledger.sent(DUE, users(rows), TODAY)).keys() == users(rows[:60])
    assert (await holders(ledger, rows)).keys() == set(rows[:60])


async def test_no_rows_at_all_are_accepted(ledger: Ledger) -> None:
    assert await ledger.claim(PARTITION, [], FIRST, NEVER) == {}
    await ledger.mark_sent(PARTITION, {}, FIRST, NOON)
    await ledger.release(PARTITION, [], FIRST)

    assert await ledger.sent(DUE, users(keys(1)), TODAY) == {}


async def test_what_was_sent_comes_by_user_obligation_and_stage_with_its_day(ledger: Ledger) -> None:
    days = [date(2026, 11, 24), date(2026, 11, 28), date(2026, 12, 1), date(2026, 12, 15)]
    for stage, day in zip((-7, -3, 0, 14), days, strict=True):
        await sent(ledger, [key(1, stage, 5)], day)
    await sent(ledger, [key(1, -7, 6), key(2, -7, 5)], days[0], has_reference=False)

    found = await ledger.sent(DUE, users(keys(4)), TODAY)

    assert found == {
        key(1)[:16]: {
            f"{5:016x}": Sent(dict(zip((-7, -3, 0, 14), days, strict=True)), has_reference=True),
            f"{6:016x}": Sent({-7: days[0]}, has_reference=False),
        },
        key(2)[:16]: {f"{5:016x}": Sent({-7: days[0]}, has_reference=False)},
    }


async def test_only_what_concerns_the_users_in_question_is_kept(ledger: Ledger) -> None:
    await sent(ledger, keys(5))

    assert (await ledger.sent(DUE, users(keys(2, start=3)), TODAY)).keys() == users(keys(2, start=3))
    assert await ledger.sent(DUE, (), TODAY) == {}


async def test_a_claim_that_was_never_marked_is_not_sent(ledger: Ledger) -> None:
    await claimed(ledger, keys(2))
    await ledger.mark_sent(PARTITION, {key(0): "message"}, FIRST, NOON)

    assert (await ledger.sent(DUE, users(keys(2)), TODAY)).keys() == users(keys(1))


async def test_a_partition_may_be_larger_than_a_page_of_the_service(ledger: Ledger) -> None:
    rows = keys(1100)
    for start in range(0, 1100, 100):
        await sent(ledger, rows[start : start + 100])

    found = await ledger.sent(DUE, users(rows), TODAY)

    assert found.keys() == users(rows)


async def test_a_user_has_their_own_rows_and_no_other(ledger: Ledger) -> None:
    await sent(ledger, [key(1, -7), key(1, 0), key(1, 3, 9), key(2), key(0x10)])

    assert [each.stage for each in await ledger.of_user([DUE], key(1)[:16])] == [-7, 0, 3]
    assert await ledger.of_user([date(2026, 12, 2)], key(1)[:16]) == []
    assert await ledger.of_user([], key(1)[:16]) == []


async def test_a_user_is_asked_about_many_due_dates_at_once(ledger: Ledger) -> None:
    days = [DUE + timedelta(days=7 * number) for number in range(20)]
    for day in days:
        await sent(ledger, [key(1, -7), key(1, 0, 9), key(2)], partition=day.isoformat())
    wanted = {*days[::3], days[1], date(2020, 1, 1), date(9999, 12, 31)}

    found = await ledger.of_user(wanted, key(1)[:16])

    assert [(each.due, each.row) for each in found] == [
        (day, row) for day in sorted({*days[::3], days[1]}) for row in (key(1, -7), key(1, 0, 9))
    ]
