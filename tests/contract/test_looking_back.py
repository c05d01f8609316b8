"""What people on duty ask of ledger and queue: the notices of a period, and a look that touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from due_notices.ports import Claim, ClaimRow, Ledger, NoticeQueue, PastNotice
from tests.factories import run_report

NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE, BOB = "alice", "bob's id"


def identifier(number: int) -> str:
    return f"{number:032x}"


async def sent(ledger: Ledger, partition: str, *numbers: int, at: datetime = NOON, user: str = ALICE) -> None:
    rows = [ClaimRow(identifier(number), user, f"hash-{number}") for number in numbers]
    await ledger.claim(partition, rows, Claim("run", at - timedelta(seconds=2)), {})
    await ledger.mark_sent(partition, {row.notice_id: f"message-{row.notice_id[-2:]}" for row in rows}, at)


async def history(
    ledger: Ledger, since: datetime = NOON - DAY, until: datetime = NOON + DAY, user: str | None = None
) -> list[PastNotice]:
    return [past async for some in ledger.history(since, until, user) for past in some]


async def test_an_empty_ledger_has_no_history(ledger: Ledger) -> None:
    assert await history(ledger) == []


async def test_history_tells_what_was_sent_when_and_the_message_that_it_was(ledger: Ledger) -> None:
    await sent(ledger, "2026-12-01_-7", 1)

    (past,) = await history(ledger)

    assert (past.due, past.stage, past.at, past.message_hash) == (date(2026, 12, 1), -7, NOON, "hash-1")
    assert past.entry == await ledger.entry("2026-12-01_-7", identifier(1))


async def test_history_begins_with_its_first_moment_and_ends_before_its_last(ledger: Ledger) -> None:
    moments = (NOON - timedelta(microseconds=1), NOON, NOON + DAY - timedelta(microseconds=1), NOON + DAY)
    for number, moment in enumerate(moments):
        await sent(ledger, "2026-12-01_0", number, at=moment)

    found = await history(ledger, NOON, NOON + DAY)

    assert [past.entry.notice_id for past in found] == [identifier(1), identifier(2)]


async def test_history_goes_by_the_day_of_sending_and_not_by_that_of_the_claim(ledger: Ledger) -> None:
    row = ClaimRow(identifier(1), ALICE, "hash")
    await ledger.claim("2026-12-01_0", [row], Claim("run", NOON - 2 * DAY), {})
    await ledger.mark_sent("2026-12-01_0", {identifier(1): "message"}, NOON)

    assert len(await history(ledger, NOON, NOON + DAY)) == 1
    assert await history(ledger, NOON - 3 * DAY, NOON - DAY) == []


async def test_history_has_claims_that_were_never_marked_sent(ledger: Ledger) -> None:
    await ledger.claim("2026-12-01_0", [ClaimRow(identifier(1), ALICE, "hash")], Claim("run", NOON), {})

    (past,) = await history(ledger)

    assert past.entry.state == "claimed"
    assert past.at == NOON


async def test_history_of_one_user_has_no_other(ledger: Ledger) -> None:
    await sent(ledger, "2026-12-01_0", 1, user=ALICE)
    await sent(ledger, "2026-12-01_0", 2, user=BOB)

    assert [past.entry.user_id for past in await history(ledger, user=BOB)] == [BOB]
    assert await history(ledger, user="nobody") == []
    assert await history(ledger, user="x' or userId ne '") == []


async def test_history_has_every_notice_once_in_order_and_no_run(ledger: Ledger) -> None:
    for partition, first in (("2026-12-02_0", 500), ("2026-12-01_-7", 200), ("2026-12-01_3", 900)):
        for start in range(first, first + 300, 100):
            await sent(ledger, partition, *range(start, start + 100))
    await ledger.record_run(run_report(NOON.date()))

    found = await history(ledger)

    places = [(past.due.isoformat(), str(past.stage), past.entry.notice_id) for past in found]
    assert len(places) == 900
    assert places == sorted(places)
    assert len(set(places)) == 900


async def test_more_than_one_page_of_the_service_is_read_to_its_end(ledger: Ledger) -> None:
    for start in range(0, 1200, 100):
        await sent(ledger, "2026-12-01_0", *range(start, start + 100))

    assert len(await history(ledger)) == 1200


async def test_a_look_counts_and_leaves_everything_where_it_is(
    queue: NoticeQueue, texts: Callable[[], list[str]]
) -> None:
    before = await queue.look()
    for text in "abc":
        await queue.send(text)

    looks = [await queue.look() for _ in range(3)]

    assert (before.queue.count, before.queue.oldest, before.queue.problem) == (0, None, None)
    assert [(look.queue.count, look.poison.count) for look in looks] == [(3, 0)] * 3
    assert texts() == ["a", "b", "c"]
