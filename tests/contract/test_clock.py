from __future__ import annotations

import asyncio
from datetime import timedelta

from due_notices.ports import Clock


def test_now_is_in_utc(any_clock: Clock) -> None:
    assert any_clock.now().utcoffset() == timedelta(0)


def test_sleeping_lets_time_pass(any_clock: Clock) -> None:
    now, monotonic = any_clock.now(), any_clock.monotonic()

    any_clock.sleep(0.02)

    assert any_clock.now() - now >= timedelta(seconds=0.015)
    assert any_clock.monotonic() - monotonic >= 0.015


async def test_waiting_lets_time_pass_and_other_work_go_on(any_clock: Clock) -> None:
    monotonic, done = any_clock.monotonic(), []

    async def other() -> None:
        done.append("other")

    task = asyncio.create_task(other())
    await any_clock.wait(0.02)

    assert any_clock.monotonic() - monotonic >= 0.015
    assert done == ["other"]
    await task
