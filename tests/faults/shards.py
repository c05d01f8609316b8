"""Days in shards whose processes are killed: each activity in a process of its own, the orchestrator played here."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from due_notices.fan_out import COUNT, JUDGE, PREPARE, RECORD, SEND, whole_day
from due_notices.settings import Settings
from tests.fan_out.engine import Engine, ProcessEnded, handle_of
from tests.faults.child import Activity, Point
from tests.faults.harness import A_TICK, NINE, TODAY, Arena, Case, Child
from tests.faults.scenarios import Tally

SHARDS = 8
PREFIX = len("due_notices_")
DYING = 0.35  # of the activities, as long as there are kills left
MOST_DAYS = 9  # ticks of the window
KILLS_A_DAY = 20

POINTS: Mapping[str, tuple[Point, ...]] = {
    PREPARE: (Point("before", "record_run"), Point("after", "record_run")),
    COUNT: (Point("before", "sent"), Point("after", "sent", 2)),
    JUDGE: (Point("after", "runs"),),
    SEND: (
        *(Point("before", "claim", number) for number in (1, 2)),
        *(Point("after", "claim", number) for number in (1, 2, 3)),
        *(Point("after", "send", number) for number in (1, 2, 5, 9, 14)),
        *(Point("before", "mark_sent", number) for number in (1, 2)),
        *(Point("after", "mark_sent", number) for number in (1, 2)),
    ),
    RECORD: (Point("before", "sent_by_claims"), Point("before", "record_run"), Point("after", "record_run")),
}
"""Where the process of an activity dies; one that does not come so far lives."""


class KilledDay:
    """A day in shards on a case, in which the processes of `kills` activities die."""

    def __init__(self, case: Case, rng: random.Random, kills: int, shards: int = SHARDS) -> None:
        """Begin with nothing done."""
        self.shards = shards
        self.case = case
        self.rng = rng
        self.left = kills
        self.killed = 0
        self.now = NINE

    def run(self) -> list[dict[str, Any]]:
        """Start one orchestration after another until the day is done; return how each of them ended."""
        return list(self._orchestrations())

    def _orchestrations(self) -> Iterator[dict[str, Any]]:
        for number in range(MOST_DAYS):
            self.now = NINE + number * A_TICK
            run = f"{self.rng.getrandbits(128):032x}"
            settings = Settings.from_mapping(self.case.tick(self.now).environ).policy.digest
            given = {"day": TODAY.isoformat(), "run": run, "shards": self.shards, "settings": settings}
            engine = Engine(handle_of(whole_day), given, self._do, random.Random(self.rng.random()))
            ended = engine.run()
            assert engine.replayed() == ended
            yield ended
            if ended["outcome"] in {"completed", "already-completed", "limit"}:
                return

    def _do(self, name: str, given: Any, attempt: int) -> Any:
        del attempt
        dies = self.left > 0 and self.rng.random() < DYING
        point = self.rng.choice(POINTS[name]) if dies else None
        tick = self.case.tick(self.now, point)
        answer = Child(tick, activity=Activity(name[PREFIX:], given)).answer()
        if answer is None:
            self.left -= 1
            self.killed += 1
            self.case.remember_unfinished()
            raise ProcessEnded
        return answer


def killed_days(arena: Arena, kills: int, rng: random.Random, tally: Tally, **options: int) -> None:
    """Let processes of shards die, a few a day, until so many have; every day must come to its end."""
    while tally.kills < kills:
        case = arena.case()
        day = KilledDay(case, rng, min(KILLS_A_DAY, kills - tally.kills), **options)
        ended = day.run()
        if ended[-1]["outcome"] not in {"completed", "already-completed"}:
            tally.faults.append(f"a day in shards did not come to its end: {ended[-1]}")
        tally.kills += day.killed
        tally.add(case, case.look())
        case.delete()


def braked_day(arena: Arena, kills: int, rng: random.Random, tally: Tally, **options: int) -> None:
    """Let processes of a day die that owes one notice too many: nothing of it may be sent."""
    case = arena.case({"NOTICE_LIMIT": str(len(arena.owed) - 1)})
    day = KilledDay(case, rng, kills, **options)
    ended = day.run()
    tally.kills += day.killed
    if ended[-1]["outcome"] != "limit" or case.look(()).on_queue:
        tally.faults.append(f"a day in shards went over its limit: {ended[-1]}")
    case.delete()
