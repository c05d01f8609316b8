"""`python -m bench`: everything side by side, interleaved, on this machine, in one run.

Writes bench/results.json, and the tables and plots of docs/performance.md and docs/scale.md. Absolute figures hold for
one machine at one moment; compare the ratios. The short form takes half an hour or more, `--long` adds a
million users; `--only` measures some scenarios anew and leaves the others as they are, and the page says so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import imports, limits, lists, measure, scale
from bench.measure import World
from bench.steady import directory
from local.stack import LocalStack

RESULTS = Path(__file__).resolve().parent / "results.json"
AZURITE = frozenset({"put-only", "whole"})  # the scenarios on real storage
# Beside the four scenarios in which the contenders compete.
MORE = frozenset(
    {"whole", "sink-put", "sink-claim", "steady", "steady-run", "growth-users", "growth-owed"}
    | {"limits-one", "limits-four", "forget", "forget-limits", "parts"}
)
# Of these, a piece of a run is measured and not the whole.
PIECES = {
    "put-only": "put-",
    "sink-put": "put-",
    "sink-claim": "claim-",
    "steady": "steady-",
    "forget": "forget-",
    "forget-limits": "forget-",
}
STEADY = (("steady", "ours", 200), ("steady", "ours", 2_000), ("steady", "sdk", 200))
STEADY_RUNS = (1_000, 2_500, 5_000)  # obligations due on each day; a day's notices are four times as many
TWICE = frozenset({"parts", "steady-run", "growth-users", "growth-owed"})  # they have several sizes, or are long
APART = ("imports", "lists")  # what is measured, but is no scenario
WARMED_UP = 3_000  # messages, after which Azurite's own speed rises no more
TOO_SLOW = 15.0  # seconds; what takes longer is run twice and no more
FAR_TOO_SLOW = 45.0  # and what takes so long only once


@dataclass(frozen=True)
class Case:
    """One contender in one world of a scenario, to be run several times."""

    scenario: str
    who: str
    world: World


def cases(*, long: bool) -> Iterator[Case]:
    """Yield what is measured. Slow contenders get fewer users; rates can be compared all the same."""
    # Every user owed, storage that answers after 10 ms.
    everyone = (("ours", 10_000), (measure.BEFORE, 10_000), ("sample", 300), ("msgraph", 1_000), ("limit", 5_000))
    for who, users in everyone:
        yield Case("all-owed", who, World(users, 1.0, storage_delay=0.01))
    # 3 % owed, 150 ms for a page.
    largest = {"msgraph": 1_000, "sample": 100_000, "limit": 100_000}
    for users in (1_000, 10_000, 100_000, *((1_000_000,) if long else ())):
        for who in ("ours", "sample", "msgraph", "limit"):
            if users <= largest.get(who, users):
                yield Case("mixed", who, World(users, 0.03, page_delay=0.15, storage_delay=0.01))
    # Reading alone, from memory.
    # So many for two of them that what a process does only once hardly counts.
    readers = (("ours", 1_000_000), (measure.BEFORE, 1_000_000), ("sample", 300_000), ("msgraph", 6_000))
    for who, users in (*readers, ("limit", 300_000)):
        yield Case("read-only", who, World(users, 0.0))
    # How the cost grows: with the users, and with the notices owed.
    for users in (10_000, 30_000, 100_000, 300_000, *((1_000_000,) if long else ())):
        yield Case("growth-users", "ours", World(users, 300 / users, storage_delay=0.01))
    for owed in (1_000, 3_000, 10_000, 30_000):
        yield Case("growth-owed", "ours", World(30_000, owed / 30_000, storage_delay=0.01))
    # The same pieces of a run by our own requests and by the SDKs, against servers that answer at once; in the last,
    # so many obligations of each due date were sent already.
    pieces = (*itertools.product(("sink-put", "sink-claim"), ("ours", "sdk"), (0,)), *STEADY)
    for scenario, who, a_day in pieces:
        yield Case(scenario, who, World(1_000, 1.0, sent_a_day=a_day))
    # Messages alone, then claim, send and record, against Azurite.
    for who in ("limit", "ours", "sample", "msgraph"):
        yield Case("put-only", who, World(4_000, 1.0))
    yield Case("whole", "ours", World(4_000, 1.0))
    yield from cases_at_scale(long=long)


def cases_at_scale(*, long: bool) -> Iterator[Case]:
    """Yield what says how large a day one instance, one queue and one partition can take."""
    # 150 ms for a page, read by so many chains; a million users at last. The others have one chain.
    for chains in (1, 2, 4, 8, 16, 32):
        users = 1_000_000 if chains == scale.CHAINS or (long and chains in {1, 32}) else min(50_000 * chains, 400_000)
        yield Case("parts", "ours", World(users, 300 / users, page_delay=0.15, storage_delay=0.01, chains=chains))
    # The record of a day before, which tells of parts, is one that the program of before cannot read.
    for who, users, chains in ((measure.BEFORE, 50_000, 0), ("sample", 50_000, 1), ("msgraph", 1_000, 1)):
        yield Case("parts", who, World(users, 0.0, page_delay=0.15, storage_delay=0.01, chains=chains))
    # Whole runs with a full ledger, and forgetting what is old.
    for a_day in STEADY_RUNS:
        yield Case("steady-run", "ours", World(len(directory(a_day)), 0.0, storage_delay=0.01, sent_a_day=a_day))
    yield Case("forget", "ours", World(1_000, 0.0, storage_delay=0.01, old=20_000))
    # What one queue and one partition of Azure's take: all due on one day, and a day as any other.
    owed = 200_000 if long else 15_000
    yield Case("limits-one", "ours", World(owed, 1.0, storage_delay=0.01, stages=(-7,), limited=True))
    yield Case("limits-four", "ours", World(owed, 1.0, storage_delay=0.01, limited=True))
    yield Case("forget-limits", "ours", World(1_000, 0.0, storage_delay=0.01, old=owed, limited=True))


def run_round(chosen: Sequence[Case], python: str, noise: list[float]) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Measure each case once, with servers of its own, all of them on one local stack."""
    with LocalStack() as stack:
        if any(case.scenario in AZURITE for case in chosen):
            limits.put(WARMED_UP, {**stack.environ, "NOTICE_STORAGE": stack.azurite.connection_string})
        for case in chosen:
            print(f"{case.scenario}, {case.who}, {case.world.users:,} users", file=sys.stderr)
            noise.append(measure.noise())
            stack.reset()
            with measure.serving(case.world, stack) as served:
                storage = {"NOTICE_STORAGE": stack.azurite.connection_string} if case.scenario in AZURITE else {}
                settings = {**served, **storage}
                if case.who == "limit":
                    figures = limits.measure(case.scenario, case.world, settings)
                else:
                    figures = measure.run(f"{PIECES.get(case.scenario, '')}{case.who}", settings, python)
                yield case, {**figures, "requests": measure.counts(served, stack)}


def main() -> int:
    """Parse the command line, measure round by round, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--long", action="store_true", help="a million users, too")
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is run (default: 3)")
    parser.add_argument("--contenders", default=sys.executable, help="the Python that has msgraph-sdk and matplotlib")
    parser.add_argument("--only", type=lambda text: frozenset(text.split(",")), help="these scenarios, by their names")
    given = parser.parse_args()
    every = {case.scenario for case in cases(long=given.long)} | {*APART}
    if unknown := (given.only or frozenset()) - every:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}: take {', '.join(sorted(every))}")
    measured = given.only or every
    runs: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases(long=given.long) if case.scenario in measured}
    noise: list[float] = []
    # Round by round, so that a busy moment of the machine meets all contenders alike.
    for number in range(given.rounds):
        print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
        chosen = [case for case, done in runs.items() if number < _rounds(case, done, given.rounds)]
        if number % 2:
            chosen.reverse()  # neither of two neighbours is always the first
        for case, figures in run_round(chosen, given.contenders, noise):
            runs[case].append(figures)
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if given.only else {"runs": [], "more": []}
    if not given.only:
        results["machine"] = {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "noise": _deciles(noise),
        }
    results["apart"] = sorted({*results.get("apart", ()), *(given.only or ())})
    for place, is_here in (("runs", False), ("more", True)):
        others = [row for row in results[place] if row["scenario"] not in measured]
        results[place] = [
            *others,
            *(_row(case, done) for case, done in runs.items() if (case.scenario in MORE) is is_here),
        ]
    if "imports" in measured:
        results["imports"] = imports.measure(given.contenders, given.rounds)
    if "lists" in measured:
        results["lists"] = lists.measure(min(given.rounds, 2))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return subprocess.run([given.contenders, "-m", "bench.report"], cwd=RESULTS.parent.parent, check=True).returncode


def _rounds(case: Case, done: Sequence[dict[str, Any]], most: int) -> int:
    """Return how often a case is run: what waits for others' clocks, and not for the machine, is always the same."""
    waits = case.scenario.endswith("-limits") or case.scenario.startswith("limits-")
    if waits or (case.scenario == "parts" and case.world.chains not in {1, scale.CHAINS}):
        return 1
    if done and done[0]["total_s"] >= FAR_TOO_SLOW:
        return 1
    return min(most, 2) if case.scenario in TWICE or (done and done[0]["total_s"] >= TOO_SLOW) else most


def _deciles(noise: Sequence[float]) -> list[float]:
    """Return the first and the ninth decile of what the same piece of work took, in units of its median."""
    tenths, middle = statistics.quantiles(noise, n=10), statistics.median(noise)
    return [round(tenths[0] / middle, 3), round(tenths[-1] / middle, 3)]


def _row(case: Case, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of a case, and the spread of its total time. None where a figure has no meaning."""

    def middle(figure: str) -> float | None:
        found = [run[figure] for run in runs if run.get(figure)]
        return statistics.median(found) if found else None

    def rate(count: float | None, seconds: float | None) -> int | None:
        return round(count / seconds) if count and seconds else None

    totals = [run["total_s"] for run in runs]
    owed, cpu, peak = middle("owed"), middle("cpu_s"), middle("peak_mb")
    return {
        "scenario": case.scenario,
        "who": case.who,
        "users": case.world.users,
        "owed": round(owed or 0),
        **({"chains": case.world.chains} if case.world.chains else {}),
        "read_users_per_s": rate(case.world.users, middle("read_s")),
        "notices_per_s": rate(owed, middle("send_s")),
        "total_s": round(statistics.median(totals), 3),
        "total_s_spread": [round(min(totals), 3), round(max(totals), 3)],
        "cpu_s": None if cpu is None else round(cpu, 3),
        "peak_mb": None if peak is None else round(peak, 2),
        "rounds": len(runs),
        "requests": runs[0]["requests"],
    }


if __name__ == "__main__":
    sys.exit(main())
