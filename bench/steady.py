"""A ledger in steady state: every due date in the window full of rows, as each stage that has passed was sent.

The due dates are all that a run asks for; a tenth of the obligations sent of is still open, and today as many notices
are owed as on each day before. `ours` asks what was sent through the program's own adapter, as many partitions at a
time as a run does; `sdk` reads the same columns with the asynchronous client of azure-data-tables. A whole run in this
state is the scenario *steady-run*, and `forget_ours` deletes what is old.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs

from bench.customers import STAGES, graph_user, today
from bench.done import Done

CATCH_UP, LOOK_BACK = 3, 30  # days, the defaults
OPEN_SHARE = 10  # one in so many obligations
ROWS = 1_000  # a page of the service
COLUMNS = ("RowKey", "state", "businessDate", "hasReference")
_OLD = date(2020, 1, 1)  # long to be forgotten


def due_dates() -> list[date]:
    """Return the due dates that a run asks for."""
    return [today() + timedelta(days=ahead) for ahead in range(-CATCH_UP - LOOK_BACK, -min(STAGES) + 1)]


def stages_of(due: date) -> list[int]:
    """Return the stages of a due date that were sent by now."""
    return [stage for stage in STAGES if due + timedelta(days=stage) < today()]


def rows(a_day: int) -> int:
    """Return how many rows the ledger has when so many obligations are due on each day; a day's notices are four."""
    return a_day * sum(len(stages_of(due)) for due in due_dates())


def kept(a_day: int) -> int:
    """Return how many of them are of open obligations, and stay in memory."""
    return rows(len(range(0, a_day, OPEN_SHARE)))


def directory(a_day: int) -> list[dict[str, Any]]:
    """Return the users: whose obligations are still open, and as many new ones as today's notices lack."""
    owed_today = {today() - timedelta(days=stage) for stage in STAGES}
    return [
        graph_user(_id(due, number), due)
        for due in due_dates()
        for number in range(a_day)
        if number % OPEN_SHARE == 0 or due in owed_today
    ]


class FullTable:
    """The pages of each partition, rendered beforehand."""

    def __init__(self, a_day: int, old: int = 0) -> None:
        """Render `a_day` obligations for each due date, and `old` rows of one long ago."""
        self._pages = {due.isoformat(): list(_render(due, a_day)) for due in due_dates()} if a_day else {}
        if old:
            keys = [{"PartitionKey": str(_OLD), "RowKey": f"{number:032x}_0"} for number in range(old)]
            self._pages[_OLD.isoformat()] = list(_in_pages(keys))

    def page(self, query: str) -> tuple[bytes, str] | None:
        """Return body and headers of the page that a query asks for; None where it is about no full partition."""
        asked = parse_qs(query)
        condition = asked.get("$filter", [""])[0]
        is_old = condition.startswith("PartitionKey lt '") and "businessDate lt" in condition
        pages = self._pages.get(str(_OLD) if is_old else condition.removeprefix("PartitionKey eq ").strip("'"))
        if pages is None:
            return None
        number = int(asked.get("NextRowKey", ["0"])[0])
        more = number + 1 < len(pages)
        following = f"x-ms-continuation-NextPartitionKey: p\r\nx-ms-continuation-NextRowKey: {number + 1}\r\n"
        return pages[number], following if more else ""


def _render(due: date, a_day: int) -> Iterator[bytes]:
    from due_notices.model import Obligation, obligation_key, user_key

    obligation, passed = obligation_key(Obligation(due)), stages_of(due)
    users = (_id(due, number) if number % OPEN_SHARE == 0 else f"{number} of {due}" for number in range(a_day))
    found = [
        {
            "RowKey": f"{user}{obligation}_{stage}",
            "state": "sent",
            "businessDate": str(due + timedelta(days=stage)),
            "hasReference": True,
        }
        for user in map(user_key, users)
        for stage in passed
    ]
    return _in_pages(sorted(found, key=lambda row: str(row["RowKey"])))


def _in_pages(found: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    for start in range(0, max(len(found), 1), ROWS):
        yield json.dumps({"value": found[start : start + ROWS]}, separators=(",", ":")).encode()


def _id(due: date, number: int) -> str:
    """Return the user who owes the n-th obligation of a due date."""
    return f"{due:%Y%m%d}-0000-4000-8000-{number:012x}"


def _asked() -> tuple[dict[date, frozenset[str]], int]:
    """Return the users with an open obligation by due date, and how many rows there are in all."""
    from due_notices.model import user_key

    a_day = int(os.environ["BENCH_SENT_A_DAY"])  # noqa: TID251
    users = {
        due: frozenset(user_key(_id(due, number)) for number in range(0, a_day, OPEN_SHARE)) for due in due_dates()
    }
    return users, rows(a_day)


def steady_ours() -> Done:
    """Ask through the program's own adapter."""
    from due_notices import bootstrap
    from due_notices.adapters.clock import SystemClock
    from due_notices.reading import DUE_DATES_AT_A_TIME

    users, count = _asked()

    async def ask() -> float:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            permits = asyncio.Semaphore(DUE_DATES_AT_A_TIME)

            async def one(due: date) -> Any:
                async with permits:
                    return await storage.ledger.sent(due, users[due], today())

            return await _timed(users, one)

    return Done(0, count, 0.0, asyncio.run(ask()))


def steady_sdk() -> Done:
    """Ask with the asynchronous client of azure-data-tables."""
    from azure.data.tables.aio import TableClient

    from due_notices.reading import DUE_DATES_AT_A_TIME

    users, count = _asked()

    async def ask() -> float:
        environ = os.environ  # noqa: TID251
        async with TableClient.from_connection_string(
            environ["NOTICE_STORAGE"], environ["LEDGER_TABLE"], use_env_settings=False
        ) as table:
            permits = asyncio.Semaphore(DUE_DATES_AT_A_TIME)

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

    return Done(0, count, 0.0, asyncio.run(ask()))


def forget_ours() -> Done:
    """Forget what is old, through the program's own adapter."""
    from due_notices import bootstrap
    from due_notices.adapters.clock import SystemClock

    async def forget() -> tuple[int, float]:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            started = time.perf_counter()
            count = await storage.ledger.forget(today(), today())
            return count, time.perf_counter() - started

    count, seconds = asyncio.run(forget())
    return Done(0, count, 0.0, seconds)


async def _timed(users: dict[date, frozenset[str]], one: Any) -> float:
    """Return the seconds until all is known, and hold it to what is there."""
    started = time.perf_counter()
    found = await asyncio.gather(*(one(due) for due in users))
    elapsed = time.perf_counter() - started
    if [len(each) for each in found] != [len(users[due]) if stages_of(due) else 0 for due in users]:
        raise RuntimeError("not all that was sent was found")
    return elapsed
