"""Lists for the tests: those of real programs' dialects, and some made as a test goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from due_notices.commands.import_.asking import asked_for
from due_notices.commands.import_.entries import Entries
from due_notices.commands.import_.problems import ListRefused
from due_notices.commands.import_.reading import ReadableList, opened, read_whole, readable, recognise
from due_notices.commands.import_.rows import Entry, Row

LISTS = Path(__file__).parent / "lists"
BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 29)
NOTHING_ASKED: Mapping[str, Any] = {
    "profile": None,
    "delimiter": "",
    "dates": (),
    "decimal": None,
    "currency": None,
    "status": (),
    "columns": (),
    "match": (),
}


def read(path: Path, *, encoding: str = "", zone: Any = BERLIN, **asked: Any) -> ReadableList:
    """Return a list as the command reads it; `asked` are the options, as the command line has them."""
    known = asked_for(**{**NOTHING_ASKED, **asked})
    source = opened(path, encoding, known)
    return readable(source, recognise(source, known), known, zone, TODAY)


def rows(path: Path, **asked: Any) -> list[Row]:
    return list(read(path, **asked).rows())


def entries_of(path: Path, **asked: Any) -> Entries:
    """Return all that a list says, in the one pass in which the command takes it."""
    known = asked_for(**{**NOTHING_ASKED, **asked})
    source = opened(path, "", known)
    return read_whole(source, recognise(source, known), known, BERLIN, TODAY)[1]


def codes(refused: ListRefused) -> set[str]:
    return {problem.code for problem in refused.problems}


def facts(entry: Entry) -> dict[str, object]:
    """Return an entry as the expectations write it."""
    return {
        "customer": entry.customer,
        "due": entry.due.isoformat(),
        "ref": entry.ref,
        "amount": entry.amount,
        "currency": entry.currency,
        "status": entry.state,
    }


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path
