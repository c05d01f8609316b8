"""A test's own queue and table on Azurite, looked at from outside with the SDK's synchronous clients."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import QueueClient, QueueProperties, QueueServiceClient

from local.read_back import QueuedEvent, read_back


class StorageAccess:
    """Makes the queue, its poison queue and the table, and reads what is in them."""

    def __init__(self, connection_string: str, name: str, **options: Any) -> None:
        """Take the account and the name of both queue and table; nothing is made yet."""
        self.name = name
        self._open = ExitStack()
        options = {"use_env_settings": False, "retry_total": 0, **options}
        self._queues = self._open.enter_context(QueueServiceClient.from_connection_string(connection_string, **options))
        self._tables = self._open.enter_context(TableServiceClient.from_connection_string(connection_string, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def environ(self) -> dict[str, str]:
        """The settings that name them."""
        return {"NOTICE_QUEUE": self.name, "LEDGER_TABLE": self.name}

    @property
    def queue(self) -> QueueClient:
        """The queue."""
        return self._queues.get_queue_client(self.name)

    @property
    def poison(self) -> QueueClient:
        """The poison queue."""
        return self._queues.get_queue_client(f"{self.name}-poison")

    def create(self) -> None:
        """Make what the infrastructure makes."""
        self.create_queue()
        self.create_table()
        self._queues.create_queue(f"{self.name}-poison")

    def create_queue(self) -> None:
        """Make the queue."""
        self._queues.create_queue(self.name)

    def create_table(self) -> None:
        """Make the table."""
        self._tables.create_table(self.name)

    def delete_queue(self) -> None:
        """Remove the queue."""
        self._queues.delete_queue(self.name)

    def delete_table(self) -> None:
        """Remove the table."""
        self._tables.delete_table(self.name)

    def properties(self) -> QueueProperties:
        """Return the queue's properties."""
        return self.queue.get_queue_properties()

    def events(self) -> list[QueuedEvent]:
        """Return what a consumer would read."""
        return read_back(self.queue)

    def ids(self) -> list[str]:
        """Return the ids of all notices on the queue."""
        return sorted(event.event["id"] for event in self.events())

    @property
    def table(self) -> TableClient:
        """The table."""
        return self._tables.get_table_client(self.name)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table's rows."""
        return [dict(row) for row in self.table.list_entities()]
