"""Ladders over closed days and outages, with ticks that die: nothing is missing, and the figures are right."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.faults.harness import TODAY, Arena
from tests.faults.ladders import LADDER, Ladder, ladder
from tests.faults.scenarios import Tally


def test_after_an_outage_the_ladder_goes_on_from_what_was_sent(arena: Arena) -> None:
    """A Tuesday and a Wednesday run, a tick of the Thursday dies and the host stays away until the next Thursday."""
    tally = Tally()
    life = Ladder(arena.case(LADDER), random.Random(3), tally)

    for number in (0, 1):
        life.day(TODAY + timedelta(days=number))
    life.day(TODAY + timedelta(days=2), deaths=1, completed=False)
    for number in range(9, 15):
        life.day(TODAY + timedelta(days=number))
    life.judge()

    assert tally.faults == []
    assert tally.figures["missing"] == tally.figures["foreign"] == 0
    assert tally.figures["owed"] == tally.figures["on the queue"] > len(arena.owed)


def test_days_on_which_ticks_die_end_like_days_on_which_none_does(arena: Arena) -> None:
    tally = Tally()
    life = Ladder(arena.case(LADDER), random.Random(5), tally)

    for number in range(4):
        life.day(TODAY + timedelta(days=number), deaths=2)
    life.judge()

    assert tally.faults == []
    assert tally.kills > 0


def test_weeks_at_random(arena: Arena) -> None:
    tally = Tally()

    ladder(arena, random.Random(7), tally, 12)

    assert tally.faults == []
