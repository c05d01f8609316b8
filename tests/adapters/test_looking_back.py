"""What only the real ledger and queue do when somebody looks: pages that get lost, queues that may not be seen."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest

from due_notices.errors import StorageError
from due_notices.ports import Claim, ClaimRow, Storage
from local.stack import LocalStack
from tests.adapters.conftest import OpenStorage
from tests.adapters.faulty_proxy import FaultyProxy, Step
from tests.adapters.storage_access import StorageAccess

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = 1200  # more than the thousand of one page


async def fill(storage: Storage) -> None:
    identifiers = [f"{number:032x}" for number in range(ROWS)]
    for start in range(0, ROWS, 100):
        chunk = identifiers[start : start + 100]
        rows = [ClaimRow(identifier, "alice", "hash") for identifier in chunk]
        await storage.ledger.claim("2026-12-01_0", rows, Claim("run", NOON), {})


@pytest.mark.parametrize("step", [Step.REQUEST_LOST, Step.ANSWER_LOST, Step.REFUSED_503, Step.REFUSED_500])
async def test_a_page_of_history_that_got_lost_is_asked_for_again_and_nothing_is_told_twice(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await fill(storage_by_proxy)
    table_proxy.plan(step, Step.PASS, step, method="GET")

    pages = [some async for some in storage_by_proxy.ledger.history(NOON - DAY, NOON + DAY)]

    told = [past.entry.notice_id for some in pages for past in some]
    assert len(pages) > 1
    assert len(told) == len(set(told)) == ROWS


async def test_a_ledger_that_stays_away_is_an_error_and_no_short_history(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    await fill(storage_by_proxy)
    table_proxy.plan(Step.PASS, *[Step.REFUSED_503] * 20, method="GET")

    with pytest.raises(StorageError, match="ledger table"):
        [some async for some in storage_by_proxy.ledger.history(NOON - DAY, NOON + DAY)]


async def test_a_look_tells_since_when_the_oldest_message_waits(storage: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    await storage.queue.send("first")

    oldest = (await storage.queue.look()).queue.oldest

    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC) + timedelta(seconds=2)


async def test_a_queue_that_is_not_there_is_told_with_the_remedy(
    storage: Storage, storage_access: StorageAccess
) -> None:
    storage_access.delete_queue()

    look = (await storage.queue.look()).queue

    assert (look.count, look.oldest) == (None, None)
    assert "az storage queue create" in str(look.problem)


async def test_who_may_not_look_is_told_why(stack: LocalStack, open_storage: OpenStorage) -> None:
    wrong = base64.b64encode(b"some other key" * 4).decode()
    storage = await open_storage(
        {"NOTICE_STORAGE": re.sub("AccountKey=[^;]+", f"AccountKey={wrong}", stack.azurite.connection_string)}
    )

    look = (await storage.queue.look()).poison

    assert look.count is None
    assert "no role helps a connection string" in str(look.problem)
