"""Remembers notices in a SQLite file, for workers on one machine. What is committed survives a crash."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from post import LAPSE, Kept


class SqliteStore:
    """One file; it is made when it is not there."""

    def __init__(self, path: Path | str) -> None:
        """Open the file."""
        self._file = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._file.execute(
            "create table if not exists notices (id text primary key, text text, since real, tries integer default 0, "
            "retry real, claimed real, outcome text, at real)"
        )
        self._file.execute("create index if not exists kept on notices (since) where outcome is null")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def keep(self, text: str, identifier: str, now: datetime) -> bool:
        """Insert the row, unless there is one."""
        self._file.execute(
            "insert into notices (id, text, since) values (?, ?, ?) on conflict do nothing",
            (identifier, text, now.timestamp()),
        )
        (outcome,) = self._file.execute("select outcome from notices where id = ?", (identifier,)).fetchone()
        return outcome is None

    def kept(self) -> Iterator[Kept]:
        """Return the rows without an outcome."""
        rows = self._file.execute(
            "select text, since, tries, retry from notices where outcome is null order by since, id"
        ).fetchall()
        for text, since, tries, retry in rows:
            yield Kept(json.loads(text), _moment(since), tries, None if retry is None else _moment(retry))

    def claim(self, identifier: str, now: datetime) -> bool:
        """Mark the row, or take over a claim that has lapsed: one statement, hence one winner."""
        claimed = self._file.execute(
            "update notices set claimed = ? where id = ? and outcome is null and (claimed is null or claimed <= ?)",
            (now.timestamp(), identifier, (now - LAPSE).timestamp()),
        )
        return claimed.rowcount == 1

    def give_back(self, identifier: str, claimed: datetime, retry: datetime) -> None:
        """Take the mark away, if it is one's own."""
        self._file.execute(
            "update notices set claimed = null, tries = tries + 1, retry = ? where id = ? and claimed = ?",
            (retry.timestamp(), identifier, claimed.timestamp()),
        )

    def done(self, identifier: str, outcome: str, now: datetime) -> None:
        """Leave the id alone in the row."""
        self._file.execute(
            "insert or replace into notices (id, outcome, at) values (?, ?, ?)", (identifier, outcome, now.timestamp())
        )

    def drop(self, identifier: str) -> None:
        """Delete the row, unless it is done."""
        self._file.execute("delete from notices where id = ? and outcome is null", (identifier,))

    def forget(self, before: datetime) -> int:
        """Delete the rows that were done before."""
        return self._file.execute("delete from notices where at < ?", (before.timestamp(),)).rowcount


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
