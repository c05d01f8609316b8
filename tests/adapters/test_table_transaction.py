"""What the answer to a transaction says."""

from __future__ import annotations

import pytest

from due_notices.adapters.storage_errors import ForeignAnswer, code_of, status_of
from due_notices.adapters.table_transaction import refused


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
