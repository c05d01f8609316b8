"""A day in shards whose processes are killed: four here; `make faults` kills two hundred."""

from __future__ import annotations

import random

from tests.faults.harness import Arena
from tests.faults.scenarios import Tally
from tests.faults.shards import killed_days


def test_a_day_in_shards_comes_to_its_end_whatever_processes_die(arena: Arena) -> None:
    tally = Tally()

    killed_days(arena, 4, random.Random(7), tally, shards=2)

    assert tally.faults == []
    assert tally.kills == 4
    assert tally.figures["missing"] == tally.figures["foreign"] == 0
