"""A transaction's bytes, and what the answer to it says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters.storage_errors import ForeignAnswer, code_of, status_of
from due_notices.adapters.table_transaction import refused, transaction

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["2026-12-01", "a'b", "0f_-7", ""])
values = texts | st.booleans() | st.integers() | st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
entities = st.builds(
    lambda keys, fields: dict(zip(("PartitionKey", "RowKey"), keys, strict=True)) | fields,
    st.tuples(texts, texts),
    st.dictionaries(st.sampled_from(["state", "sentAt", "userId", "hasReference", "version"]), values),
)
kinds = st.sampled_from(["create", "update", "replace", "upsert", "delete"])


def plainly(kind: str, entity: Mapping[str, Any], etag: str | None) -> str:
    """One operation, its entity as json.dumps writes it and its keys as urllib quotes them."""
    keys = [quote(entity[name].replace("'", "''"), safe="'") for name in ("PartitionKey", "RowKey")]
    method = {"create": "POST", "update": "PUT", "replace": "PUT", "upsert": "PATCH", "delete": "DELETE"}[kind]
    where = "" if kind == "create" else f"(PartitionKey='{keys[0]}',RowKey='{keys[1]}')"
    match = etag or ("*" if kind == "delete" else None)
    fields: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, datetime):
            fields[f"{name}@odata.type"] = "Edm.DateTime"
            fields[name] = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        else:
            fields[name] = value
    lines = [
        "--changeset_0",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        f"{method} http://host/table{where} HTTP/1.1",
        *([] if match is None else [f"If-Match: {match}"]),
        "Accept: application/json;odata=nometadata",
        "Content-Type: application/json",
        "Prefer: return-no-content",
        "",
        "" if kind == "delete" else json.dumps(fields, separators=(",", ":")),
        "",
    ]
    return "\r\n".join(lines)


@given(st.lists(st.tuples(kinds, entities, st.none() | st.just('W/"1"')), max_size=4))
def test_the_bytes_are_those_that_json_dumps_and_quote_write(operations: list[tuple[str, Any, str | None]]) -> None:
    with patch.object(uuid, "uuid4", lambda: 0):
        body, headers = transaction("http://host", "table", operations)

    parts = "".join(plainly(*operation) for operation in operations)
    head = "--batch_0\r\nContent-Type: multipart/mixed; boundary=changeset_0\r\n\r\n"
    assert body.decode() == f"{head}{parts}--changeset_0--\r\n--batch_0--\r\n"
    assert headers["Content-Type"] == "multipart/mixed; boundary=batch_0"


def answer(*statuses: str, body: str = "") -> bytes:
    """Return an answer as the service has it: a part for each operation."""
    parts = "".join(
        f"--changesetresponse_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status}\r\n\r\n{body}\r\n"
        for status in statuses
    )
    return f"--batchresponse_1\r\n\r\n{parts}--changesetresponse_1--\r\n--batchresponse_1--\r\n".encode()


@pytest.mark.parametrize("status", ["204 No Content", "201 Created"])
def test_a_transaction_is_taken_if_each_operation_is(status: str) -> None:
    assert refused(answer(*[status] * 3), 3) is None


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_an_answer_that_does_not_say_so_of_each_operation_is_not_the_services_own(count: int) -> None:
    assert isinstance(refused(answer(*["204 No Content"] * count), 3), ForeignAnswer)


def test_a_part_of_an_answer_is_none() -> None:
    whole = answer(*["204 No Content"] * 3)

    assert isinstance(refused(whole[: whole.rindex(b"HTTP/1.1")], 3), ForeignAnswer)


def test_one_refusal_refuses_all() -> None:
    body = '{"odata.error":{"code":"EntityAlreadyExists","message":{}}}'
    error = refused(answer("204 No Content", "409 Conflict", body=body), 2)

    assert error is not None
    assert (status_of(error), code_of(error)) == (409, "EntityAlreadyExists")
