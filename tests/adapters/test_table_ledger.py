"""What only the real table does. Its contract is in `tests/contract/`."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections import defaultdict
from datetime import date
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from azure.data.tables import TableClient

from due_notices.adapters.retries import STORAGE, Pace
from due_notices.adapters.table_ledger import TableLedger
from due_notices.errors import StorageError
from due_notices.ports import Entry, Storage
from local.stack import LocalStack
from tests.adapters.conftest import OpenStorage
from tests.adapters.faulty_proxy import FaultyProxy, Step
from tests.adapters.storage_access import StorageAccess
from tests.contract.ledger_rows import (
    DUE,
    FIRST,
    NEVER,
    NOON,
    PARTITION,
    SECOND,
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
from tests.factories import run_report
from tests.fakes import MovableClock

ROWS = keys(5)
RECORD = run_report("2026-11-24", owed=3, at=NOON)
EVER = date(2026, 1, 1)
HARMLESS = [Step.ANSWER_LOST, Step.REQUEST_LOST, Step.DONE_500, Step.REFUSED_500, Step.REFUSED_503, Step.REFUSED_429]


async def use(storage: Storage, name: str) -> Any:
    """Call a method of the ledger with ordinary arguments."""
    if name == "history":
        return [each async for some in storage.ledger.history(EVER, DUE) for each in some]
    arguments: tuple[object, ...] = {
        "check_owner": (),
        "take_ownership": (),
        "sent": (DUE, users(ROWS), TODAY),
        "of_user": ([DUE], ROWS[0][:16]),
        "claim": (PARTITION, claim_rows(ROWS), FIRST, NEVER),
        "mark_sent": (PARTITION, {ROWS[0]: "message"}, FIRST, NOON),
        "release": (PARTITION, ROWS, FIRST),
        "runs": (EVER,),
        "record_run": (RECORD,),
        "forget": (date(2027, 1, 1), date(2027, 1, 1)),
    }[name]
    return await getattr(storage.ledger, name)(*arguments)


METHODS = (
    *("check_owner", "take_ownership", "sent", "of_user", "claim", "mark_sent", "release", "runs", "record_run"),
    *("history", "forget"),
)


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


@pytest.mark.parametrize("method", METHODS)
async def test_refused_access_is_said_with_its_remedy(
    stack: LocalStack, open_storage: OpenStorage, clock: MovableClock, method: str
) -> None:
    account_key = stack.azurite.key
    wrong = stack.azurite.connection_string.replace(account_key, base64.b64encode(b"x" * 64).decode())

    with pytest.raises(StorageError) as caught:
        await use(await open_storage({"NOTICE_STORAGE": wrong}), method)

    for hint in ("refused", "no role helps", "NOTICE_STORAGE"):
        assert hint in str(caught.value)
    assert account_key not in str(caught.value)
    assert clock.waits == []


@pytest.mark.parametrize("method", sorted({*METHODS} - {"release"}))  # which looks at its rows several at a time
async def test_where_no_server_listens_the_error_comes_after_some_tries(
    stack: LocalStack, open_storage: OpenStorage, clock: MovableClock, method: str
) -> None:
    nowhere = stack.azurite.connection_string.replace(f":{stack.azurite.ports['table']}/", ":1/")

    with pytest.raises(StorageError, match=r"no answer from 127\.0\.0\.1:1: check NOTICE_STORAGE"):
        await use(await open_storage({"NOTICE_STORAGE": nowhere}), method)

    assert len(clock.waits) == STORAGE.attempts - 1


async def test_a_partition_that_was_busy_is_written_no_more_than_it_is_made_for_and_others_are_as_before(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, clock: MovableClock
) -> None:
    ledger = storage_by_proxy.ledger
    vars(ledger)["_paces"] = defaultdict(lambda: Pace(clock, target=8 * len(ROWS)))
    table_proxy.plan(Step.REFUSED_503, method="POST")
    await ledger.mark_sent(PARTITION, dict.fromkeys(ROWS, "message"), FIRST, NOON)
    clock.waits.clear()

    for _ in range(4):
        await ledger.mark_sent("2026-12-02", dict.fromkeys(ROWS, "message"), FIRST, NOON)
    assert clock.waits == []
    for _ in range(4):
        await ledger.mark_sent(PARTITION, dict.fromkeys(ROWS, "message"), FIRST, NOON)
    assert sum(clock.waits) == pytest.approx(2 / 8, abs=0.05)


@pytest.mark.parametrize("step", HARMLESS)
async def test_a_claim_whose_answer_got_lost_wins_its_rows_by_asking_again(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    table_proxy.plan(step, method="POST")

    assert await use(storage_by_proxy, "claim") == {}

    assert await holders(storage_by_proxy.ledger, ROWS) == dict.fromkeys(ROWS, "first")


@pytest.mark.parametrize("step", HARMLESS)
async def test_a_takeover_whose_answer_got_lost_wins_too(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    ledger = storage_by_proxy.ledger
    await use(storage_by_proxy, "claim")
    table_proxy.plan(Step.PASS, step, method="POST")

    assert await ledger.claim(PARTITION, claim_rows(ROWS), SECOND, NOON) == {}

    assert await holders(ledger, ROWS) == dict.fromkeys(ROWS, "second")


@pytest.mark.parametrize("step", [Step.ANSWER_LOST, Step.DONE_500])
async def test_a_chunk_that_is_partly_taken_and_whose_answer_gets_lost_wins_the_rest(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await claimed(storage_by_proxy.ledger, ROWS[:2], SECOND)
    table_proxy.plan(Step.PASS, step, method="POST")

    assert (await use(storage_by_proxy, "claim")).keys() == set(ROWS[:2])


@pytest.mark.parametrize("step", HARMLESS)
async def test_marking_sent_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "mark_sent")

    found = await past(storage_by_proxy.ledger, ROWS[0])
    assert found is not None
    assert (found.state, found.claim_id, found.message_id) == ("sent", "first", "message")


@pytest.mark.parametrize("step", HARMLESS)
async def test_releasing_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "release")

    assert await holders(storage_by_proxy.ledger, ROWS) == {}


@pytest.mark.parametrize("step", HARMLESS)
@pytest.mark.parametrize("before", [None, "began"])
async def test_recording_a_run_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step, before: str | None
) -> None:
    if before is not None:
        await storage_by_proxy.ledger.record_run(run_report(RECORD.business_date, before))
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "record_run")

    assert await storage_by_proxy.ledger.runs(EVER) == [RECORD]


@pytest.mark.parametrize("step", HARMLESS)
async def test_taking_an_empty_ledger_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    table_proxy.plan(step, method="POST")

    await use(storage_by_proxy, "take_ownership")

    await use(storage_by_proxy, "check_owner")


@pytest.mark.parametrize("step", HARMLESS)
async def test_forgetting_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await use(storage_by_proxy, "claim")
    table_proxy.plan(step, method="POST")

    assert await use(storage_by_proxy, "forget") == len(ROWS)

    assert await use(storage_by_proxy, "forget") == 0


@pytest.mark.parametrize("step", HARMLESS)
async def test_reading_survives_a_lost_answer(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, clock: MovableClock, step: Step
) -> None:
    await sent(storage_by_proxy.ledger, ROWS)
    table_proxy.plan(step, step, method="GET")

    assert (await use(storage_by_proxy, "sent")).keys() == users(ROWS)

    assert clock.waits
    assert table_proxy.count("GET", "") == 3


async def test_a_page_that_fails_is_asked_again_and_no_other(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    rows = [f"{hashlib.sha256(key.encode()).hexdigest()[:16]}{key[16:]}" for key in keys(3_100)]  # as digests spread
    for start in range(0, len(rows), 100):
        await sent(storage_by_proxy.ledger, rows[start : start + 100])
    table_proxy.plan(*[Step.PASS, Step.REFUSED_503] * 2, Step.REFUSED_503, Step.PASS, Step.ANSWER_LOST, method="GET")

    found = await storage_by_proxy.ledger.sent(DUE, users(rows), TODAY)

    assert found.keys() == users(rows)
    asked = [seen for seen in table_proxy.seen if seen.startswith("GET")]
    assert len(asked) == 4 + 4
    assert [len(list(same)) for _, same in itertools.groupby(asked)] == [1, 2, 3, 2]


async def test_of_a_partition_only_what_is_needed_is_read(storage_by_proxy: Storage, table_proxy: FaultyProxy) -> None:
    await sent(storage_by_proxy.ledger, ROWS)

    await use(storage_by_proxy, "sent")

    (asked,) = [parse_qs(urlsplit(seen).query) for seen in table_proxy.seen if seen.startswith("GET")]
    assert asked["$filter"] == ["PartitionKey eq '2026-12-01'"]
    assert set(asked["$select"][0].split(",")) == {"RowKey", "state", "businessDate", "hasReference"}


async def test_a_row_in_the_way_makes_the_rows_in_question_read_and_no_others(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    ledger = storage_by_proxy.ledger
    everything = keys(1_500)
    for start in range(0, len(everything), 100):
        await claimed(ledger, everything[start : start + 100])
    chunk = [key(number * 15, stage=0) for number in range(99)] + [everything[700]]  # from all over the partition

    found = await ledger.claim(PARTITION, claim_rows(chunk), SECOND, NEVER)

    assert found == {everything[700]: Entry("claimed", NOON)}
    asked = [unquote(seen) for seen in table_proxy.seen if seen.startswith("GET")]
    assert len(asked) == len(chunk)
    assert {row for seen in asked for row in re.findall("RowKey='(.*?)'", seen)} == set(chunk)


async def test_a_table_that_stays_busy_is_given_up_in_good_time(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, clock: MovableClock
) -> None:
    table_proxy.plan(*[Step.REFUSED_503] * 20)

    with pytest.raises(StorageError, match="the service failed or is overloaded"):
        await use(storage_by_proxy, "claim")

    assert len(table_proxy.seen) == STORAGE.attempts
    assert sum(clock.waits) < 30


async def test_a_row_holds_nothing_personal_but_the_users_id(storage: Storage, storage_access: StorageAccess) -> None:
    await use(storage, "claim")
    await use(storage, "mark_sent")

    row = next(row for row in storage_access.rows() if row["RowKey"] == ROWS[0])

    assert row.keys() == {
        "PartitionKey",
        "RowKey",
        "noticeId",
        "userId",
        "hasReference",
        "state",
        "claimId",
        "claimedAt",
        "businessDate",
        "messageHash",
        "sentAt",
        "messageId",
    }


def put(storage_access: StorageAccess, stack: LocalStack, row: dict[str, Any]) -> None:
    """Write a row that this program did not write."""
    text = stack.azurite.connection_string
    with TableClient.from_connection_string(text, storage_access.name, use_env_settings=False) as table:
        table.create_entity(row)


@pytest.mark.parametrize(
    "row",
    [
        {"PartitionKey": "2026-12-01_-7", "RowKey": "0" * 32, "state": "sent", "claimId": "a run"},
        {"PartitionKey": "runs", "RowKey": "2026-11-24", "outcome": "completed", "report": "{}"},
        {"PartitionKey": "anything", "RowKey": "else"},
    ],
    ids=lambda row: row["PartitionKey"],
)
@pytest.mark.parametrize("method", ["check_owner", "take_ownership"])
async def test_rows_of_an_older_version_or_of_another_program_are_refused_in_one_sentence(
    stack: LocalStack, storage: Storage, storage_access: StorageAccess, method: str, row: dict[str, Any]
) -> None:
    put(storage_access, stack, row)

    with pytest.raises(StorageError, match="does not say which deployment they belong to") as caught:
        await use(storage, method)

    assert "\n" not in str(caught.value)
    assert len(storage_access.rows()) == 1


async def test_rows_that_another_run_of_this_deployment_writes_between_two_looks_are_not_refused(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_rows = TableLedger._has_rows

    async def meanwhile(ledger: TableLedger) -> bool:
        monkeypatch.setattr(TableLedger, "_has_rows", has_rows)
        await storage.ledger.take_ownership()
        await use(storage, "record_run")
        return await has_rows(ledger)

    monkeypatch.setattr(TableLedger, "_has_rows", meanwhile)

    await storage.ledger.take_ownership()


@pytest.mark.parametrize("version", [0, 2, 99, None, "1", 1.0])
@pytest.mark.parametrize("method", ["check_owner", "take_ownership"])
async def test_a_format_that_this_version_does_not_know_is_refused(
    stack: LocalStack, storage: Storage, storage_access: StorageAccess, method: str, version: object
) -> None:
    row = {"PartitionKey": "format", "RowKey": "format", "tenant": "t", "attribute": "a", "queue": "q"}
    put(storage_access, stack, row if version is None else {**row, "version": version})

    with pytest.raises(StorageError, match="knows format 1"):
        await use(storage, method)


@pytest.mark.parametrize("method", METHODS)
async def test_a_404_from_in_between_is_no_missing_table(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, method: str
) -> None:
    table_proxy.plan(*[Step.NOT_FOUND] * len(ROWS) * STORAGE.attempts)

    with pytest.raises(StorageError, match="something between here and the service answered"):
        await use(storage_by_proxy, method)


@pytest.mark.parametrize("step", [Step.PAGE, Step.REDIRECTED, Step.EMPTY_CREATED, Step.EMPTY_ACCEPTED])
@pytest.mark.parametrize("method", ["claim", "mark_sent", "record_run", "take_ownership"])
async def test_an_answer_that_is_not_the_services_own_word_is_no_success(
    storage_by_proxy: Storage, storage_access: StorageAccess, table_proxy: FaultyProxy, method: str, step: Step
) -> None:
    table_proxy.plan(*[step] * STORAGE.attempts, method="POST")

    with pytest.raises(StorageError):
        await use(storage_by_proxy, method)

    assert storage_access.rows() == []


async def test_a_transaction_whose_answer_says_nothing_is_asked_for_again(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    table_proxy.plan(Step.EMPTY_ACCEPTED, method="POST")

    assert await use(storage_by_proxy, "claim") == {}
