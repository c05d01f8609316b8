"""Shows that queue and table may be written to, without leaving anything behind.

**Table**: a transaction of two: insert a row, delete one that does not exist. The service carries out the first,
fails at the second, and rolls all back. So the very rights of a run are used, and even a kill in the middle
leaves nothing. A missing right refuses the whole.

**Queue**: the right to add messages cannot be shown but by adding one: the sender's role can neither delete nor
read, and it is not documented whether a malformed message is refused before or after the rights are checked. So a
message is put that is invisible for the first of its two seconds and then expires; a login that may delete it (a
connection string, a developer) does so while it is invisible. Should a consumer see it in its last second, it is a
CloudEvent of a type of its own that expired long ago, which consumers drop by contract.
"""

from __future__ import annotations

import base64
import contextlib
import json
import uuid

from azure.data.tables import TableTransactionError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from due_notices.adapters.storage_errors import FAILURES, TO_SEND, TO_WRITE, queue_unusable, table_unusable

PARTITION = "doctor"
EVENT_TYPE = "duenotices.doctor.v1"
_INVISIBLE, _LIFE = 1, 2  # seconds; the service wants at least one of visibility


async def try_queue(queue: QueueClient, poison: QueueClient, source: str) -> bool:
    """Put a message that no consumer sees; return whether messages may be counted too. Raises StorageError."""
    try:
        message = await queue.send_message(_event(source), time_to_live=_LIFE, visibility_timeout=_INVISIBLE)
    except FAILURES as error:
        raise queue_unusable(error, queue, TO_SEND) from error
    with contextlib.suppress(*FAILURES):  # the sender's role may not; it ends by itself
        await queue.delete_message(message)
    try:
        await queue.get_queue_properties()
        await poison.get_queue_properties()
    except FAILURES:
        return False
    return True


async def try_table(table: TableClient) -> None:
    """Have a transaction with an insert rolled back. Raises StorageError."""
    name = uuid.uuid4().hex
    inserted = {"PartitionKey": PARTITION, "RowKey": f"{name}-inserted"}
    missing = {"PartitionKey": PARTITION, "RowKey": f"{name}-missing"}
    try:
        await table.submit_transaction([("create", inserted), ("delete", missing)])
    except TableTransactionError as error:
        if error.index == 1:
            return  # the insert was carried out before the delete found nothing
        raise table_unusable(error, table, TO_WRITE) from error
    except FAILURES as error:
        raise table_unusable(error, table, TO_WRITE) from error


def _event(source: str) -> str:
    """Return the message as it goes on the queue: in base64, as notices do."""
    event = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "type": EVENT_TYPE,
        "source": source,
        "time": "2000-01-01T00:00:00Z",
        "expirytime": "2000-01-01T00:00:00Z",
    }
    return base64.b64encode(json.dumps(event).encode()).decode()
