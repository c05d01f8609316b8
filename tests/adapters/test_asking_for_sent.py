"""Of a large partition the ledger reads pages, or asks user by user: whichever is less, and the answer is the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from due_notices.adapters.table_ledger import USERS_A_PAGE, TableLedger
from due_notices.adapters.table_query import PAGE
from tests.contract.ledger_rows import DUE, TODAY
from tests.fakes import MINE, MovableClock

STAGES = (-7, -3, -1)  # three rows a user: a page ends within a user's
USERS = sorted(hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(4_000))
ROWS = [f"{user}{user[::-1]}_{stage}" for user in USERS for stage in STAGES]
PAGES = -(-len(ROWS) // PAGE)


class Partition:
    """Stands for the table and the pipeline to it: one partition, in the service's pages."""

    table_name, url, credential = "the-table", "https://storage.example", None

    def __init__(self, rows: list[str]) -> None:
        self.rows, self.pages, self.ranges = rows, 0, 0

    async def get(self, url: str, *_: object) -> tuple[bytes, Mapping[str, str]]:
        asked = parse_qs(urlsplit(url).query)
        within = re.search(r"RowKey ge '(.*)' and RowKey lt '(.*)'$", asked["$filter"][0])
        rows = self.rows if within is None else [row for row in self.rows if within[1] <= row < within[2]]
        self.pages += within is None
        self.ranges += within is not None
        start = int(asked.get("NextRowKey", ["0"])[0])
        found = [
            {"RowKey": row, "state": "sent", "businessDate": "2026-11-20", "hasReference": True}
            for row in rows[start : start + PAGE]
        ]
        more = {"x-ms-continuation-NextRowKey": str(start + PAGE)} if start + PAGE < len(rows) else {}
        return json.dumps({"value": found}).encode(), more


async def ask(partition: Partition, users: set[str]) -> dict[str, Any]:
    table: Any = partition
    found = await TableLedger(table, table, MovableClock(), MINE).sent(DUE, users, TODAY)
    return {user: {name: dict(sent.stages) for name, sent in each.items()} for user, each in found.items()}


def expected(users: set[str]) -> dict[str, Any]:
    return {user: {user[::-1]: {stage: DUE.replace(month=11, day=20) for stage in STAGES}} for user in users}


@pytest.mark.parametrize(
    "users",
    [
        set(USERS[::400]),
        {USERS[333], USERS[3_999]},  # the page ends within the rows of the first
        set(USERS[:300:30]),  # no user after the first page
        {"0" * 16, "f" * 16, USERS[2_000]},
    ],
    ids=["a few", "the border", "none left", "of no user"],
)
async def test_few_users_of_a_large_partition_are_asked_for_one_by_one(users: set[str]) -> None:
    partition = Partition(ROWS)

    assert await ask(partition, users) == expected(users & set(USERS))
    assert partition.pages == 1
    assert partition.ranges == sum(user >= USERS[333] for user in users)


async def test_many_users_are_found_page_by_page() -> None:
    partition, users = Partition(ROWS), set(USERS[:: 4_000 // (2 * USERS_A_PAGE * PAGES)])

    assert await ask(partition, users) == expected(users)
    assert (partition.pages, partition.ranges) == (PAGES, 0)


async def test_where_all_rows_fit_on_a_page_no_user_is_asked_for_alone() -> None:
    partition = Partition(ROWS[:900])

    assert await ask(partition, set(USERS)) == expected(set(USERS[:300]))
    assert (partition.pages, partition.ranges) == (1, 0)


async def test_rows_of_no_user_are_read_page_by_page() -> None:
    partition = Partition([f"{number:05}-somebody-else" for number in range(1_500)])

    assert await ask(partition, {"f" * 16}) == {}
    assert (partition.pages, partition.ranges) == (2, 0)
