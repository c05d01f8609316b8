"""Two hundred deaths of processes in the middle of shards, on the fakes; `tests/faults/shards.py` has real ones."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from due_notices.report import Outcome
from due_notices.services import Services
from tests.fan_out.days import Day, crowd, world_of
from tests.fan_out.engine import ProcessEnded
from tests.faults.child import watched
from tests.run.world import World

USERS, SHARDS, ROUNDS, KILLS = 110, 8, 10, 20
DYING = 0.6  # of the activities, as long as there are kills left
MOST_CALLS = 40  # of the storage, beginnings and ends, that an activity makes before it dies


class Killed(BaseException):
    """The process is gone: not even its clean-up happens."""


@dataclass
class MortalWorld(World):
    """A world whose processes die at a call of the storage: `dies_after` so many, counted by the calls' begin and end.

    From then on no call leaves the process, nor comes back.
    """

    dies_after: int | None = None
    calls: int = 0

    @property
    def services(self) -> Services:
        return replace(super().services, open_storage=watched(self.storage, self._on_call))

    def _on_call(self, _when: str, _method: str) -> None:
        self.calls += 1
        if self.dies_after is not None and self.calls > self.dies_after:
            raise Killed


@dataclass
class KilledDay(Day):
    """A day in shards, in which the processes of `left` activities die."""

    left: int = KILLS
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    unfinished: set[str] = field(default_factory=set)

    def _do(self, name: str, given: Any, attempt: int) -> Any:
        world = self.world
        assert isinstance(world, MortalWorld)
        dies = self.left > 0 and self.rng.random() < DYING
        world.calls, world.dies_after = 0, self.rng.randrange(self.rng.randint(1, MOST_CALLS)) if dies else None
        try:
            return super()._do(name, given, attempt)
        except Killed:
            self.left -= 1
            self.unfinished |= world.storage.ledger.claimed
            raise ProcessEnded from None


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_of_two_hundred_deaths_none_loses_a_notice_and_every_repeat_has_the_same_id(seed: int) -> None:
    alone = world_of(crowd(USERS))
    alone.run()
    left, rng = KILLS, random.Random(seed)
    while left:
        world = MortalWorld(crowd(USERS))
        world.policy = replace(world.policy, limit=len(alone.ids))
        day = KilledDay(world, SHARDS, seed, rng=rng, left=left)

        reports = [day.run()]
        while not reports[-1].completed and len(reports) < 9:
            world.next_tick()
            reports.append(day.run())

        left = day.left
        assert reports[-1].outcome is Outcome.COMPLETED
        assert sorted(set(world.ids)) == alone.ids
        assert {notice for notice, times in Counter(world.ids).items() if times > 1} <= day.unfinished
        assert world.storage.ledger.sent_ids == set(alone.ids)
        recorded = list(world.storage.ledger.records.values())
        if Outcome.BEGAN not in {run.outcome for run in recorded}:  # each run came to its record
            assert sum(run.sent for run in recorded) == len(alone.ids)


@pytest.mark.parametrize("seed", range(3))
def test_with_one_notice_too_many_no_death_sends_anything(seed: int) -> None:
    alone = world_of(crowd(USERS))
    alone.run()
    world = MortalWorld(crowd(USERS))
    world.policy = replace(world.policy, limit=len(alone.ids) - 1)
    day = KilledDay(world, SHARDS, seed, rng=random.Random(seed))

    outcomes = [day.run().outcome]
    while day.left:
        world.next_tick()
        outcomes.append(day.run().outcome)

    assert outcomes[-1] in {Outcome.LIMIT, Outcome.FAILED}
    assert world.ids == []
