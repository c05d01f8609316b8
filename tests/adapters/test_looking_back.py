"""What only the real ledger and queue do when a command looks: pages that get lost, queues that may not be seen."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest

from due_notices.errors import StorageError
from due_notices.ports import Storage
from local.stack import LocalStack
from tests.adapters.conftest import OpenStorage
from tests.adapters.faulty_proxy import FaultyProxy, Step
from tests.adapters.storage_access import StorageAccess
from tests.contract.ledger_rows import TODAY, claimed, key, keys, sent

ROWS = 1200  # more than the thousand of one page


async def fill(storage: Storage) -> None:
    for start in range(0, ROWS, 100):
        await claimed(storage.ledger, keys(100, start=start))


async def test_what_was_sent_to_a_user_of_many_due_dates_takes_a_handful_of_requests(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    days = [TODAY + timedelta(days=3 * number) for number in range(150)]
    await sent(storage_by_proxy.ledger, [key(1)], partition=days[75].isoformat())
    before = len(table_proxy.seen)

    found = await storage_by_proxy.ledger.of_user(days, key(1)[:16])

    assert [past.due for past in found] == [days[75]]
    assert len(table_proxy.seen) - before <= 5


@pytest.mark.parametrize("step", [Step.REQUEST_LOST, Step.ANSWER_LOST, Step.REFUSED_503, Step.REFUSED_500])
async def test_a_page_of_history_that_got_lost_is_asked_for_again_and_no_row_comes_twice(
    storage_by_proxy: Storage, table_proxy: FaultyProxy, step: Step
) -> None:
    await fill(storage_by_proxy)
    table_proxy.plan(step, Step.PASS, step, method="GET")

    pages = [some async for some in storage_by_proxy.ledger.history(TODAY, TODAY)]

    told = [past.notice_id for some in pages for past in some]
    assert len(pages) > 1
    assert len(told) == len(set(told)) == ROWS


async def test_a_ledger_that_stays_away_is_an_error_and_no_short_history(
    storage_by_proxy: Storage, table_proxy: FaultyProxy
) -> None:
    await fill(storage_by_proxy)
    table_proxy.plan(Step.PASS, *[Step.REFUSED_503] * 20, method="GET")

    with pytest.raises(StorageError, match="ledger table"):
        [some async for some in storage_by_proxy.ledger.history(TODAY, TODAY)]


async def test_a_look_says_since_when_the_oldest_message_waits(storage: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    await storage.queue.send("first")

    oldest = (await storage.queue.look()).queue.oldest

    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC) + timedelta(seconds=2)


async def test_a_queue_that_is_not_there_is_named_with_the_remedy(
    storage: Storage, storage_access: StorageAccess
) -> None:
    storage_access.delete_queue()

    look = (await storage.queue.look()).queue

    assert (look.count, look.oldest) == (None, None)
    assert "az storage queue create" in str(look.problem)


async def test_a_refused_look_says_why(stack: LocalStack, open_storage: OpenStorage) -> None:
    wrong = base64.b64encode(b"some other key" * 4).decode()
    storage = await open_storage(
        {"NOTICE_STORAGE": re.sub("AccountKey=[^;]+", f"AccountKey={wrong}", stack.azurite.connection_string)}
    )

    look = (await storage.queue.look()).poison

    assert look.count is None
    assert "no role helps a connection string" in str(look.problem)
