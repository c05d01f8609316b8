"""The long form of the fault tests, `make faults`: hundreds of kills, overlaps, restarts, storms, hostile inputs.

Prints what came of each and writes it into `docs/reliability.md`. Exits with 1 if the verifier found a fault.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fan_out.decisions import a_later_day, differences
from tests.faults.fuzz import has_atheris
from tests.faults.harness import Arena
from tests.faults.ladders import ladder
from tests.faults.scenarios import (
    AT_RANDOM,
    LAST,
    NAMED,
    SKEWS,
    Tally,
    named_kills,
    overlap,
    random_kills,
    restart,
    storm,
)
from tests.faults.shards import braked_day, killed_days

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
COLUMNS = ("owed", "on the queue", "repeats", "missing", "foreign")
LADDERS = "six weeks of a ladder, with outages and deaths"
SHARDS = "a process of a day in eight shards killed"
DAYS_OF_A_LADDER = 42
IN_A_ROW = 5
"""So many ticks die before one may live; fewer where each of them gets on with the work."""


def main() -> int:
    """Run everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=216, help="how many ticks to kill (default: 216)")
    parser.add_argument("--shards", type=int, default=200, help="how many processes of shards to kill (default: 200)")
    parser.add_argument("--rounds", type=int, default=6, help="how often to overlap, restart and storm (default: 6)")
    parser.add_argument("--inputs", type=int, default=100_000, help="how many hostile inputs (default: 100,000)")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="for the randomness of all of it")
    options = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())  # the SDKs' complaints about broken answers are meant
    began, rng = time.monotonic(), random.Random(options.seed)
    tallies: dict[str, Tally] = {}

    with fuzzing(options.inputs, options.seed) as fuzzed, Arena() as arena:
        os.environ.update(arena.stack.environ)
        kill(arena, options.kills, rng, tallies)
        kill_shards(arena, options.shards, rng, tallies)
        disturb(arena, options.rounds, rng, tallies)
        faults = [fault for tally in tallies.values() for fault in tally.faults]
        differ = differences(a_later_day(100_000))
        faults += [f"eight shards decide otherwise than one reading: {each}" for each in differ]
        faults += fuzzed()
    for fault in faults:
        print(f"FAULT: {fault}")
    if not faults:
        how = "as many again steered by atheris" if has_atheris() else "atheris is not installed"
        table = as_table(tallies, options.rounds)
        summary = (
            f"Seed {options.seed}, Python {platform.python_version()}, {time.monotonic() - began:.0f} seconds. "
            f"Hostile inputs: {options.inputs:,} drawn at random, {how}; none broke the program. "
            f"Hostile answers of the services: {options.inputs:,}; none broke it."
        )
        write(f"{table}\n\n{summary}")
        print(f"\n{table}\n\n{summary}\nwritten to {PAGE.relative_to(ROOT)}")
    return 1 if faults else 0


def kill(arena: Arena, kills: int, rng: random.Random, tallies: dict[str, Tally]) -> None:
    """Kill ticks at each named point, and at random moments."""
    for name in NAMED:
        tally = tallies[f"killed {name}"] = Tally()
        deaths = 1 if name in LAST else 2 if name == "between chunks" else IN_A_ROW
        share = kills // (len(NAMED) + 2) // (3 if name in LAST else 1)
        while tally.kills < max(share, 1):
            named_kills(arena, [name] * deaths, tally, rng)
        show(f"killed {name}", tally)
    killed = sum(tally.kills for tally in tallies.values())
    tally = tallies[f"killed {AT_RANDOM}"] = Tally()
    random_kills(arena, kills - killed, rng, tally, IN_A_ROW)
    show(f"killed {AT_RANDOM}", tally)


def kill_shards(arena: Arena, kills: int, rng: random.Random, tallies: dict[str, Tally]) -> None:
    """Kill processes of days in eight shards, and of days that owe one notice too many."""
    tally = tallies[SHARDS] = Tally()
    killed_days(arena, kills, rng, tally)
    show("shards", tally)
    braked = Tally()  # nothing is on its queue, which the table would call missing
    for _ in range(3):
        braked_day(arena, IN_A_ROW, rng, braked)
    tally.faults += braked.faults
    show("shards with one notice too many", braked)


def disturb(arena: Arena, rounds: int, rng: random.Random, tallies: dict[str, Tally]) -> None:
    """Go through weeks with outages, let ticks overlap, and let the storage restart and fail."""
    ladders = tallies[LADDERS] = Tally()
    for _ in range((rounds + 1) // 2):  # one takes as long as all the others of a round
        ladder(arena, rng, ladders, DAYS_OF_A_LADDER)
    show("ladders", ladders)
    for number, minutes in SKEWS.items():
        tally = tallies[f"{number} ticks at once, clocks ±2 minutes"] = Tally()
        for _ in range(rounds):
            case = arena.case()
            reports = overlap(arena, case, minutes)
            if any(report["outcome"] != "completed" for report in reports):
                tally.faults.append(f"a tick of {number} at once did not complete")
            tally.add(case, case.look())
        show(f"{number} ticks at once", tally)
    restarts = tallies["storage restarted during a tick"] = Tally()
    storms = tallies["a third of all storage requests fails"] = Tally()
    for _ in range(rounds):
        method, most = rng.choice((("sent", 1), ("claim", 4), ("send", 300), ("mark_sent", 3)))
        restart(arena, method, rng.randint(1, most), restarts)
        storm(arena, rng, 0.33, storms)
    show("restarts", restarts)
    show("storms", storms)


FUZZERS = (
    ("fuzz", 1, "the fuzzer found an input that breaks the program"),
    ("answers", 1, "an answer of a service breaks the program"),
    ("storage_answers", 2, "an answer of Storage breaks the program"),
)
"""What is fuzzed, in how many processes, and what a failure means."""


@contextmanager
def fuzzing(inputs: int, seed: int) -> Iterator[Callable[[], list[str]]]:
    """Try hostile inputs, and hostile answers of the services, beside all else; yield what waits for the faults."""
    asked = [(module, inputs // share, seed + part, fault) for module, share, fault in FUZZERS for part in range(share)]
    started = [
        (subprocess.Popen([sys.executable, "-m", f"tests.faults.{module}", str(count), str(number)]), fault)
        for module, count, number, fault in asked
    ]
    try:
        yield lambda: [fault for process, fault in started if process.wait()]
    finally:
        for process, _ in started:
            process.kill()


def show(what: str, tally: Tally) -> None:
    """Print a line as soon as it is known."""
    print(f"{what}: {tally.kills} kills, {dict(tally.figures)}, {len(tally.faults)} faults", flush=True)


def as_table(tallies: Mapping[str, Tally], rounds: int) -> str:
    """Return what was found in Markdown; the figures are sums over all cases."""
    lines = [f"| fault | times | {' | '.join(COLUMNS)} |", f"|---|{'--:|' * (len(COLUMNS) + 1)}"]
    for name, tally in tallies.items():
        times = tally.kills or rounds
        lines.append(f"| {name} | {times} | {' | '.join(f'{tally.figures[what]:,}' for what in COLUMNS)} |")
    killed = [tally for tally in tallies.values() if tally.kills]
    sums = " | ".join(f"**{sum(tally.figures[what] for tally in killed):,}**" for what in COLUMNS)
    lines.append(f"| **all kills** | **{sum(tally.kills for tally in killed)}** | {sums} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the table into the page, between its marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
