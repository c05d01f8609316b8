"""What the ledger keeps besides notices: runs, and whose it is; and what it forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from due_notices.errors import StorageError
from due_notices.ownership import Deployment
from due_notices.ports import Ledger
from due_notices.report import RunReport
from tests.contract.ledger_rows import DUE, FIRST, NOON, TODAY, claimed, holders, keys, sent, users
from tests.factories import run_report
from tests.fakes import MovableClock

EVER = date(2000, 1, 1)
LedgerOf = Callable[[Deployment], Ledger]


def record(day: date, outcome: str = "completed", run_id: str = "run", **figures: Any) -> RunReport:
    report = run_report(day, outcome, **{"owed": 3, "skipped": {"paid": 1}, "at": NOON, **figures})
    report.run_id = run_id
    return report


async def test_no_runs_at_first(ledger: Ledger) -> None:
    assert await ledger.runs(EVER) == []


async def test_runs_come_back_whole_from_a_day_on_the_oldest_first(ledger: Ledger) -> None:
    days = [DUE + timedelta(days=offset) for offset in (3, 0, 40, -1, 1)]
    for day in days:
        await ledger.record_run(record(day, note="täglich – ÜÄ\n", seconds={"read": 1.5}))

    found = await ledger.runs(DUE)

    assert found == [record(day, note="täglich – ÜÄ\n", seconds={"read": 1.5}) for day in sorted(days)[1:]]


async def test_each_run_of_a_day_has_its_row_in_the_order_of_time(ledger: Ledger) -> None:
    ends: list[tuple[str, datetime]] = [("b", NOON), ("c", NOON + timedelta(hours=2)), ("a", NOON + timedelta(hours=1))]
    for run_id, at in ends:
        await ledger.record_run(record(TODAY, "failed", run_id, at=at))

    assert [run.run_id for run in await ledger.runs(TODAY)] == ["b", "a", "c"]


async def test_a_run_that_ends_takes_the_place_of_its_beginning_and_of_no_other_run(ledger: Ledger) -> None:
    await ledger.record_run(record(TODAY, "completed", "first"))
    await ledger.record_run(record(TODAY, "began", "second", at=NOON + timedelta(hours=1)))
    began = [run.outcome for run in await ledger.runs(TODAY)]
    for _ in range(2):
        await ledger.record_run(record(TODAY, "failed", "second", at=NOON + timedelta(hours=2)))

    assert began == ["completed", "began"]
    assert [run.outcome for run in await ledger.runs(TODAY)] == ["completed", "failed"]


async def test_name_counts_come_back_when_they_are_asked_for_and_never_with_the_runs(ledger: Ledger) -> None:
    counts = {"'": 1, "a": 5, "ab": 7}
    await ledger.record_run(record(TODAY, run_id="first", name_counts={"z": 9}))
    await ledger.record_run(record(TODAY, run_id="first", name_counts=counts))
    await ledger.record_run(record(TODAY, run_id="second"))

    first, second = await ledger.runs(TODAY)

    assert first.name_counts == second.name_counts == {}
    assert await ledger.name_counts(first) == counts
    assert await ledger.name_counts(second) == {}
    assert await ledger.name_counts(record(TODAY, run_id="never recorded")) == {}


async def test_runs_recorded_at_once_are_all_there(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.record_run(record(TODAY, run_id=f"run-{number}")) for number in range(8)))

    assert len(await ledger.runs(TODAY)) == 8


async def test_runs_are_no_notices_and_notices_no_runs(ledger: Ledger) -> None:
    await ledger.take_ownership()
    await sent(ledger, keys(2))
    await ledger.record_run(record(TODAY))

    assert len(await ledger.runs(EVER)) == 1
    assert (await ledger.sent(DUE, users(keys(9)), TODAY)).keys() == users(keys(2))
    assert [past.due async for some in ledger.history(EVER, DUE) for past in some] == [DUE, DUE]


async def test_an_empty_ledger_belongs_to_no_deployment_and_reading_does_not_take_it(
    ledger: Ledger, ledger_of: LedgerOf
) -> None:
    await ledger.check_owner()

    await ledger_of(Deployment("another", "attribute", "queue")).take_ownership()

    with pytest.raises(StorageError, match="belongs to another deployment"):
        await ledger.check_owner()


async def test_a_ledger_stays_with_who_took_it(ledger: Ledger) -> None:
    for _ in range(2):
        await ledger.take_ownership()
    await sent(ledger, keys(1))
    await ledger.record_run(record(TODAY))

    await ledger.take_ownership()
    await ledger.check_owner()


@pytest.mark.parametrize("field", Deployment._fields)
async def test_the_ledger_of_another_deployment_is_refused_with_its_name_and_the_remedy(
    ledger: Ledger, ledger_of: LedgerOf, mine: Deployment, field: str
) -> None:
    await ledger.take_ownership()
    other = ledger_of(mine._replace(**{field: "another's"}))

    for use in (other.check_owner, other.take_ownership):
        with pytest.raises(StorageError) as caught:
            await use()
        for hint in (field, getattr(mine, field), "another's", "LEDGER_TABLE"):
            assert hint in str(caught.value)
    await ledger.check_owner()


async def test_the_attribute_may_change_its_case(ledger: Ledger, ledger_of: LedgerOf, mine: Deployment) -> None:
    await ledger.take_ownership()

    await ledger_of(mine._replace(attribute=mine.attribute.swapcase())).check_owner()


@pytest.mark.parametrize("field", ["attribute", "queue"])
async def test_a_changed_attribute_or_queue_can_be_accepted_and_is_from_then_on_the_right_one(
    ledger: Ledger, ledger_of: LedgerOf, mine: Deployment, field: str
) -> None:
    await ledger.take_ownership()
    renamed = ledger_of(mine._replace(**{field: "renamed"}))

    await renamed.take_ownership(accept=True)

    await renamed.check_owner()
    with pytest.raises(StorageError):
        await ledger.check_owner()


async def test_another_tenant_is_never_accepted(ledger: Ledger, ledger_of: LedgerOf, mine: Deployment) -> None:
    await ledger.take_ownership()

    with pytest.raises(StorageError, match="tenant"):
        await ledger_of(mine._replace(tenant="another")).take_ownership(accept=True)


@pytest.mark.parametrize("accept", [False, True])
async def test_rows_that_do_not_say_whose_they_are_are_refused_and_stay_without_an_owner(
    ledger: Ledger, *, accept: bool
) -> None:
    await claimed(ledger, keys(1))

    for _ in range(2):
        with pytest.raises(StorageError, match="does not say which deployment they belong to"):
            await ledger.take_ownership(accept=accept)
    with pytest.raises(StorageError, match="LEDGER_TABLE"):
        await ledger.check_owner()


async def test_of_two_that_take_an_empty_ledger_at_once_one_has_it(ledger_of: LedgerOf, mine: Deployment) -> None:
    others = [ledger_of(mine._replace(queue=f"queue-{number}")) for number in range(4)]

    ended = await asyncio.gather(*(each.take_ownership() for each in others), return_exceptions=True)

    assert sum(result is None for result in ended) == 1
    assert {type(result) for result in ended if result is not None} == {StorageError}


async def test_forgetting_takes_what_was_due_before_a_day_and_sent_before_another(ledger: Ledger) -> None:
    long_ago, lately = date(2026, 1, 1), date(2026, 6, 1)
    for due, day in (("2025-11-30", long_ago), ("2024-12-31", long_ago), ("2025-12-01", long_ago)):
        await sent(ledger, keys(2), day, due)
    await sent(ledger, keys(1, start=2), lately, "2025-11-30")
    await claimed(ledger, keys(1, start=3), FIRST, "2025-11-30")
    for day in (date(2024, 2, 29), date(2025, 11, 30), date(2025, 12, 1), TODAY):
        await ledger.record_run(record(day))

    assert await ledger.forget(date(2025, 12, 1), lately) == 6

    left = [
        (past.due.isoformat(), int(past.user_id.removeprefix("user-")))
        async for some in ledger.history(EVER, DUE)
        for past in some
    ]
    assert left == [("2025-11-30", 2), ("2025-11-30", 3), ("2025-12-01", 0), ("2025-12-01", 1)]
    assert [found.business_date for found in await ledger.runs(EVER)] == [date(2025, 12, 1), TODAY]
    assert await ledger.forget(date(2025, 12, 1), lately) == 0


async def test_all_that_is_old_is_forgotten_at_once_as_long_as_there_is_time(
    ledger: Ledger, clock: MovableClock
) -> None:
    for due in ("2025-01-01", "2025-01-02"):
        await sent(ledger, keys(80), partition=due)
        await sent(ledger, keys(50, start=80), partition=due)
    await ledger.record_run(record(date(2025, 1, 1)))
    when = (date(2026, 1, 1), DUE)
    clock.move(seconds=60)

    assert await ledger.forget(*when, until=59.0) == 0
    assert len(await ledger.sent(date(2025, 1, 1), users(keys(130)), TODAY)) == 130
    assert await ledger.forget(*when, until=60.0) == 261
    assert [past async for some in ledger.history(EVER, DUE) for past in some] == []
    assert await ledger.runs(EVER) == []


async def test_two_may_forget_at_once(ledger: Ledger) -> None:
    for day in range(1, 6):
        await sent(ledger, keys(30), partition=f"2025-01-0{day}")
    await claimed(ledger, keys(1))

    await asyncio.gather(*(ledger.forget(date(2026, 1, 1), DUE) for _ in range(3)))

    assert [past.due async for some in ledger.history(EVER, DUE) for past in some] == [DUE]
    assert await holders(ledger, keys(1)) == {keys(1)[0]: "first"}
