"""Remembers notices in Azure Table Storage, for any number of workers.

What waits is a row of the partition `kept`; what is done is a row of its own in a partition by the id's first
digits, written before the other one is deleted. Conditional updates let one worker alone claim.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode
from post import LAPSE, Kept

KEPT = "kept"
_MOVED = (ResourceModifiedError, ResourceNotFoundError)  # another worker was here in between


class TableStore:
    """One table; it is made when it is not there."""

    def __init__(self, table: TableClient) -> None:
        """Take an open client."""
        self._table = table
        with suppress(ResourceExistsError):
            table.create_table()

    def keep(self, text: str, identifier: str, now: datetime) -> bool:
        """Insert the row, unless there is one."""
        if self._is_done(identifier):
            return False
        # Bytes, because a text may have half as many in a column.
        row = {"PartitionKey": KEPT, "RowKey": identifier, "text": text.encode(), "since": now, "tries": 0}
        with suppress(ResourceExistsError):
            self._table.create_entity(row)
        return True

    def kept(self) -> Iterator[Kept]:
        """Return the rows of the partition of what waits."""
        for row in list(self._table.query_entities(f"PartitionKey eq '{KEPT}'")):
            yield Kept(json.loads(row["text"]), row["since"], row["tries"], row.get("retry"))

    def claim(self, identifier: str, now: datetime) -> bool:
        """Mark the row as it was read, and look once more whether it is done."""
        try:
            row = self._table.get_entity(KEPT, identifier)
            if "claimed" in row and row["claimed"] + LAPSE > now:
                return False
            self._replace(row, claimed=now)
        except _MOVED:
            return False
        if self._is_done(identifier):
            self.drop(identifier)
            return False
        return True

    def give_back(self, identifier: str, claimed: datetime, retry: datetime) -> None:
        """Take the mark away, if it is one's own."""
        with suppress(*_MOVED):
            row = self._table.get_entity(KEPT, identifier)
            if row.get("claimed") == claimed:
                self._replace(row, claimed=None, retry=retry, tries=row["tries"] + 1)

    def done(self, identifier: str, outcome: str, now: datetime) -> None:
        """Write that it is done, then delete what waited."""
        self._table.upsert_entity({**_done_key(identifier), "outcome": outcome, "at": now}, mode=UpdateMode.REPLACE)
        self.drop(identifier)

    def drop(self, identifier: str) -> None:
        """Delete what waited."""
        with suppress(ResourceNotFoundError):
            self._table.delete_entity(KEPT, identifier)

    def forget(self, before: datetime) -> int:
        """Delete the rows that were done before."""
        old = list(
            self._table.query_entities("at lt @before", parameters={"before": before}, select=list(_done_key("")))
        )
        for row in old:
            self._table.delete_entity(row["PartitionKey"], row["RowKey"])
        return len(old)

    def _is_done(self, identifier: str) -> bool:
        try:
            self._table.get_entity(*_done_key(identifier).values())
        except ResourceNotFoundError:
            return False
        return True

    def _replace(self, row: Any, **changes: object) -> None:
        changed = {name: value for name, value in {**row, **changes}.items() if value is not None}
        self._table.update_entity(
            changed,
            mode=UpdateMode.REPLACE,
            etag=row.metadata["etag"],
            match_condition=MatchConditions.IfNotModified,
        )


def _done_key(identifier: str) -> dict[str, str]:
    return {"PartitionKey": identifier[:2], "RowKey": identifier}
