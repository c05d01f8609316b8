"""A ledger in steady state: every due date in the window full of rows, as each stage that has passed was sent.

`ours` asks what was sent through the program's own adapter, as many partitions at a time as a run does; `sdk` reads
the same columns with the asynchronous client of azure-data-tables. A tenth of the obligations is still open.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs

from bench.customers import STAGES, today
from bench.done import Done

CATCH_UP, LOOK_BACK = 3, 30  # days, the defaults
OPEN_SHARE = 10  # one in so many obligations
AT_A_TIME = 8  # partitions
ROWS = 1_000  # a page of the service
COLUMNS = ("RowKey", "state", "businessDate", "hasReference")


def due_dates() -> list[date]:
    """Return the due dates that a run asks for."""
    return [today() + timedelta(days=ahead) for ahead in range(-CATCH_UP - LOOK_BACK, -min(STAGES) + 1)]


def stages_of(due: date) -> list[int]:
    """Return the stages of a due date that were sent by now."""
    return [stage for stage in STAGES if due + timedelta(days=stage) < today()]


def user_of(due: date, number: int) -> str:
    """Return the key of the customer who owes the n-th obligation of a due date."""
    return hashlib.sha256(f"{due}{number}".encode()).hexdigest()[:16]


class FullTable:
    """The pages of each partition, rendered beforehand."""

    def __init__(self, a_day: int) -> None:
        """Render `a_day` obligations for each due date."""
        self._pages = {due.isoformat(): list(self._render(due, a_day)) for due in due_dates()} if a_day else {}

    def page(self, query: str) -> tuple[bytes, str] | None:
        """Return body and headers of the page that a query asks for; None where it is about no full partition."""
        asked = parse_qs(query)
        pages = self._pages.get(asked.get("$filter", [""])[0].removeprefix("PartitionKey eq ").strip("'"))
        if pages is None:
            return None
        number = int(asked.get("NextRowKey", ["0"])[0])
        more = number + 1 < len(pages)
        following = f"x-ms-continuation-NextPartitionKey: p\r\nx-ms-continuation-NextRowKey: {number + 1}\r\n"
        return pages[number], following if more else ""

    @staticmethod
    def _render(due: date, a_day: int) -> Iterator[bytes]:
        rows = [
            {
                "RowKey": f"{user}{user[::-1]}_{stage}",
                "state": "sent",
                "businessDate": str(due + timedelta(days=stage)),
                "hasReference": True,
            }
            for user in (user_of(due, number) for number in range(a_day))
            for stage in stages_of(due)
        ]
        rows.sort(key=lambda row: str(row["RowKey"]))
        for start in range(0, max(len(rows), 1), ROWS):
            yield json.dumps({"value": rows[start : start + ROWS]}, separators=(",", ":")).encode()


def _asked() -> tuple[dict[date, frozenset[str]], int]:
    """Return the users with an open obligation by due date, and how many rows there are in all."""
    a_day = int(os.environ["BENCH_SENT_A_DAY"])  # noqa: TID251
    users = {due: frozenset(user_of(due, number) for number in range(0, a_day, OPEN_SHARE)) for due in due_dates()}
    return users, sum(a_day * len(stages_of(due)) for due in users)


def steady_ours() -> Done:
    """Ask through the program's own adapter."""
    from due_notices import bootstrap
    from due_notices.adapters.clock import SystemClock

    users, rows = _asked()

    async def ask() -> float:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            permits = asyncio.Semaphore(AT_A_TIME)

            async def one(due: date) -> Any:
                async with permits:
                    return await storage.ledger.sent(due, users[due], today())

            return await _timed(users, one)

    return Done(0, rows, 0.0, asyncio.run(ask()))


def steady_sdk() -> Done:
    """Ask with the asynchronous client of azure-data-tables."""
    from azure.data.tables.aio import TableClient

    users, rows = _asked()

    async def ask() -> float:
        environ = os.environ  # noqa: TID251
        async with TableClient.from_connection_string(
            environ["NOTICE_STORAGE"], environ["LEDGER_TABLE"], use_env_settings=False
        ) as table:
            permits = asyncio.Semaphore(AT_A_TIME)

            async def one(due: date) -> Any:
                found: dict[str, dict[str, dict[int, str]]] = {}
                async with permits:
                    async for row in table.query_entities(f"PartitionKey eq '{due}'", select=list(COLUMNS)):
                        key = row["RowKey"]
                        if key[:16] in users[due] and row["state"] == "sent":
                            obligation = found.setdefault(key[:16], {}).setdefault(key[16:32], {})
                            obligation[int(key[33:])] = row["businessDate"]
                return found

            return await _timed(users, one)

    return Done(0, rows, 0.0, asyncio.run(ask()))


async def _timed(users: dict[date, frozenset[str]], one: Any) -> float:
    """Return the seconds until all is known, and hold it to what is there."""
    started = time.perf_counter()
    found = await asyncio.gather(*(one(due) for due in users))
    elapsed = time.perf_counter() - started
    if [len(each) for each in found] != [len(users[due]) if stages_of(due) else 0 for due in users]:
        raise RuntimeError("not all that was sent was found")
    return elapsed
