from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueClient

from local.read_back import read_back
from local.stack import LocalStack


@pytest.fixture
def queue(stack: LocalStack) -> Iterator[QueueClient]:
    with QueueClient.from_connection_string(stack.azurite.connection_string, "read-back") as client:
        client.create_queue()
        yield client
        client.delete_queue()


def put(queue: QueueClient, event: dict[str, object]) -> str:
    return queue.send_message(base64.b64encode(json.dumps(event).encode()).decode()).id


def test_more_messages_come_back_than_one_call_returns(queue: QueueClient) -> None:
    ids = {put(queue, {"id": f"event {number}", "name": "Ёлка"}) for number in range(70)}

    found = read_back(queue)

    assert {item.message_id for item in found} == ids
    assert {item.event["id"] for item in found} == {f"event {number}" for number in range(70)}
    assert {item.event["name"] for item in found} == {"Ёлка"}


def test_the_messages_stay_and_stay_visible(queue: QueueClient) -> None:
    put(queue, {"id": "event"})

    first, second = read_back(queue), read_back(queue)

    assert [item.event for item in first] == [item.event for item in second] == [{"id": "event"}]
    assert [item.dequeue_count for item in (*first, *second)] == [1, 2]
    (message,) = queue.peek_messages()
    assert json.loads(base64.b64decode(message.content)) == {"id": "event"}


def test_an_empty_queue_reads_as_nothing(queue: QueueClient) -> None:
    assert read_back(queue) == []


def test_a_message_that_is_no_event_fails_and_stays(queue: QueueClient) -> None:
    queue.send_message("not base64!")

    with pytest.raises(ValueError, match="base64"):
        read_back(queue)

    assert len(queue.peek_messages()) == 1
