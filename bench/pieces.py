"""The two pieces of a run that it repeats most, alone: putting messages, and claiming notices in the ledger.

`ours` goes through the program's own adapters, as many at a time as a run does; `sdk` does the same with the
Storage SDKs' asynchronous clients at their best (no look-up of proxies at each request); the others are what
the contenders do.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from bench.customers import ATTRIBUTE
from bench.done import SENDS_AT_A_TIME, Done, message

PUTS = 4_000
TRANSACTIONS = 200
ROWS = 100
A_MESSAGE = message({"id": "0" * 36, "displayName": "Customer Number 1", "mail": "c@example.com", ATTRIBUTE: "-"}, -7)
DUE = "2026-12-01"
_NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def put_ours() -> Done:
    """Put messages through the program's own adapter."""
    from due_notices import bootstrap
    from due_notices.adapters.clock import SystemClock
    from due_notices.delivery import SENDS_AT_A_TIME as AT_A_TIME

    async def put() -> float:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            return await _timed(lambda _: storage.queue.send(A_MESSAGE), PUTS, AT_A_TIME)

    return Done(0, PUTS, 0.0, asyncio.run(put()))


def put_sdk(**options: Any) -> Done:
    """Put messages with the asynchronous client, many at a time."""
    from azure.storage.queue import TextBase64EncodePolicy
    from azure.storage.queue.aio import QueueClient

    async def put() -> float:
        environ = os.environ  # noqa: TID251
        async with QueueClient.from_connection_string(
            environ["NOTICE_STORAGE"],
            environ["NOTICE_QUEUE"],
            message_encode_policy=TextBase64EncodePolicy(),
            **options,
        ) as queue:
            return await _timed(lambda _: queue.send_message(A_MESSAGE, time_to_live=-1), PUTS, SENDS_AT_A_TIME)

    return Done(0, PUTS, 0.0, asyncio.run(put()))


def put_sample() -> Done:
    """Put messages one after another."""
    from azure.storage.queue import QueueClient, TextBase64EncodePolicy

    environ, count = os.environ, PUTS // 4  # noqa: TID251
    with QueueClient.from_connection_string(
        environ["NOTICE_STORAGE"], environ["NOTICE_QUEUE"], message_encode_policy=TextBase64EncodePolicy()
    ) as queue:
        queue.send_message(A_MESSAGE, time_to_live=-1)
        started = time.perf_counter()
        for _ in range(count):
            queue.send_message(A_MESSAGE, time_to_live=-1)
        return Done(0, count, 0.0, time.perf_counter() - started)


def claim_ours() -> Done:
    """Claim notices through the program's own adapter."""
    from due_notices import bootstrap
    from due_notices.adapters.clock import SystemClock
    from due_notices.delivery import CHUNKS_AT_A_TIME
    from due_notices.ports import Claim, ClaimRow

    async def claim() -> float:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            return await _timed(
                lambda number: storage.ledger.claim(
                    DUE,
                    [
                        ClaimRow(f"{number:016x}{row:016x}_-7", "0" * 32, "0" * 36, True, "0" * 64)  # noqa: FBT003
                        for row in range(ROWS)
                    ],
                    Claim("0" * 32, _NOW, _NOW.date()),
                    _NOW,
                ),
                TRANSACTIONS,
                CHUNKS_AT_A_TIME,
            )

    return Done(0, TRANSACTIONS * ROWS, 0.0, asyncio.run(claim()))


def claim_sdk() -> Done:
    """Claim notices with the asynchronous client of azure-data-tables."""
    from azure.data.tables.aio import TableClient

    from due_notices.delivery import CHUNKS_AT_A_TIME

    async def claim() -> float:
        environ = os.environ  # noqa: TID251
        async with TableClient.from_connection_string(
            environ["NOTICE_STORAGE"], environ["LEDGER_TABLE"], use_env_settings=False
        ) as table:

            def transaction(number: int) -> Awaitable[object]:
                rows = [
                    {
                        "PartitionKey": DUE,
                        "RowKey": f"{number:016x}{row:016x}_-7",
                        "noticeId": "0" * 32,
                        "hasReference": True,
                        "businessDate": _NOW.date().isoformat(),
                        "state": "claimed",
                        "claimId": "0" * 32,
                        "claimedAt": _NOW,
                        "userId": "0" * 36,
                        "messageHash": "0" * 64,
                    }
                    for row in range(ROWS)
                ]
                return table.submit_transaction([("create", row) for row in rows])

            return await _timed(transaction, TRANSACTIONS, CHUNKS_AT_A_TIME)

    return Done(0, TRANSACTIONS * ROWS, 0.0, asyncio.run(claim()))


async def _timed(work: Callable[[int], Awaitable[object]], count: int, at_a_time: int) -> float:
    """Return the seconds that `count` pieces of work take, some at a time, once the first has opened the way."""
    permits = asyncio.Semaphore(at_a_time)

    async def one(number: int) -> None:
        async with permits:
            await work(number)

    await one(count)
    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - started
