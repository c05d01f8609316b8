"""Reads the notices back from the queue, as a consumer would see them.

Independent of `due_notices`: it knows the Storage Queue, base64 and JSON, and nothing of the program.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

BATCH = 32
"""The most messages that one call returns."""

HOLD_SECONDS = 120


@dataclass(frozen=True)
class QueuedEvent:
    """A message on the queue and the CloudEvent in it."""

    message_id: str
    dequeue_count: int
    event: dict[str, Any]


def read_back(queue: QueueClient) -> list[QueuedEvent]:
    """Return every message that is visible on the queue, in the order in which it yields them.

    A look that does not touch ("peek") shows 32 messages at most. So each message is received, which
    hides it, and made visible again at the end. The messages stay, with three traces: the dequeue count
    is one higher, the pop receipt is another, and the order may change. A reader that dies
    half-way leaves messages hidden for two minutes at the most.
    """
    held = list(_receive_all(queue))
    try:
        return [_decoded(message) for message in held]
    finally:
        for message in held:
            queue.update_message(message, visibility_timeout=0)


def _receive_all(queue: QueueClient) -> Iterator[QueueMessage]:
    yield from queue.receive_messages(messages_per_page=BATCH, visibility_timeout=HOLD_SECONDS)


def _decoded(message: QueueMessage) -> QueuedEvent:
    event = json.loads(base64.b64decode(message.content, validate=True))
    return QueuedEvent(message.id, message.dequeue_count or 0, event)
