"""The example consumers, imported from their own folder as they are when they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "consumer"
sys.path.append(str(EXAMPLE))

from seen_sqlite import SeenSqlite  # noqa: E402 (the folder had to come first)
from seen_table import SeenTable  # noqa: E402

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
Seen = SeenSqlite | SeenTable


@pytest.fixture(params=["sqlite", "table"])
def seen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seen]:
    """Both stores of seen ids, empty; what holds for the one holds for the other."""
    if request.param == "sqlite":
        store = SeenSqlite(tmp_path / "seen.sqlite")
        yield store
        store.close()
        return
    access: StorageAccess = request.getfixturevalue("storage_access")
    stack: LocalStack = request.getfixturevalue("running_stack")
    options: dict[str, Any] = {"use_env_settings": False, "retry_total": 0}
    with (
        TableServiceClient.from_connection_string(stack.azurite.connection_string, **options) as tables,
        tables.get_table_client(access.name) as table,
    ):
        yield SeenTable(table)
