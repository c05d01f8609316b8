"""What people on duty ask of ledger and queue: the notices of a period, and a look that touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from due_notices.ports import Claim, Ledger, NoticeQueue, PastNotice
from tests.contract.ledger_rows import (
    DUE,
    FIRST,
    NEVER,
    NOON,
    PARTITION,
    TODAY,
    claim_rows,
    claimed,
    key,
    keys,
    past,
    sent,
)
from tests.factories import run_report

DAY = timedelta(days=1)


async def history(ledger: Ledger, first: date = TODAY, last: date = TODAY, user: str | None = None) -> list[PastNotice]:
    return [each async for some in ledger.history(first, last, user) for each in some]


async def test_an_empty_ledger_has_no_history(ledger: Ledger) -> None:
    assert await history(ledger) == []


async def test_history_has_what_was_sent_whole(ledger: Ledger) -> None:
    await sent(ledger, keys(1))

    assert await history(ledger) == [await past(ledger, key(0))]


async def test_history_goes_by_the_business_date_of_the_run_whatever_the_hour(ledger: Ledger) -> None:
    for number, days in enumerate((-1, 0, 1, 2)):
        await sent(ledger, keys(1, start=number), TODAY + days * DAY)

    found = await history(ledger, TODAY, TODAY + DAY)

    assert [each.business_date for each in found] == [TODAY, TODAY + DAY]


async def test_history_has_claims_that_were_never_marked_sent(ledger: Ledger) -> None:
    await claimed(ledger, keys(1))

    (found,) = await history(ledger)

    assert found.state == "claimed"
    assert found.at == NOON


async def test_history_of_one_user_has_no_other(ledger: Ledger) -> None:
    rows = [replace(row, user_id=user) for row, user in zip(claim_rows(keys(2)), ("alice", "bob's id"), strict=True)]
    await ledger.claim(PARTITION, rows, FIRST, NEVER)

    assert [each.user_id for each in await history(ledger, user="bob's id")] == ["bob's id"]
    assert await history(ledger, user="nobody") == []
    assert await history(ledger, user="x' or userId ne '") == []


async def test_history_has_every_notice_once_in_order_and_no_run(ledger: Ledger) -> None:
    await ledger.take_ownership()
    for due, first in (("2026-12-02", 500), ("2026-12-01", 200), ("2026-12-05", 900)):
        for start in range(first, first + 300, 100):
            await sent(ledger, keys(100, start=start), partition=due)
    await ledger.record_run(run_report(TODAY))

    found = await history(ledger)

    places = [(each.due, each.notice_id) for each in found]
    assert len(places) == 900
    assert places == sorted(places)
    assert len(set(places)) == 900


async def test_more_than_one_page_of_the_service_is_read_to_its_end(ledger: Ledger) -> None:
    for start in range(0, 1200, 100):
        await sent(ledger, keys(100, start=start))

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


async def test_what_claims_with_a_mark_sent_is_counted_by_what_follows_the_mark_and_by_stage(ledger: Ledger) -> None:
    later = DUE + DAY
    for identifier, rows, due in (
        ("run-101-a", [key(0), key(1), key(2, -3)], DUE),
        ("run-101-b", [key(3)], DUE),
        ("run-102-a", [key(4)], later),
        ("run-2", [key(5)], DUE),  # another run's
        ("run-103-a", [key(6)], later + DAY),  # of a due date that is not asked for
    ):
        claim = Claim(identifier, NOON, TODAY)
        await claimed(ledger, rows, claim, due.isoformat())
        await ledger.mark_sent(due.isoformat(), dict.fromkeys(rows, "a message"), claim, NOON)
    await claimed(ledger, [key(7)], Claim("run-101-c", NOON, TODAY))  # never sent

    assert await ledger.sent_by_claims([DUE, later], "run-1") == {("01", -7): 3, ("01", -3): 1, ("02", -7): 1}
    assert await ledger.sent_by_claims([], "run-1") == {}
