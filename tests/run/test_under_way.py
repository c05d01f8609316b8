"""What is under way comes to its end before anything else happens, and not too much is under way at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime

import pytest

from due_notices.delivery import SENDS_AT_A_TIME
from due_notices.ports import Claim
from due_notices.report import Outcome
from tests.run.world import World, customers


@pytest.fixture
def world() -> World:
    world = World(customers(1_000), page_size=999)
    world.storage.queue.latency = lambda: 0.0  # lets other work go on, and takes no time
    return world


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("after", [1, 150])
def test_after_ctrl_c_the_storage_stays_open_until_what_is_under_way_is_marked_as_sent(
    world: World, after: int
) -> None:
    mark_sent, open_then, sends = world.storage.ledger.mark_sent, [], []

    async def watched(partition: str, sent: Mapping[str, str], claim: Claim, at: datetime) -> None:
        for _ in range(50):  # much else could happen meanwhile
            await asyncio.sleep(0)
        await mark_sent(partition, sent, claim, at)
        open_then.append(world.storage.opened - world.storage.closed)

    def interrupt(_: str) -> None:
        sends.append("")
        if len(sends) == after:
            os.kill(os.getpid(), signal.SIGINT)

    world.storage.ledger.mark_sent = watched  # type: ignore[method-assign]
    world.storage.queue.before_send = interrupt

    with pytest.raises(KeyboardInterrupt):
        world.run()

    assert open_then
    assert set(open_then) == {1}
    assert world.storage.ledger.sent_ids == set(world.ids)


def test_when_a_send_fails_in_a_way_that_is_not_expected_the_others_are_marked_as_sent(world: World) -> None:
    sends: list[str] = []

    def fail_once(_: str) -> None:
        sends.append("")
        if len(sends) == 3:
            raise ZeroDivisionError

    world.storage.queue.before_send = fail_once

    report = world.run()

    assert report.outcome is Outcome.FAILED
    assert "ZeroDivisionError" in str(report.error)
    assert len(world.ids) == len(set(world.ids)) == 999
    assert world.storage.ledger.sent_ids == set(world.ids)
    assert len(world.storage.ledger.claimed) == 1  # of the one that failed no answer says what became of it


def test_no_more_is_sent_at_a_time_than_the_queue_should_take(world: World) -> None:
    send, under_way, most = world.storage.queue.send, 0, 0

    async def watched(text: str) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await send(text)
        finally:
            under_way -= 1

    world.storage.queue.send = watched  # type: ignore[method-assign]

    assert world.run().outcome is Outcome.COMPLETED

    assert most == SENDS_AT_A_TIME
