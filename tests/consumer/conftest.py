"""The example consumers, imported from their own folder as they are when they run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from due_notices.message import to_message
from due_notices.model import Batch
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.factories import notice

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "consumer"
sys.path.append(str(EXAMPLE))

from letters import Letter, letter_of  # noqa: E402 (the folder had to come first)
from notices import Event  # noqa: E402
from store_sqlite import SqliteStore  # noqa: E402
from store_table import TableStore  # noqa: E402

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SOURCE = "/tenants/t/due-notices"
AnyStore = SqliteStore | TableStore


def message(time_zone: str = "Europe/Berlin", **fields: Any) -> str:
    """The text of a message; `size` puts the notice into a batch."""
    if "size" in fields:
        fields["batch"] = Batch("b" * 32, fields.pop("size"))
    return to_message(notice(**fields), source=SOURCE, time=NOW, time_zone=time_zone).text


def event(time_zone: str = "Europe/Berlin", **fields: Any) -> Event:
    found: Event = json.loads(message(time_zone, **fields))
    return found


def letter(*events: Event, at: datetime = NOW, **fields: Any) -> Letter:
    return letter_of(events or [event(**fields)], at)


class Mailbox:
    """Takes letters, and fails as often as a test wants it."""

    def __init__(self, failures: int = 0, error: BaseException | None = None) -> None:
        self.letters: list[Letter] = []
        self.failures = failures
        self.error = error or ConnectionError("the mail server is away")

    def __call__(self, letter: Letter) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error
        self.letters.append(letter)


@pytest.fixture(params=["sqlite", "table"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    """Both stores, empty; what holds for the one holds for the other."""
    if request.param == "sqlite":
        file = SqliteStore(tmp_path / "notices.sqlite")
        yield file
        file.close()
        return
    access: StorageAccess = request.getfixturevalue("storage_access")
    stack: LocalStack = request.getfixturevalue("running_stack")
    options: dict[str, Any] = {"use_env_settings": False, "retry_total": 0}
    with (
        TableServiceClient.from_connection_string(stack.azurite.connection_string, **options) as tables,
        tables.get_table_client(access.name) as table,
    ):
        yield TableStore(table)
