"""Remembers ids in Azure Table Storage: one row for each notice, claimed by inserting it.

The table refuses a second row with the same key, whichever of many workers comes first. A claim of a worker that
died lapses; the etag lets one worker alone take it over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode
from notices import Claim

LAPSE = timedelta(minutes=5)  # longer than any delivery takes, shorter than a message is tried


class SeenTable:
    """One table, made beforehand."""

    def __init__(self, table: TableClient) -> None:
        """Take an open client."""
        self._table = table

    def begin(self, identifier: str, expires: datetime, now: datetime) -> Claim:
        """Insert the row, or say who has."""
        row = {**_key(identifier), "state": "claimed", "at": now, "expires": expires}
        try:
            self._table.create_entity(row)
        except ResourceExistsError:
            return self._take_over(row, now)
        return Claim.MINE

    def _take_over(self, row: dict[str, object], now: datetime) -> Claim:
        try:
            known = self._table.get_entity(str(row["PartitionKey"]), str(row["RowKey"]))
            if known["state"] == "done":
                return Claim.DONE
            if known["at"] + LAPSE > now:
                return Claim.BUSY
            self._table.update_entity(
                row,
                mode=UpdateMode.REPLACE,
                etag=known.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return Claim.BUSY  # somebody moved in between; the message comes again
        return Claim.MINE

    def done(self, identifier: str) -> None:
        """Mark the row."""
        self._table.update_entity({**_key(identifier), "state": "done"}, mode=UpdateMode.MERGE)

    def give_back(self, identifier: str) -> None:
        """Delete the row."""
        self._table.delete_entity(identifier[:2], identifier)

    def forget_expired(self, now: datetime) -> int:
        """Delete the rows of notices that would be dropped as too late anyway; return how many."""
        old = list(
            self._table.query_entities("expires lt @now", parameters={"now": now}, select=["PartitionKey", "RowKey"])
        )
        for row in old:
            self._table.delete_entity(row["PartitionKey"], row["RowKey"])
        return len(old)


def _key(identifier: str) -> dict[str, str]:
    return {"PartitionKey": identifier[:2], "RowKey": identifier}
