"""Whatever bytes come back when the ledger is read, they are rows of ours or a StorageError."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters import storage_errors, table_rows
from due_notices.adapters.table_ledger import TableLedger
from due_notices.errors import StorageError
from tests.contract.ledger_rows import DUE, FIRST, NEVER, NOON, PARTITION, TODAY, claim_rows, key, keys, users
from tests.factories import run_report
from tests.fakes import MINE, MovableClock

ROWS = keys(2)


class Answering:
    """Stands for the table and the pipeline to it: every question has the same answer, every write meets a row."""

    table_name, url, credential = "the-table", "https://storage.example", None

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.answer = body, headers

    async def get(self, *_: object) -> tuple[bytes, Mapping[str, str]]:
        return self.answer

    async def post(self, *_: object, **__: object) -> bytes:
        raise storage_errors.failure(409, "EntityAlreadyExists")


async def read(method: str, body: bytes, headers: Mapping[str, str] | None = None) -> Any:
    answering: Any = Answering(body, {"ETag": "an etag"} if headers is None else headers)
    ledger = TableLedger(answering, answering, MovableClock(), MINE)
    if method == "history":
        return [some async for some in ledger.history(TODAY, TODAY)]
    arguments: Mapping[str, tuple[object, ...]] = {
        "sent": (DUE, users(ROWS), TODAY),
        "of_user": ([DUE], ROWS[0][:16]),
        "claim": (PARTITION, claim_rows(ROWS), FIRST, NEVER),
        "release": (PARTITION, ROWS, FIRST),
        "runs": (TODAY,),
        "forget": (TODAY, TODAY),
    }
    return await getattr(ledger, method)(*arguments.get(method, ()))


LISTS = ("sent", "of_user", "runs", "history", "forget")
SINGLE = ("check_owner", "take_ownership", "claim", "release")
NO_ANSWERS = (
    *(b"", b"{}", b"[]", b"null", b"0", b'"text"', b"<html>hello</html>", b'{"value":null}', b'{"value":{}}'),
    *(b'{"value":"text"}', b'{"odata.error":"text"}', b"\xff\xfe", b'{"value":[', b"[" * 100_000),
)


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: body[:20])
@pytest.mark.parametrize("method", LISTS)
async def test_what_is_no_list_of_rows_is_an_error_that_names_the_table_and_the_remedy(
    method: str, body: bytes
) -> None:
    with pytest.raises(StorageError, match=r"the-table.*something between here and the service answered"):
        await read(method, body)


@pytest.mark.parametrize("body", [*NO_ANSWERS, b'{"value":[]}'], ids=lambda body: body[:20])
@pytest.mark.parametrize("method", SINGLE)
async def test_what_is_no_row_is_an_error(method: str, body: bytes) -> None:
    with pytest.raises(StorageError, match="the-table"):
        await read(method, body)


@pytest.mark.parametrize("method", ["claim", "release", "check_owner"])
async def test_a_row_without_an_etag_is_an_error_since_nothing_may_be_taken_over_blindly(method: str) -> None:
    with pytest.raises(StorageError, match="something between here and the service answered"):
        await read(method, json.dumps(GOOD).encode(), {})


GOOD: Mapping[str, Any] = {
    "PartitionKey": PARTITION,
    "RowKey": ROWS[0],
    "state": "sent",
    "claimId": "another",
    "claimedAt": NOON.isoformat(),
    "sentAt": NOON.isoformat(),
    "businessDate": TODAY.isoformat(),
    "hasReference": True,
    "report": run_report(TODAY).to_json(),
}
NOTHING_FOUND = {b'{"value":[]}', b'{"value": []}'}  # Hypothesis draws these too: it takes literals from the tests
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**60), 2**60),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
        st.sampled_from(["claimed", "sent", "0001-01-01T00:00:00+14:00", "9999-12-31", "2026-11-24", *keys(2)]),
    ),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=5,
)
ROWS_OF_ANY_KIND = st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES, max_size=3).map(
    lambda changed: {**GOOD, **changed}
) | st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(), VALUES)


@pytest.mark.parametrize("method", [*LISTS, *SINGLE])
@given(row=ROWS_OF_ANY_KIND)
def test_whatever_a_row_holds_it_is_read_or_refused(method: str, row: dict[str, Any]) -> None:
    body = json.dumps({"value": [row]} if method in LISTS else row).encode()
    with contextlib.suppress(StorageError):
        asyncio.run(read(method, body))


@pytest.mark.parametrize("method", [*LISTS, *SINGLE])
@given(body=st.binary().filter(lambda body: body not in NOTHING_FOUND))
def test_whatever_the_bytes_are_nothing_else_is_raised(method: str, body: bytes) -> None:
    with pytest.raises(StorageError):
        asyncio.run(read(method, body))


@pytest.mark.parametrize(
    "changed",
    [{"RowKey": "short"}, {"state": "lost"}, {"businessDate": None}, {"businessDate": "yesterday"}, {"RowKey": 7}],
    ids=str,
)
async def test_a_row_that_is_not_as_this_program_writes_them_is_named_as_that(changed: dict[str, Any]) -> None:
    row = {**GOOD, **changed}

    with pytest.raises(StorageError, match="a row that this program did not write"):
        await read("history", json.dumps({"value": [row]}).encode())


def test_a_column_may_be_null_or_absent() -> None:
    for absent in ({}, dict.fromkeys(table_rows.NOTICE_COLUMNS)):
        row = {
            **absent,
            "PartitionKey": PARTITION,
            "RowKey": key(1, 3),
            "state": "claimed",
            "businessDate": "2026-11-24",
        }
        row["claimedAt"] = NOON.isoformat()

        found = table_rows.past_notice(row)

        assert (found.sent_at, found.message_id, found.notice_id, found.has_reference) == (None, "", "", True)
        assert found.at == NOON


def test_the_stand_in_refuses_as_the_service_does() -> None:
    assert isinstance(storage_errors.failure(409, "EntityAlreadyExists"), AzureError)
