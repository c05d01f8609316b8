"""What only the real table does. Its contract is in `tests/contract/`."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from due_notices.adapters import storage_errors
from due_notices.errors import StorageError
from due_notices.ports import Claim, ClaimRow, Storage
from local.stack import LocalStack
from tests.adapters.conftest import OpenStorage
from tests.adapters.faulty_proxy import FaultyProxy, Step
from tests.adapters.storage_access import StorageAccess
from tests.factories import run_report
from tests.fakes import MovableClock

PARTITION = "2026-12-01_-7"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST = Claim("first-run", NOON)
SECOND = Claim("second-run", NOON + timedelta(minutes=11))
IDS = [f"{number:032x}" for number in range(5)]
ROWS = [ClaimRow(identifier, "user", "hash") for identifier in IDS]
RECORD = run_report("2026-11-24", owed=3)
HARMLESS = [Step.ANSWER_LOST, Step.REQUEST_LOST, Step.DONE_500, Step.REFUSED_500, Step.REFUSED_503, Step.REFUSED_429]


async def use(storage: Storage, name: str) -> Any:
    """Call a method of the ledger with ordinary arguments."""
    arguments: tuple[object, ...] = {
        "entries": (PARTITION,),
        "entry": (PARTITION, IDS[0]),
        "claim": (PARTITION, ROWS, FIRST, {}),
        "mark_sent": (PARTITION, {IDS[0]: "message"}, NOON),
        "release": (PARTITION, IDS, FIRST),
        "runs": (date(2026, 1, 1),),
        "record_run": (RECORD,),
        "forget": (date(2027, 1, 1), 100),
    }[name]
    return await getattr(storage.ledger, name)(*arguments)


METHODS = ("entries", "entry", "claim", "mark_sent", "release", "runs", "record_run", "forget")


@pytest.mark.parametrize("method", METHODS)
async def test_a_missing_table_is_said_with_its_remedy(
    storage: Storage, storage_access: StorageAccess, clock: MovableClock, method: str
) -> None:
    storage_access.delete_table()

    with pytest.raises(StorageError) as caught:
        await use(storage, method)

    for hint in (storage_access.name, "TableNotFound", "does not exist", "az storage table create", "LEDGER_TABLE"):
        assert hint in str(caught.value)
    assert clock.waits == []


# The SDK tests the truth of an XML element where a table refuses in XML.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning:azure.data.tables")
@pytest.mark.parametrize("method", METHODS)
async def test_refused_access_is_said_with_its_remedy(
    stack: LocalStack, open_storage: OpenStorage, clock: MovableClock, method: str
) -> None:
    key = stack.azurite.key
    wrong = stack.azurite.connection_string.replace(key, base64.b64encode(b"x" * 64).decode())

    with pytest.raises(StorageError) as caught:
        await use(await open_storage({"NOTICE_STORAGE": wrong}), method)

    for hint in ("refused", "no role helps", "NOTICE_STORAGE"):
        assert hint in str(caught.value)
    assert key not in str(caught.value)
    assert clock.waits == []


@pytest.mark.parametrize("method", METHODS)
async def test_when_nobody_listens_it_is_said_after_some_patience(
    stack: LocalStack, open_storage: OpenStorage, clock: MovableClock, method: str
) -> None:
    nowhere = stack.azurite.connection_string.replace(f":{stack.azurite.ports['table']}/", ":1/")

    with pytest.raises(StorageError, match="no answer: check NOTICE_STORAGE"):
        await use(await open_storage({"NOTICE_STORAGE": nowhere}), method)

    assert len(clock.waits) == storage_errors.ATTEMPTS - 1


@pytest.mark.parametrize("step", HARMLESS)
async def test_a_claim_whose_answer_got_lost_wins_its_rows_by_asking_again(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    table_proxy.plan(step, method="POST")

    assert await use(storage_by_proxy, "claim") == set(IDS)

    entries = await storage_by_proxy.ledger.entries(PARTITION)
    assert {entry.claim for entry in entries.values()} == {FIRST}


@pytest.mark.parametrize("step", HARMLESS)
async def test_a_takeover_whose_answer_got_lost_wins_too(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    ledger = storage_by_proxy.ledger
    await use(storage_by_proxy, "claim")
    lapsed = await ledger.entries(PARTITION)
    table_proxy.plan(step, method="POST")

    assert await ledger.claim(PARTITION, ROWS, SECOND, lapsed) == set(IDS)


@pytest.mark.parametrize("step", [Step.ANSWER_LOST, Step.DONE_500])
async def test_a_chunk_that_is_partly_taken_and_whose_answer_gets_lost_wins_the_rest(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    ledger = storage_by_proxy.ledger
    await ledger.claim(PARTITION, ROWS[:2], SECOND, {})
    table_proxy.plan(Step.PASS, step, method="POST")

    assert await use(storage_by_proxy, "claim") == set(IDS[2:])


@pytest.mark.parametrize("step", HARMLESS)
async def test_marking_sent_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "mark_sent")

    entry = await storage_by_proxy.ledger.entry(PARTITION, IDS[0])
    assert entry is not None
    assert (entry.state, entry.claim, entry.message_id) == ("sent", FIRST, "message")


@pytest.mark.parametrize("step", HARMLESS)
async def test_releasing_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "release")

    assert await storage_by_proxy.ledger.entries(PARTITION) == {}


@pytest.mark.parametrize("step", HARMLESS)
@pytest.mark.parametrize("before", [None, "failed"])
async def test_recording_a_run_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step, before: str | None
) -> None:
    if before is not None:
        await storage_by_proxy.ledger.record_run(run_report(RECORD.business_date, before))
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "record_run")

    assert await storage_by_proxy.ledger.runs(date(2026, 1, 1)) == [RECORD]


@pytest.mark.parametrize("step", HARMLESS)
async def test_forgetting_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    assert await use(storage_by_proxy, "forget") == len(IDS)

    assert await use(storage_by_proxy, "forget") == 0


@pytest.mark.parametrize("step", HARMLESS)
async def test_reading_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, clock: MovableClock, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, step, method="GET")

    assert len(await use(storage_by_proxy, "entries")) == len(IDS)

    assert clock.waits
    assert table_proxy.count("GET", "") == 3


async def test_a_table_that_stays_busy_is_given_up_in_good_time(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, clock: MovableClock
) -> None:
    table_proxy.plan(*[Step.REFUSED_503] * 20)

    with pytest.raises(StorageError, match="the service is unwell"):
        await use(storage_by_proxy, "claim")

    assert len(table_proxy.seen) == storage_errors.ATTEMPTS
    assert sum(clock.waits) < 30


async def test_a_row_holds_nothing_personal_but_the_users_id(storage: Storage, storage_access: StorageAccess) -> None:
    await use(storage, "claim")
    await use(storage, "mark_sent")

    row = next(row for row in storage_access.rows() if row["RowKey"] == IDS[0])

    assert row.keys() == {
        "PartitionKey",
        "RowKey",
        "state",
        "claimId",
        "claimedAt",
        "userId",
        "messageHash",
        "sentAt",
        "messageId",
    }


@pytest.mark.parametrize("method", METHODS)
async def test_a_404_from_in_between_is_no_missing_table(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, method: str
) -> None:
    table_proxy.plan(*[Step.NOT_FOUND] * 2)

    with pytest.raises(StorageError, match="something between here and the service answered"):
        await use(storage_by_proxy, method)


@pytest.mark.parametrize("step", [Step.PAGE, Step.REDIRECTED, Step.EMPTY_CREATED, Step.EMPTY_ACCEPTED])
@pytest.mark.parametrize("method", ["claim", "mark_sent", "record_run"])
async def test_an_answer_that_is_not_the_services_own_word_is_no_success(
    storage_by_proxy: Storage, storage_access: StorageAccess, table_proxy: FaultyProxy, method: str, step: Step
) -> None:
    table_proxy.plan(*[step] * storage_errors.ATTEMPTS, method="POST")

    with pytest.raises(StorageError):
        await use(storage_by_proxy, method)

    assert storage_access.rows() == []


async def test_a_transaction_whose_answer_says_nothing_is_asked_for_again(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    table_proxy.plan(Step.EMPTY_ACCEPTED, method="POST")

    assert await use(storage_by_proxy, "claim") == set(IDS)
