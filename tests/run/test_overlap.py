"""Runs that overlap, on hosts whose clocks differ, with a storage as slow as it may get, and hosts that die.

The ledger and the queue are the fakes; time is virtual, so that minutes of waiting cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.delivery import Delivery
from due_notices.planning import Plan, Planner
from due_notices.ports import Claim, ClaimRow, Entry, Progress, SentByUser, Storage
from due_notices.reading import ask_ledger
from tests.factories import first_day, page_of, plan
from tests.fakes import FakeLedger, FakeNoticeQueue, FakeStorage
from tests.run.virtual_time import LoopClock, VirtualLoop
from tests.run.world import POLICY, TODAY, customer, in_days

T = TypeVar("T")
SLOWEST_CALL = 20.0  # what the limits of the clients allow for connecting and one answer
NEVER = float("inf")


def users_of(count: int) -> list[dict[str, Any]]:
    return [customer(number, due=in_days((7, 3, 1)[number % 3])) for number in range(count)]


def plan_of(count: int) -> Plan:
    """Return a plan with notices in three partitions."""
    return plan(*users_of(count), today=first_day(str(TODAY), POLICY.rules), by=POLICY.rules)


def on_virtual_time(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


class Killed(BaseException):
    """The process is gone: not even its clean-up happens."""


class Mortal:
    """The storage as a process sees it that dies at `dies`: from then on no call leaves it, nor comes back."""

    def __init__(self, storage: FakeStorage, dies: float) -> None:
        self._storage = storage
        self._dies = dies

    async def _live(self, call: Callable[[], Awaitable[T]]) -> T:
        self._check()
        result = await call()
        self._check()
        return result

    def _check(self) -> None:
        if asyncio.get_running_loop().time() >= self._dies:
            raise Killed

    async def send(self, text: str) -> str:
        return await self._live(lambda: self._storage.queue.send(text))

    async def sent(self, due: date, users: Collection[str], today: date) -> SentByUser:
        return await self._live(lambda: self._storage.ledger.sent(due, users, today))

    async def claim(
        self, partition: str, rows: Sequence[ClaimRow], claim: Claim, lapsed_before: datetime
    ) -> Mapping[str, Entry]:
        return await self._live(lambda: self._storage.ledger.claim(partition, rows, claim, lapsed_before))

    async def mark_sent(self, partition: str, sent: Mapping[str, str], claim: Claim, at: datetime) -> None:
        await self._live(lambda: self._storage.ledger.mark_sent(partition, sent, claim, at))

    async def release(self, partition: str, rows: Iterable[str], claim: Claim) -> None:
        await self._live(lambda: self._storage.ledger.release(partition, rows, claim))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a delivery does not use {name}")


@dataclass
class Host:
    """One run on one host."""

    name: str
    skew: float = 0.0
    begins: float = 0.0
    dies: float = NEVER

    @staticmethod
    def _planner(count: int) -> Planner:
        planner = Planner(POLICY.rules, (first_day(str(TODAY), POLICY.rules),))
        planner.add_page(page_of(users_of(count), POLICY.rules.attribute))
        return planner

    async def run(self, storage: FakeStorage, plan: Plan) -> Delivery | None:
        """Return the finished delivery; None when the host died."""
        await asyncio.sleep(self.begins)
        mortal: Any = Mortal(storage, self.dies)
        clock = LoopClock(self.skew)
        delivery = Delivery(
            Storage(mortal, mortal),
            clock,
            Progress(),
            POLICY.source,
            "UTC",
            POLICY.lapse,
            deadline=clock.monotonic() + POLICY.longest.total_seconds(),
            may_send=lambda notice, now: now < notice.expires,
        )
        try:
            owed = (await ask_ledger(self._planner(plan.users_read), mortal)).notices
            await delivery.deliver(owed)
        except Killed:
            return None
        assert delivery.sent + delivery.sent_by_others <= len(owed)
        if not delivery.problems:
            assert delivery.sent + delivery.sent_by_others == len(owed)
        return delivery


def together(
    hosts: Sequence[Host], plan: Plan, seed: int, slowest: float = SLOWEST_CALL
) -> tuple[FakeStorage, list[Delivery | None]]:
    """Run all hosts at once on a storage whose calls take up to `slowest` seconds."""
    storage = FakeStorage()
    rng = random.Random(seed)  # noqa: S311 (not for secrets)

    def latency() -> float:
        return rng.choice((0.01, 0.1, 1.0, slowest)) * rng.random()

    storage.queue.latency = storage.ledger.latency = latency

    async def work() -> list[Delivery | None]:
        return list(await asyncio.gather(*(host.run(storage, plan) for host in hosts)))

    return storage, on_virtual_time(work)


def ids_on(queue: FakeNoticeQueue) -> Counter[str]:

    return Counter(json.loads(text)["id"] for text in queue.messages)


SKEWS = st.floats(-120, 120)
SEEDS = st.integers(0, 2**32)


@given(
    seed=SEEDS,
    count=st.integers(0, 150),
    hosts=st.lists(st.tuples(SKEWS, st.floats(0, 900)), min_size=2, max_size=4),
)
def test_runs_that_overlap_send_every_notice_once(seed: int, count: int, hosts: list[tuple[float, float]]) -> None:
    plan = plan_of(count)

    storage, ended = together(
        [Host(f"run-{number}", skew, begins) for number, (skew, begins) in enumerate(hosts)], plan, seed
    )

    assert ids_on(storage.queue) == Counter(notice.id for notice in plan.notices)
    assert storage.ledger.sent_ids == {notice.id for notice in plan.notices}
    deliveries = [delivery for delivery in ended if delivery is not None]
    assert sum(delivery.sent for delivery in deliveries) == count
    assert all(not delivery.problems for delivery in deliveries)


@pytest.mark.parametrize("hosts", [2, 4])
def test_runs_at_the_same_moment_share_the_work_and_end_cleanly(hosts: int) -> None:
    plan = plan_of(900)

    storage, ended = together([Host(f"run-{number}") for number in range(hosts)], plan, seed=7, slowest=0.2)

    assert ids_on(storage.queue) == Counter(notice.id for notice in plan.notices)
    deliveries = [delivery for delivery in ended if delivery is not None]
    assert sum(delivery.sent for delivery in deliveries) == 900
    assert all(delivery.sent + delivery.sent_by_others == 900 for delivery in deliveries)
    assert sum(delivery.sent > 0 for delivery in deliveries) >= 2


@pytest.mark.parametrize("skew", [-120, 120])
def test_a_clock_that_is_wrong_by_two_minutes_takes_nothing_from_a_living_run(skew: float) -> None:
    plan = plan_of(100)
    first = Host("right", skew=-skew / 2)
    second = Host("wrong", skew=skew / 2, begins=1)

    storage, ended = together([first, second], plan, seed=3)

    assert ids_on(storage.queue) == Counter(notice.id for notice in plan.notices)
    assert all(delivery is not None and not delivery.problems for delivery in ended)


@given(
    seed=SEEDS,
    count=st.integers(1, 150),
    dies=st.floats(0, 120),
    skews=st.tuples(SKEWS, SKEWS),
    later=st.floats(0, 3600),
)
def test_what_a_dead_run_left_is_sent_and_only_that_can_be_repeated(
    seed: int, count: int, dies: float, skews: tuple[float, float], later: float
) -> None:
    plan = plan_of(count)
    rescue = Host("second", skews[1], begins=dies + later)
    storage = FakeStorage()
    rng = random.Random(seed)  # noqa: S311 (not for secrets)
    storage.queue.latency = storage.ledger.latency = lambda: rng.choice((0.01, 0.1, 1.0, 5.0)) * rng.random()
    open_at_death: set[str] = set()

    async def work() -> Delivery | None:
        await Host("first", skews[0], dies=dies).run(storage, plan)
        # A call that was under way at the death still takes effect.
        await asyncio.sleep(max(0.0, dies + 6 - asyncio.get_running_loop().time()))
        open_at_death.update(storage.ledger.claimed)
        return await rescue.run(storage, plan)

    delivery = on_virtual_time(work)

    on_queue = ids_on(storage.queue)
    assert on_queue.keys() == {notice.id for notice in plan.notices}
    assert {identifier for identifier, times in on_queue.items() if times > 1} <= open_at_death
    assert max(on_queue.values()) <= 2
    assert storage.ledger.sent_ids == on_queue.keys()
    assert delivery is not None
    assert not delivery.problems


def test_a_lapsed_claim_waits_for_the_lapse_even_by_a_clock_that_is_behind() -> None:
    """The run that died had a clock two minutes ahead: its claims lapse two minutes later, never earlier."""
    plan = plan_of(3)
    storage = FakeStorage()
    moments: list[float] = []
    storage.queue.before_send = lambda _: moments.append(asyncio.get_running_loop().time())

    async def work() -> None:
        clock = LoopClock(120)
        for notice in plan.notices:
            row = ClaimRow(notice.row, notice.id, notice.user.id, has_reference=False, message_hash="hash")
            await storage.ledger.claim(notice.partition, [row], Claim("dead", clock.now(), TODAY), clock.now())
        await Host("second", skew=-120).run(storage, plan)

    on_virtual_time(work)

    assert len(moments) == 3
    assert min(moments) >= timedelta(minutes=14).total_seconds()


def test_on_the_virtual_clock_deliveries_without_a_common_ledger_send_twice() -> None:
    """Guards the harness: on this loop, two deliveries without a ledger between them do send twice."""
    plan = plan_of(6)
    storage = FakeStorage()

    async def work() -> None:
        for _ in range(2):
            storage.ledger = FakeLedger()
            await Host("run").run(storage, plan)

    on_virtual_time(work)

    assert set(ids_on(storage.queue).values()) == {2}
