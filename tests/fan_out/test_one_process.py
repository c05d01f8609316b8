"""What the threads of one process share, in which several shards are at work."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from due_notices import bootstrap
from due_notices.delivery import CHUNKS_AT_A_TIME
from due_notices.fan_out import CHAINS_OF_A_SHARD, CHUNKS_OF_A_SHARD
from due_notices.parts import CHAINS
from due_notices.settings import Settings
from local.faults import Fault
from local.stack import LocalStack
from tests.fakes import MovableClock

ROOT = Path(__file__).parents[2]
THREADS = 4


def at_once(work: Callable[[], object]) -> list[object]:
    """Do the same in four threads that begin in one moment."""
    begin = threading.Barrier(THREADS)

    def one(_: int) -> object:
        begin.wait(timeout=10)
        return work()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_what_is_built_once_is_built_once_whatever_threads_ask() -> None:
    built: list[object] = []
    may_end = threading.Event()

    def build() -> object:
        built.append(object())
        threading.Timer(0.05, may_end.set).start()
        may_end.wait(timeout=10)  # the others ask meanwhile
        return built[-1]

    assert at_once(bootstrap.once(build)) == built * THREADS
    assert len(built) == 1


def test_the_threads_of_a_process_log_in_once(stack: LocalStack, stack_settings: Settings) -> None:
    services = bootstrap.build_services(stack_settings)

    at_once(lambda: services.open_directory().count())

    assert len([each for each in stack.vault.requests if each.status == 200]) == 1  # after its challenge
    assert len([each for each in stack.entra.requests if each.path.endswith("/token")]) == 1


class ImpatientClock(MovableClock):
    """A clock on which waiting is written down, and takes no time."""

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def test_what_graph_asks_one_thread_to_wait_the_others_wait_too(stack: LocalStack, stack_settings: Settings) -> None:
    clock = ImpatientClock()
    services = bootstrap.build_services(stack_settings, clock)
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "30"}, on_request=1))
    services.open_directory().count()
    asked = len(clock.waits)

    services.open_directory().count()

    assert asked > 0
    assert clock.waits[asked:] == [30.0]


def test_claims_at_risk_and_chains_are_no_more_in_a_process_of_shards_than_in_a_run() -> None:
    durable = json.loads((ROOT / "host.json").read_text("utf-8"))["extensions"]["durableTask"]
    shards = durable["maxConcurrentActivityFunctions"]

    assert shards * CHUNKS_OF_A_SHARD <= CHUNKS_AT_A_TIME
    assert shards * CHAINS_OF_A_SHARD <= CHAINS
