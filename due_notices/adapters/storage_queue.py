"""Puts notices on an Azure Storage Queue."""

from __future__ import annotations

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.storage.queue.aio import QueueClient
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from due_notices.adapters.storage_errors import ATTEMPTS, BUSY, code_of, never_arrived, status_of, unusable
from due_notices.errors import SendError
from due_notices.ports import Clock, Waiting

NEVER = -1  # the service's default forgets a message after seven days
_THIS_MESSAGE = frozenset({400, 413})


class _Busy(SendError):
    """Certainly not accepted: worth another try."""


class StorageNoticeQueue:
    """One queue, and its poison queue to count. The clients must encode in base64 and not retry by themselves."""

    def __init__(self, queue: QueueClient, poison: QueueClient, clock: Clock) -> None:
        """Take open clients of both queues."""
        self._queue = queue
        self._poison = poison
        self._clock = clock

    async def send(self, text: str) -> str:
        """Put one message, for ever, and return its id. Raises SendError or StorageError."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Busy),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=0.5, max=8),
            sleep=self._clock.wait,
            reraise=True,
        )
        return await retrying(self._send, text)

    async def _send(self, text: str) -> str:
        try:
            message = await self._queue.send_message(text, time_to_live=NEVER)
        except AzureError as error:
            raise self._failure(error) from error
        return str(message.id)

    def _failure(self, error: AzureError) -> Exception:
        name, status, code = self._queue.queue_name, status_of(error), code_of(error)
        if status in BUSY or never_arrived(error):
            return _Busy(f"the queue {name} took no message ({code})", accepted_perhaps=False)
        if status in _THIS_MESSAGE:
            return SendError(f"the queue {name} refused a message ({code})", accepted_perhaps=False)
        if status is not None and 400 <= status < 500:  # noqa: PLR2004 (HTTP)
            return unusable(
                error,
                f"the queue {name}",
                missing="deploy infra/, or create it with `az storage queue create`; check NOTICE_QUEUE",
                role="Storage Queue Data Message Sender on the queue",
            )
        if status is None and isinstance(error, ClientAuthenticationError):  # the credential gave no token
            return unusable(error, f"the queue {name}", missing="", role="")
        return SendError(f"no answer whether the queue {name} took a message ({code})", accepted_perhaps=True)

    async def waiting(self) -> Waiting:
        """Return how many messages wait, as far as the identity may see (Storage Queue Data Reader)."""
        return Waiting(await _count(self._queue), await _count(self._poison))


async def _count(queue: QueueClient) -> int | None:
    try:
        properties = await queue.get_queue_properties()
    except AzureError:
        return None
    return properties.approximate_message_count
