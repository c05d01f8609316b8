"""Opens the SDKs' clients of the queue, its poison queue and the ledger's table, and says how they log in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from due_notices.adapters.connections import sdk_options
from due_notices.adapters.storage_errors import LIMITS
from due_notices.secret import Secret

STORAGE_AUDIENCE = "https://storage.azure.com"


class StorageClients(NamedTuple):
    """The open clients; `login` is None with a connection string, `options` are the keywords that they were given."""

    queue: QueueClient
    poison: QueueClient
    table: TableClient
    login: AsyncTokenCredential | None
    options: Mapping[str, Any]


@asynccontextmanager
async def open_clients(
    *,
    queue: str,
    table: str,
    connection_string: Secret | None,
    queue_url: str,
    table_url: str,
    login: Callable[[], AsyncTokenCredential],
) -> AsyncIterator[StorageClients]:
    """Open the clients, by the connection string or else by the two endpoints and the identity that `login` makes."""
    if connection_string is not None:
        given = dict(part.split("=", 1) for part in connection_string.reveal().split(";"))
        queue_url, table_url = given["QueueEndpoint"], given["TableEndpoint"]
    of_queue, of_table = ({**LIMITS, **sdk_options(url)} for url in (queue_url, table_url))
    names = (queue, f"{queue}-poison")
    async with AsyncExitStack() as stack:
        identity: AsyncTokenCredential | None = None
        if connection_string is not None:
            text = connection_string.reveal()
            queues = [QueueClient.from_connection_string(text, name, **of_queue) for name in names]
            rows = TableClient.from_connection_string(text, table, **of_table)
        else:
            identity = await stack.enter_async_context(login())
            queues = [QueueClient(queue_url, name, credential=identity, **of_queue) for name in names]
            # Without it the client asks for a token of Cosmos DB wherever the host is called localhost.
            rows = TableClient(table_url, table, credential=identity, audience=STORAGE_AUDIENCE, **of_table)
        for queue_client in queues:
            await stack.enter_async_context(queue_client)
        await stack.enter_async_context(rows)
        yield StorageClients(queues[0], queues[1], rows, identity, LIMITS)
