from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from due_notices.message import MAX_BYTES
from due_notices.ports import NoticeQueue
from due_notices.report import Waiting


@pytest.mark.parametrize(
    "text",
    ['{"a":1}', "", "Łódź, 東京, 🦊, עברית", "<xml>&amp;\x00\x01\x1f\r\n</xml>", "é" * (MAX_BYTES // 2)],
    ids=["JSON", "nothing", "letters", "control characters", "the largest"],
)
async def test_a_text_arrives_as_it_was_sent(queue: NoticeQueue, texts: Callable[[], list[str]], text: str) -> None:
    await queue.send(text)

    assert texts() == [text]


async def test_every_message_has_an_id_of_its_own(queue: NoticeQueue, texts: Callable[[], list[str]]) -> None:
    sent = await asyncio.gather(*(queue.send("the same") for _ in range(5)))

    assert len(set(sent)) == 5
    assert all(sent)
    assert texts() == ["the same"] * 5


async def test_many_at_a_time_all_arrive(queue: NoticeQueue, texts: Callable[[], list[str]]) -> None:
    wanted = sorted(f"text {number}" for number in range(100))

    await asyncio.gather(*(queue.send(text) for text in wanted))

    assert texts() == wanted


async def test_how_many_wait(queue: NoticeQueue) -> None:
    before = await queue.waiting()
    for _ in range(3):
        await queue.send("x")

    assert before == Waiting(queue=0, poison=0)
    assert await queue.waiting() == Waiting(queue=3, poison=0)
