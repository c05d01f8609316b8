"""Remembers ids in a SQLite file, for workers on one machine. What is committed survives a crash."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from notices import Claim

LAPSE = timedelta(minutes=5)  # longer than any delivery takes, shorter than a message is tried


class SeenSqlite:
    """One file; it is made when it is not there."""

    def __init__(self, path: Path | str) -> None:
        """Open the file."""
        self._file = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._file.execute(
            "create table if not exists seen (id text primary key, state text not null, at real not null, "
            "expires real not null)"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def begin(self, identifier: str, expires: datetime, now: datetime) -> Claim:
        """Insert the row, or take over a claim that has lapsed: one statement, hence one winner."""
        claimed = self._file.execute(
            "insert into seen values (?, 'claimed', ?, ?) on conflict (id) do update set at = excluded.at "
            "where state = 'claimed' and at <= ?",
            (identifier, now.timestamp(), expires.timestamp(), (now - LAPSE).timestamp()),
        )
        if claimed.rowcount == 1:
            return Claim.MINE
        (state,) = self._file.execute("select state from seen where id = ?", (identifier,)).fetchone()
        return Claim.DONE if state == "done" else Claim.BUSY

    def done(self, identifier: str) -> None:
        """Mark the row."""
        self._file.execute("update seen set state = 'done' where id = ?", (identifier,))

    def give_back(self, identifier: str) -> None:
        """Delete the row."""
        self._file.execute("delete from seen where id = ?", (identifier,))

    def forget_expired(self, now: datetime) -> int:
        """Delete the rows of notices that would be dropped as too late anyway; return how many."""
        return self._file.execute("delete from seen where expires < ?", (now.timestamp(),)).rowcount
