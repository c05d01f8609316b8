"""How fast a queue or a partition is written to once it has said that it is busy: near its limit, and hardly beyond."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from due_notices.adapters.retries import STORAGE, Pace
from tests.run.virtual_time import LoopClock, VirtualLoop

TARGET = 2_000
ANSWERS_AFTER = 0.01  # seconds


@dataclass
class Partition:
    """Takes `rate` rows a second, and a second's worth at once."""

    rate: float
    taken: int = 0
    refused: int = 0
    most_refusals: int = 0
    _left: float = field(init=False)
    _at: float = 0.0

    def __post_init__(self) -> None:
        self._left = self.rate

    async def writes(self, rows: int) -> bool:
        """Answer whether it took them."""
        await asyncio.sleep(ANSWERS_AFTER)
        now = asyncio.get_running_loop().time()
        self._left, self._at = min(self._left + (now - self._at) * self.rate, self.rate), now
        if self._left < rows:
            self.refused += 1
            return False
        self._left -= rows
        self.taken += rows
        return True


def written(seconds: float, rate: Callable[[float], float], *, rows: int = 100, writers: int = 4) -> Partition:
    """Return the partition after `writers` wrote to it for so long, as the adapters do, at a `rate` that may change."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_written(seconds, rate, rows, writers))


async def _written(seconds: float, rate: Callable[[float], float], rows: int, writers: int) -> Partition:
    loop, pace, partition = asyncio.get_running_loop(), Pace(LoopClock(), TARGET), Partition(rate(0.0))

    async def write() -> None:
        while loop.time() < seconds:
            for attempt in range(1, STORAGE.attempts + 1):
                await pace.turn(rows)
                partition.rate = rate(loop.time())
                if await partition.writes(rows):
                    break
                pace.refused()
                partition.most_refusals = max(partition.most_refusals, attempt)
                await asyncio.sleep(STORAGE.pause(attempt))

    await asyncio.gather(*(write() for _ in range(writers)))
    return partition


def test_what_is_never_busy_is_never_waited_for() -> None:
    partition = written(10, lambda _: 1e9)

    assert partition.taken == pytest.approx(4 * 100 / ANSWERS_AFTER * 10, rel=0.01)


@pytest.mark.parametrize("share", [0.25, 0.9, 1.0, 1.5])
def test_what_takes_about_its_target_is_written_to_nearly_as_fast(share: float) -> None:
    partition = written(200, lambda _: share * TARGET)

    assert partition.taken > 0.95 * min(share, 1.2) * TARGET * 200
    assert partition.refused < 0.1 * partition.taken / 100
    assert partition.most_refusals < STORAGE.attempts, "each was taken in the end"


def test_messages_of_many_at_a_time_are_all_taken_in_the_end() -> None:
    queue = written(30, lambda _: TARGET / 4, rows=1, writers=64)

    assert queue.taken > 0.9 * TARGET / 4 * 30
    assert queue.refused < 0.1 * queue.taken
    assert queue.most_refusals < STORAGE.attempts


def test_what_was_busy_for_a_moment_is_soon_written_to_as_fast_as_it_is_made_for() -> None:
    partition = written(60, lambda at: 0 if at < 1 else 1e9)

    assert partition.taken > TARGET * 58


def test_what_takes_ever_less_is_written_to_ever_more_slowly() -> None:
    partition = written(300, lambda at: TARGET * max(1 - at / 250, 0.2))

    assert partition.most_refusals < STORAGE.attempts
    assert partition.refused < 0.05 * partition.taken / 100


def test_a_short_pause_in_writing_is_made_up_for_and_a_long_one_is_not() -> None:
    async def turns() -> list[float]:
        loop = asyncio.get_running_loop()
        pace, waited = Pace(LoopClock(), TARGET), []
        pace.refused()
        for pause in (0.0, 0.1, 10.0):
            await pace.turn(TARGET)  # a second's worth
            await asyncio.sleep(1 + pause)
            before = loop.time()
            for _ in range(2):
                await pace.turn(TARGET // 10)
            waited.append(loop.time() - before)
        return waited

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        none, little, long = runner.run(turns())

    assert none == pytest.approx(0.1, abs=0.02)
    assert little == pytest.approx(0.0, abs=0.02)
    assert long == pytest.approx(0.0, abs=0.02)
