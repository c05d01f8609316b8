"""What is to be written, and what of it is done: one file of lines, written before anything else is.

    {"format":"due-notices import 1", …}            whose it is, and how many users follow
    {"id":"…","before":…,"after":…}                 a user: the value of before, and that of after
    {"end":2000}                                    all users are there
    {"by":{"pid":7,"host":"…","since":"…"}}         who writes; the file is locked as long as that process lives
    {"done":["…","…"]}                              written, as the directory has said
    {"failed":{"…":"404 Request_ResourceNotFound"}} not written, and why
    {"undone":["…"]}                                the old value is back

A journal appears under its name only when its users are all in it. A last line that a kill has cut off counts for
nothing. It holds dates, references and amounts of the directory: it is as confidential as the list.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import msgspec

from due_notices.commands.import_.changes import Value
from due_notices.errors import DueNoticesError

FORMAT = "due-notices import 1"
_FAR = 1 << 30


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
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        users = 0
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(msgspec.json.encode({"format": FORMAT, **head}) + b"\n")
                for identifier, before, after in writes:
                    stream.write(msgspec.json.encode({"id": identifier, "before": before, "after": after}) + b"\n")
                    users += 1
                stream.write(msgspec.json.encode({"end": users}) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            _publish(draft, path)
        except FileExistsError as error:
            raise JournalError(f"another import has just begun {path}: call the same command again") from error
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be written ({error.strerror}): choose a place with --journal"
            ) from error
        finally:
            draft.unlink(missing_ok=True)
        return cls(path, head, users)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return a journal with its marks. Raises JournalError."""
        try:
            with path.open("rb") as stream:
                head = msgspec.json.decode(stream.readline())
                if not isinstance(head, dict) or head.get("format") != FORMAT:
                    raise JournalError(f"{path} is not a journal of an import that this version knows")
                journal = cls(path, head)
                for line in stream:
                    journal._take(line)
        except OSError as error:
            raise JournalError(f"the journal {path} cannot be read ({error.strerror}): check the path") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise JournalError(f"{path} is not a journal of an import: check the path") from error
        return journal

    def _take(self, line: bytes) -> None:
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
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
                    found = msgspec.json.decode(line)
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

    def begin(self, since: str = "") -> None:
        """Keep every other import from this journal, as long as it is open and this process lives.

        The lock is the file's own and ends with the process, however that ends. Raises JournalError where another
        process has it.
        """
        try:
            self._marks = self.path.open("r+b")
        except OSError as error:
            raise JournalError(f"the journal {self.path} cannot be written ({error.strerror})") from error
        if not _locked(self._marks):
            self.close()
            raise JournalError(
                f"{self.path} is in use by another import{_by(self.path)}: wait until that has ended, or end it "
                "and call this command again; nothing was written by this one"
            )
        self._marks.seek(0, os.SEEK_END)
        by = {"by": {"pid": os.getpid(), "host": socket.gethostname(), "since": since}}
        self._marks.write(b"\n" + msgspec.json.encode(by) + b"\n")  # the first ends a line that a kill has cut off
        self._marks.flush()

    @staticmethod
    def refuse_if_held(path: Path) -> None:
        """Raise JournalError where another import writes by the journal at this path, if there is one."""
        if path.exists():
            with path.open("r+b") as stream:
                if _locked(stream):
                    return
            raise JournalError(f"the same import is under way{_by(path)}, by {path}: wait until that has ended")

    def mark(self, done: Sequence[str], failed: Mapping[str, str], *, undo: bool = False) -> None:
        """Write down what is done; it is on the disk when this returns."""
        if self._marks is None:
            self.begin()
        assert self._marks is not None  # noqa: S101 (it has begun)
        entry: dict[str, Any] = {"undone" if undo else "done": list(done)} if done else {}
        if failed:
            entry["failed"] = dict(failed)
        if entry:
            self._marks.write(msgspec.json.encode(entry) + b"\n")
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


def _publish(draft: Path, path: Path) -> None:
    """Give a whole journal its name. Raises FileExistsError where another has taken it meanwhile."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError from None
        draft.replace(path)


def _locked(stream: IO[bytes]) -> bool:
    """Lock an open file against other processes; return whether it is ours. It is free again when it is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            stream.seek(_FAR)  # what is locked there cannot be read; a journal has no such bytes
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _by(path: Path) -> str:
    """Return who last wrote by a journal."""
    last = b""
    with path.open("rb") as stream:
        for line in stream:
            last = line if line.startswith(b'{"by"') else last
    try:
        by = msgspec.json.decode(last)["by"]
    except (msgspec.DecodeError, KeyError):
        return ""
    return f" (process {by['pid']} on {by['host']}, since {by['since']})"
