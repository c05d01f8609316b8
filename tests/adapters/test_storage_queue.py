"""What only the real queue does. Its contract is in `tests/contract/`."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from due_notices.adapters import storage_errors
from due_notices.adapters.retries import STORAGE, Pace
from due_notices.errors import SendError, StorageError
from due_notices.message import MAX_BYTES
from due_notices.ports import Storage
from local.stack import LocalStack
from tests.adapters.conftest import OpenStorage
from tests.adapters.faulty_proxy import FaultyProxy, Step
from tests.adapters.storage_access import StorageAccess
from tests.fakes import MovableClock

TEXT = '{"id":"täglich"}'


async def failure(storage: Storage) -> SendError:
    with pytest.raises(SendError) as caught:
        await storage.queue.send(TEXT)
    return caught.value


async def test_a_message_is_base64_and_never_expires(storage: Storage, storage_access: StorageAccess) -> None:
    identifier = await storage.queue.send(TEXT)

    (message,) = storage_access.queue.peek_messages(32)
    assert message.id == identifier
    assert message.content == base64.b64encode(TEXT.encode()).decode()
    assert message.expires_on is not None
    assert message.expires_on > datetime(9999, 1, 1, tzinfo=UTC)


async def test_the_largest_message_is_taken(storage: Storage, storage_access: StorageAccess) -> None:
    await storage.queue.send("x" * MAX_BYTES)

    (message,) = storage_access.queue.peek_messages(32)
    assert len(message.content) == 64 * 1024


async def test_a_message_that_is_too_large_fails_alone(storage: Storage, storage_access: StorageAccess) -> None:
    with pytest.raises(SendError, match="refused a message") as caught:
        await storage.queue.send("x" * (MAX_BYTES + 3))
    await storage.queue.send(TEXT)

    assert not caught.value.accepted_perhaps
    assert storage_access.properties().approximate_message_count == 1


async def test_a_missing_queue_stops_everything(
    storage: Storage, storage_access: StorageAccess, clock: MovableClock
) -> None:
    storage_access.delete_queue()

    with pytest.raises(StorageError) as caught:
        await storage.queue.send(TEXT)

    assert storage_access.name in str(caught.value)
    for hint in ("QueueNotFound", "does not exist", "az storage queue create", "NOTICE_QUEUE"):
        assert hint in str(caught.value)
    assert clock.waits == []


async def test_refused_access_stops_everything(stack: LocalStack, open_storage: OpenStorage) -> None:
    key = stack.azurite.key
    wrong = stack.azurite.connection_string.replace(key, base64.b64encode(b"x" * 64).decode())
    storage = await open_storage({"NOTICE_STORAGE": wrong})

    with pytest.raises(StorageError) as caught:
        await storage.queue.send(TEXT)

    for hint in ("AuthenticationFailed", "refused", "no role helps", "NOTICE_STORAGE"):
        assert hint in str(caught.value)
    assert key not in str(caught.value)


async def test_what_cannot_be_counted_is_unknown(storage: Storage, storage_access: StorageAccess) -> None:
    storage_access.delete_queue()

    waiting = await storage.queue.waiting()

    assert waiting.queue is None
    assert waiting.poison == 0


@pytest.mark.parametrize("step", [Step.ANSWER_LOST, Step.DONE_500])
async def test_when_the_answer_gets_lost_no_second_message_is_sent(
    storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy, step: Step
) -> None:
    queue_proxy.plan(step, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert "no answer whether" in str(error)
    assert queue_proxy.count("POST", "/messages") == 1
    assert storage_access.properties().approximate_message_count == 1


@pytest.mark.parametrize("step", [Step.REQUEST_LOST, Step.REFUSED_500])
async def test_a_message_that_was_perhaps_accepted_is_not_sent_again(
    storage_by_proxy: Storage, queue_proxy: FaultyProxy, clock: MovableClock, step: Step
) -> None:
    queue_proxy.plan(step, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert queue_proxy.count("POST", "/messages") == 1
    assert clock.waits == []


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storage_errors.LIMITS, "read_timeout", 0.3)


async def test_an_answer_that_comes_too_late_counts_as_lost(
    short_limits: None, storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy
) -> None:
    del short_limits
    queue_proxy.plan(Step.ANSWER_LATE, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert queue_proxy.count("POST", "/messages") == 1
    assert storage_access.properties().approximate_message_count == 1


@pytest.mark.parametrize("step", [Step.REFUSED_503, Step.REFUSED_429])
async def test_what_a_busy_queue_refused_is_sent_again(
    storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy, clock: MovableClock, step: Step
) -> None:
    queue_proxy.plan(step, step, method="POST")

    await storage_by_proxy.queue.send(TEXT)

    assert queue_proxy.count("POST", "/messages") == 3
    assert storage_access.properties().approximate_message_count == 1
    assert len(clock.waits) == 2
    assert 0.37 < clock.waits[0] < clock.waits[1] + 1


async def test_a_queue_that_was_busy_is_sent_no_more_than_it_is_made_for(
    storage_by_proxy: Storage, queue_proxy: FaultyProxy, clock: MovableClock
) -> None:
    vars(storage_by_proxy.queue)["_pace"] = Pace(clock, target=8)
    queue_proxy.plan(Step.REFUSED_503, method="POST")
    await storage_by_proxy.queue.send(TEXT)
    clock.waits.clear()

    for _ in range(4):
        await storage_by_proxy.queue.send(TEXT)

    assert sum(clock.waits) == pytest.approx(2 / 8, abs=0.05), "what lies behind is made up for, but not for long"


async def test_a_queue_that_stays_busy_certainly_took_nothing(
    storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy, clock: MovableClock
) -> None:
    queue_proxy.plan(*[Step.REFUSED_503] * 10, method="POST")

    error = await failure(storage_by_proxy)

    assert not error.accepted_perhaps
    assert queue_proxy.count("POST", "/messages") == STORAGE.attempts
    assert sum(clock.waits) < 30
    assert storage_access.properties().approximate_message_count == 0


async def test_where_no_server_listens_certainly_nothing_was_accepted(
    stack: LocalStack, open_storage: OpenStorage, clock: MovableClock
) -> None:
    nowhere = stack.azurite.connection_string.replace(f":{stack.azurite.ports['queue']}/", ":1/")
    storage = await open_storage({"NOTICE_STORAGE": nowhere})

    error = await failure(storage)

    assert not error.accepted_perhaps
    assert len(clock.waits) == STORAGE.attempts - 1


async def test_a_404_from_in_between_is_no_missing_queue(storage_by_proxy: Storage, queue_proxy: FaultyProxy) -> None:
    queue_proxy.plan(Step.NOT_FOUND, method="POST")

    with pytest.raises(SendError, match="something between here and the service answered") as refused:
        await storage_by_proxy.queue.send(TEXT)

    assert refused.value.accepted_perhaps


async def test_what_a_gateway_passed_on_before_it_failed_is_not_put_again(
    storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy
) -> None:
    queue_proxy.plan(Step.GATEWAY_503, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert "HTTP 503" in str(error)
    assert queue_proxy.count("POST", "/messages") == 1
    assert storage_access.properties().approximate_message_count == 1


async def test_a_proxy_that_blocks_is_not_the_service_and_needs_no_role(
    storage_by_proxy: Storage, queue_proxy: FaultyProxy
) -> None:
    queue_proxy.plan(Step.BLOCKED_403, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert "something between here and the service answered" in str(error)
    assert "role" not in str(error)


@pytest.mark.parametrize("step", [Step.PAGE, Step.REDIRECTED, Step.EMPTY_CREATED, Step.EMPTY_ACCEPTED])
async def test_an_answer_that_is_not_the_services_own_word_is_no_success(
    storage_by_proxy: Storage, storage_access: StorageAccess, queue_proxy: FaultyProxy, step: Step
) -> None:
    queue_proxy.plan(step, method="POST")

    error = await failure(storage_by_proxy)

    assert error.accepted_perhaps
    assert queue_proxy.count("POST", "/messages") == 1
    assert storage_access.properties().approximate_message_count == 0
