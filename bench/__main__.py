"""`python -m bench`: everything side by side, interleaved, on this machine, in one run.

Writes bench/results.json, and the tables and plots of docs/performance.md. Absolute figures hold for one machine
at one moment; compare the ratios. The short form takes about a quarter of an hour, `--long` adds a million users.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import imports, limits, measure, report
from bench.measure import World
from local.stack import LocalStack

RESULTS = Path(__file__).resolve().parent / "results.json"


@dataclass(frozen=True)
class Case:
    """One contender in one world of a scenario, to be run several times."""

    scenario: str
    who: str
    world: World


def cases(*, long: bool) -> Iterator[Case]:
    """Yield what is measured. Slow contenders get fewer users; rates can be compared all the same."""
    # Every user owed, storage that answers after 10 ms.
    for who, users in (("ours-scan", 5_000), ("sample", 300), ("msgraph", 1_000), ("limit", 5_000)):
        yield Case("all-owed", who, World(users, 1.0, storage_delay=0.01))
    # 3 % owed, 150 ms for a page.
    sizes = (1_000, 10_000, 100_000, *((1_000_000,) if long else ()))
    for users in sizes:
        world = World(users, 0.03, page_delay=0.15, storage_delay=0.01)
        yield Case("mixed", "ours-scan", world)
        yield Case("mixed", "ours-due-dates", world)
        if users <= 100_000:  # noqa: PLR2004 (beyond, it only takes longer)
            yield Case("mixed", "sample", world)
        if users <= 1_000:  # noqa: PLR2004 (five seconds for each thousand)
            yield Case("mixed", "msgraph", world)
    # Reading alone, from memory.
    for who, users in (("ours-scan", 300_000), ("sample", 300_000), ("msgraph", 2_000), ("limit", 300_000)):
        yield Case("read-only", who, World(users, 0.0))
    # The same number owed, more users: memory.
    for users in (10_000, *sizes[2:]):
        yield Case("memory", "ours-scan", World(users, 300 / users))
    # Messages alone, against Azurite.
    for who in ("ours-scan", "sample", "msgraph", "limit"):
        yield Case("put-only", who, World(2_000, 1.0))
    # Claim, send and record, against Azurite.
    yield Case("whole", "ours-scan", World(2_000, 1.0))


def run(case: Case, python: str) -> dict[str, Any]:
    """Measure a case once, with servers of its own."""
    azurite = case.scenario in {"put-only", "whole"}
    with LocalStack() as stack, measure.serving(case.world, stack) as settings:
        if azurite:
            settings["NOTICE_STORAGE"] = stack.azurite.connection_string
        if case.who == "limit":
            figures = limits.measure(case.scenario, case.world, settings)
        elif case.scenario == "put-only":
            figures = measure.run(f"put-{case.who}", settings, python)
        else:
            figures = measure.run(case.who, settings, python)
        if not azurite:
            figures["requests"] = measure.counts(settings)
    return figures


def main() -> int:
    """Parse the command line, measure round by round, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--long", action="store_true", help="a million users, too")
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is run (default: 3)")
    parser.add_argument("--contenders", default=sys.executable, help="the Python that has msgraph-sdk and matplotlib")
    parser.add_argument("--only", help="measure one scenario again, and keep the others' results")
    given = parser.parse_args()
    chosen = [case for case in cases(long=given.long) if given.only in {None, case.scenario}]
    runs: dict[Case, list[dict[str, Any]]] = {case: [] for case in chosen}
    # Round by round, so that a busy moment of the machine meets all contenders alike.
    for number, case in itertools.product(range(given.rounds), chosen):
        print(f"round {number + 1}: {case.scenario}, {case.who}, {case.world.users:,} users", file=sys.stderr)
        runs[case].append(run(case, given.contenders))
    results = report.summary({(case.scenario, case.who, case.world.users): found for case, found in runs.items()})
    if given.only:
        before = json.loads(RESULTS.read_text("utf-8"))
        others = [run for run in before["runs"] if run["scenario"] != given.only]
        results = {"runs": others + results["runs"], "imports": before["imports"]}
    else:
        results["imports"] = imports.measure(given.contenders, given.rounds)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    subprocess.run([given.contenders, "-m", "bench.report"], cwd=RESULTS.parent.parent, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
