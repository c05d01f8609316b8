"""Run one contender against servers of its own, each in a process of its own, and return what was measured."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.customers import ATTRIBUTE, STAGES
from local.stack import LocalStack

ROOT = Path(__file__).resolve().parent.parent
# Made up, and the same everywhere: the sink checks no signature.
SINK_KEY = "YmVuY2htYXJr"
BEFORE = "2ffe524"  # what a user and a notice cost is compared with the program at this commit


@dataclass(frozen=True)
class World:
    """A scenario's servers: how many users, which share of them is owed, and how slow the answers are (seconds).

    `sent_a_day` is how many obligations of each due date the ledger remembers as sent already; the users are then those
    of `steady.directory`. `old` is how many rows the ledger may forget. With
    `chains` the users' names begin unevenly, and ours reads by so many. `stages` are those that
    today's notices are spread over. With `limited` the storage takes no more than Azure's.
    """

    users: int
    share: float
    page_delay: float = 0.0
    storage_delay: float = 0.0
    sent_a_day: int = 0
    old: int = 0
    chains: int = 0
    stages: tuple[int, ...] = STAGES
    limited: bool = False


@contextlib.contextmanager
def serving(world: World, stack: LocalStack) -> Iterator[dict[str, str]]:
    """Run the servers; yield the settings for a contender on them. The login stays with the local stack."""
    command = [sys.executable, "-m", "bench.servers", "--users", str(world.users), "--share", str(world.share)]
    command += ["--page-delay", str(world.page_delay), "--storage-delay", str(world.storage_delay)]
    command += ["--sent-a-day", str(world.sent_a_day), "--old", str(world.old), "--chains", str(world.chains)]
    command += [f"--stages={','.join(map(str, world.stages))}", *(["--limited"] if world.limited else [])]
    command += ["--chain", str(stack.certificates.chain), "--key", str(stack.certificates.key)]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None  # noqa: S101 (asked for above)
        found = json.loads(server.stdout.readline())
        stack.entra.accept(found["graph"])
        account = f"DefaultEndpointsProtocol=http;AccountName=bench;AccountKey={SINK_KEY}"
        storage = found["storage"]
        yield {
            **stack.environ,
            "GRAPH_ENDPOINT": found["graph"],
            "DUE_DATE_ATTRIBUTE": ATTRIBUTE,
            "NOTICE_STORAGE": f"{account};QueueEndpoint={storage}/bench;TableEndpoint={storage}/bench",
            "SEND_WINDOW": "00:00-24:00",
            "NOTICE_LIMIT": "10000000",
            "READ_PARTS": str(world.chains) if world.chains > 1 else "off",
            "BENCH_SENT_A_DAY": str(world.sent_a_day),
        }
    finally:
        server.communicate()


@cache
def _before() -> str:
    """Return a folder with the program as it was at the commit BEFORE."""
    folder = tempfile.mkdtemp(prefix="due-notices-")
    atexit.register(shutil.rmtree, folder)
    git = ["git", "-C", str(ROOT), "archive", BEFORE, "due_notices"]
    found = subprocess.run(git, stdout=subprocess.PIPE, check=False)
    if found.returncode:
        raise RuntimeError(f"the commit {BEFORE} is not here: the benchmarks need a full clone (git fetch --unshallow)")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def run(contender: str, settings: Mapping[str, str], python: str = sys.executable) -> dict[str, Any]:
    """Run a contender once and return its figures; BEFORE is our program as it was at that commit."""
    sources = [str(ROOT)]
    if contender == BEFORE:
        contender, sources = "ours", [_before(), *sources]
    environ = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(sources)}  # noqa: TID251 (hands it to a child)
    done = subprocess.run(
        [python, "-P", "-m", "bench.contender", contender],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{contender} failed; its output is above")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def counts(settings: Mapping[str, str], stack: LocalStack) -> dict[str, int]:
    """Return how many requests each service has had since the stack was up (Graph and storage: since serving)."""
    found = {"vault": len(stack.vault.requests), "entra": len(stack.entra.requests)}
    storage = settings["NOTICE_STORAGE"].partition("QueueEndpoint=")[2].partition("/bench")[0]
    trusted = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
    for address in (settings["GRAPH_ENDPOINT"], storage):
        with urllib.request.urlopen(f"{address}/counts", context=trusted) as answer:  # noqa: S310 (loopback)
            found.update(json.load(answer))
    return found


def noise() -> float:
    """Return the seconds that a fixed piece of work takes now: how they differ says how noisy the machine is."""
    started = time.perf_counter()
    sum(number * number for number in range(1_000_000))
    return time.perf_counter() - started
