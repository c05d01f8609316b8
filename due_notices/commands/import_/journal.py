"""What is to be written, and what of it is done: one file of lines, written before anything else is.

    {"format":"due-notices import 1", …}            whose it is, and how many users follow
    {"id":"…","before":…,"after":…}                 a user: the value of before, and that of after
    {"end":2000}                                    all users are there
    {"done":["…","…"]}                              written, as the directory has said
    {"failed":{"…":"404 Request_ResourceNotFound"}} not written, and why
    {"undone":["…"]}                                the old value is back

A journal appears under its name only when its users are all in it. A last line that a kill has cut off counts for
nothing. It holds dates, references and amounts of the directory: it is as confidential as the list.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import orjson

from due_notices.commands.import_.changes import Value
from due_notices.errors import DueNoticesError

FORMAT = "due-notices import 1"


class JournalError(DueNoticesError):
    """The journal cannot be written or is none."""


class Write(NamedTuple):
    """One user: the value of before, and that of after."""

    id: str
    before: Value
    after: Value


@dataclass
class Journal:
    """One journal, open for marking. Marks are on the disk before the next batch is sent."""

    path: Path
    head: Mapping[str, Any]
    users: int = 0
    done: set[bytes] = field(default_factory=set)
    undone: set[bytes] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._marks: IO[bytes] | None = None

    @classmethod
    def made(cls, path: Path, head: Mapping[str, Any], writes: Iterable[tuple[str, Value, Value]]) -> Self:
        """Write a new journal with all its users. Raises JournalError."""
        draft = path.with_name(f".{path.name}.new")
        users = 0
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(orjson.dumps({"format": FORMAT, **head}) + b"\n")
                for identifier, before, after in writes:
                    stream.write(orjson.dumps({"id": identifier, "before": before, "after": after}) + b"\n")
                    users += 1
                stream.write(orjson.dumps({"end": users}) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be written ({error.strerror}): choose a place with --journal"
            ) from error
        return cls(path, head, users)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return a journal with its marks. Raises JournalError."""
        try:
            with path.open("rb") as stream:
                head = orjson.loads(stream.readline())
                if not isinstance(head, dict) or head.get("format") != FORMAT:
                    raise JournalError(f"{path} is no journal of an import that this version knows")
                journal = cls(path, head)
                for line in stream:
                    journal._take(line)
        except OSError as error:
            raise JournalError(f"the journal {path} cannot be read ({error.strerror}): check the path") from error
        except orjson.JSONDecodeError as error:
            raise JournalError(f"{path} is no journal of an import: check the path") from error
        return journal

    def _take(self, line: bytes) -> None:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            return  # cut off by a kill: what it would have marked is looked up again
        if "id" in found:
            self.users += 1
        for identifier in found.get("done", ()):
            self.done.add(_short(identifier))
            self.failed.pop(identifier, None)
        for identifier in found.get("undone", ()):
            self.undone.add(_short(identifier))
        self.failed.update(found.get("failed", {}))

    def writes(self) -> Iterator[Write]:
        """Yield the users, one by one from the disk."""
        with self.path.open("rb") as stream:
            for line in stream:
                if line.startswith(b'{"id"'):
                    found = orjson.loads(line)
                    yield Write(found["id"], found["before"], found["after"])
                elif line.startswith(b'{"end"'):
                    return

    def is_done(self, identifier: str) -> bool:
        """Whether a user's new value is known to be in the directory."""
        return _short(identifier) in self.done

    @property
    def finished(self) -> bool:
        """Whether nothing is left to write."""
        return len(self.done) + len(self.failed) >= self.users or bool(self.undone)

    def mark(self, done: Sequence[str], failed: Mapping[str, str], *, undo: bool = False) -> None:
        """Write down what is done; it is on the disk when this returns."""
        if self._marks is None:
            self._marks = self.path.open("ab")
            self._marks.write(b"\n")  # ends a line that a kill has cut off
        entry: dict[str, Any] = {"undone" if undo else "done": list(done)} if done else {}
        if failed:
            entry["failed"] = dict(failed)
        if entry:
            self._marks.write(orjson.dumps(entry) + b"\n")
            self._marks.flush()
            os.fsync(self._marks.fileno())
        (self.undone if undo else self.done).update(map(_short, done))
        self.failed.update(failed)

    def close(self) -> None:
        """Close the file."""
        if self._marks is not None:
            self._marks.close()
            self._marks = None


def _short(identifier: str) -> bytes:
    return bytes.fromhex(identifier.replace("-", ""))
