"""Puts notices on an Azure Storage Queue."""

from __future__ import annotations

import base64
import re

from azure.core.exceptions import AzureError
from azure.storage.queue.aio import QueueClient

from due_notices.adapters.connections import distrusted
from due_notices.adapters.retries import BUSY, STORAGE, Pace
from due_notices.adapters.storage_errors import (
    FAILURES,
    FOREIGN,
    TO_LOOK,
    TO_SEND,
    code_of,
    is_foreign,
    never_arrived,
    no_login,
    queue_unusable,
    status_of,
)
from due_notices.adapters.storage_pipeline import StoragePipeline
from due_notices.errors import SendError
from due_notices.ports import Clock, QueueLook, QueueLooks
from due_notices.report import Waiting

MOST_PEEKED = 32  # https://learn.microsoft.com/rest/api/storageservices/peek-messages
NEVER = -1  # the service's default forgets a message after seven days
_CREATED = 201
_THIS_MESSAGE = frozenset({400, 413})


class _Busy(SendError):
    """Certainly not accepted: worth another try."""


class StorageNoticeQueue:
    """One queue, and its poison queue to count. The clients must not retry by themselves."""

    def __init__(self, queue: QueueClient, poison: QueueClient, pipeline: StoragePipeline, clock: Clock) -> None:
        """Take open clients of both queues, and the pipeline that puts messages."""
        self._queue = queue
        self._messages = f"{queue.url.partition('?')[0]}/messages?messagettl={NEVER}"
        self._pipeline = pipeline
        self._poison = poison
        self._clock = clock
        self._pace = Pace(clock)

    async def send(self, text: str) -> str:
        """Put one message, for ever, and return its id. Raises SendError or StorageError."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._send(text)
            except _Busy:
                if attempt == STORAGE.attempts:
                    raise
            await self._clock.wait(STORAGE.pause(attempt))

    async def _send(self, text: str) -> str:
        await self._pace.turn()
        headers = {"Content-Type": "application/xml"}
        # Base64, as a Functions queue trigger expects it, so that nothing in it needs an escape in XML.
        encoded = base64.b64encode(text.encode())
        body = b"<QueueMessage><MessageText>" + encoded + b"</MessageText></QueueMessage>"
        try:
            answer = await self._pipeline.post(self._messages, body, headers, success=_CREATED)
        except AzureError as error:
            raise self._failure(error) from error
        found = re.search(rb"<MessageId>([^<]+)</MessageId>", answer)
        if found is None:
            name = self._queue.queue_name
            raise SendError(f"no answer whether the queue {name} took a message (no message id)", accepted_perhaps=True)
        return found[1].decode("ascii", "replace")

    def _failure(self, error: AzureError) -> Exception:
        name, status, code = self._queue.queue_name, status_of(error), code_of(error)
        if no_login(error) or distrusted(error):
            return queue_unusable(error, self._queue, TO_SEND)
        if is_foreign(error):
            text = f"no answer whether the queue {name} took a message ({code}): {FOREIGN}"
            return SendError(text, accepted_perhaps=True)
        if status in BUSY:
            self._pace.refused()
        if status in BUSY or never_arrived(error):
            return _Busy(f"the queue {name} took no message ({code})", accepted_perhaps=False)
        if status in _THIS_MESSAGE:
            return SendError(f"the queue {name} refused a message ({code})", accepted_perhaps=False)
        if status is not None and 400 <= status < 500:  # noqa: PLR2004 (HTTP)
            return queue_unusable(error, self._queue, TO_SEND)
        return SendError(f"no answer whether the queue {name} took a message ({code})", accepted_perhaps=True)

    async def waiting(self) -> Waiting:
        """Return how many messages wait, as far as the identity may see (Storage Queue Data Reader)."""
        return Waiting(await _count(self._queue), await _count(self._poison))

    async def look(self) -> QueueLooks:
        """Return what can be seen (Storage Queue Data Reader); peeking neither hides a message nor counts as a try."""
        return QueueLooks(await _look(self._queue), await _look(self._poison))


async def _count(queue: QueueClient) -> int | None:
    try:
        return _whole((await queue.get_queue_properties()).approximate_message_count)
    except FAILURES:
        return None


async def _look(queue: QueueClient) -> QueueLook:
    """Look at one queue; a count that can be had is kept although peeking may be refused."""
    count = None
    try:
        count = _whole((await queue.get_queue_properties()).approximate_message_count)
        front = await queue.peek_messages(max_messages=MOST_PEEKED)
        return QueueLook(count, min((each.inserted_on for each in front if each.inserted_on), default=None))
    except FAILURES as error:
        return QueueLook(count, None, str(queue_unusable(error, queue, TO_LOOK)))


def _whole(count: object) -> int | None:
    return count if isinstance(count, int) and count >= 0 else None
