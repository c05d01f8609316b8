"""A list of a million rows, read and matched with a million users, beside the least that any reader does.

The least: `csv.DictReader` over the same file, and msgspec over the directory's pages. Pages come from a file, so that
neither network nor emulator is measured. CPU seconds, since the work is all Python's.
"""

from __future__ import annotations

import csv
import datetime as dt
import gc
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.memory import peak_mb

ROWS = 1_000_000
PAGE_SIZE = 999
ATTRIBUTE = "extension_5f1b0c52c1d14f6e9a0b7c3d2e8f4a69_dueDate"
TODAY = dt.date(2026, 11, 29)
_ROOT = Path(__file__).resolve().parent.parent


def measure(rounds: int) -> dict[str, Any]:
    """Return the medians of both sides, each in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder))
        found: dict[str, list[dict[str, float]]] = {"least": [], "ours": []}
        for _ in range(rounds):
            for who, runs in found.items():
                print(f"a list of {ROWS:,} rows, {who}", file=sys.stderr)
                command = [sys.executable, "-m", "bench.lists", who, folder]
                done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
                runs.append(json.loads(done.stdout))
    middle = {
        who: {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
        for who, runs in found.items()
    }
    return {"rows": ROWS, "users": ROWS, **middle}


def _make(folder: Path) -> None:
    """Write the list, and the pages of a directory in which each row's customer has an account."""
    drawn = random.Random(1)
    head = "Invoice Number,Customer Name,Email,Invoice Date,Due Date,Total,Balance,Currency,Status,Memo\n"
    with (folder / "list.csv").open("w", encoding="utf-8") as stream:
        stream.write(head)
        for number in range(ROWS):
            due = dt.date(2026, 9, 1) + dt.timedelta(days=number % 300)
            total, balance = (drawn.randrange(100, 500_000) / 100 for _ in range(2))
            state = "sent" if number % 3 else "overdue"
            stream.write(
                f'INV-{number:07d},"Example, Customer {number}",c{number}@example.com,2026-08-01,{due},{total:.2f},'
                f"{balance:.2f},EUR,{state},Lessons\n"
            )
    with (folder / "pages.jsonl").open("wb") as pages:
        for first in range(0, ROWS, PAGE_SIZE):
            users = [_user(number, drawn) for number in range(first, min(first + PAGE_SIZE, ROWS))]
            pages.write(msgspec.json.encode({"value": users}) + b"\n")


def _user(number: int, drawn: random.Random) -> dict[str, Any]:
    name = f"c{number}@contoso.onmicrosoft.com"
    return {
        "id": str(uuid.UUID(int=drawn.getrandbits(128), version=4)),
        "userPrincipalName": name,
        "mail": f"c{number}@example.com",
        "otherMails": [],
        "identities": [
            {"signInType": "userPrincipalName", "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": name}
        ],
        "proxyAddresses": [f"SMTP:c{number}@example.com"],
        ATTRIBUTE: None,
    }


def _pages(folder: Path) -> Iterator[list[dict[str, Any]]]:
    with (folder / "pages.jsonl").open("rb") as stream:
        for line in stream:
            yield msgspec.json.decode(line)["value"]


def least(folder: Path) -> dict[str, float]:
    """Take the rows and the pages, and do nothing with them."""
    began = time.process_time()
    with (folder / "list.csv").open(newline="", encoding="utf-8") as stream:
        for _ in csv.DictReader(stream):
            pass
    rows = time.process_time()
    for _ in _pages(folder):
        pass
    return {"list_s": rows - began, "directory_s": time.process_time() - rows}


def ours(folder: Path) -> dict[str, float]:
    """Read the list, read the directory and find out who is meant; then work out what would change."""
    from due_notices.commands.import_.changes import Rules
    from due_notices.commands.import_.comparing import compared
    from due_notices.commands.import_.matching import Owners
    from due_notices.commands.import_.reading import opened, read_whole, recognise
    from due_notices.commands.import_.recognition import Asked
    from due_notices.model import Obligation

    gc.disable()  # as the command does
    began, matched = time.process_time(), 0.0
    asked = Asked()
    source = opened(folder / "list.csv", "", asked)
    _, entries = read_whole(source, recognise(source, asked), asked, dt.UTC, TODAY)
    read = time.process_time()

    def rules(several: bool | None) -> Rules:  # noqa: FBT001 (as the reading has found it)
        nonlocal matched
        matched = time.process_time()
        return Rules(complete=False, several=bool(several), today=TODAY, parse=lambda _: Obligation(TODAY))

    with compared(entries, Owners(entries), _pages(folder), (ATTRIBUTE,), "partial", rules) as found:
        assert found.counts["new"] == ROWS, found.counts  # noqa: S101 (what is measured must be right)
    return {
        "list_s": read - began,
        "directory_s": matched - read,
        "changes_s": time.process_time() - matched,
        "peak_mb": peak_mb(),
    }


if __name__ == "__main__":
    print(json.dumps({"least": least, "ours": ours}[sys.argv[1]](Path(sys.argv[2]))))
