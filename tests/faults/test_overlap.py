"""Ticks at the same moment: a run by hand during a tick, two hosts, hosts whose clocks differ.

What two and four runs do in one process is in `tests/run`; here each is a process of its own on real storage.
"""

from __future__ import annotations

import pytest

from tests.faults.harness import Arena, Case
from tests.faults.scenarios import SKEWS, overlap


@pytest.mark.parametrize("minutes", SKEWS.values(), ids=str)
def test_ticks_at_once_send_every_notice_once_and_all_end_well(
    arena: Arena, case: Case, minutes: tuple[float, ...]
) -> None:
    reports = overlap(arena, case, minutes)

    verdict = case.look()
    assert verdict.faults() == []
    assert verdict.repeats == 0
    assert [report["outcome"] for report in reports] == ["completed"] * len(minutes)
    for report in reports:  # each tells what the others took
        assert report["sent"] + report["alreadySent"] == len(arena.owed)
        assert report["failed"] == 0
    assert sum(report["sent"] for report in reports) == len(arena.owed)
