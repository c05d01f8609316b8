"""Compares what eight shards decide with what one reading decides, one by one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from due_notices.parts import prefixes_of, shards_of
from due_notices.planning import Plan, Planner
from due_notices.ports import Progress
from due_notices.reading import ask_ledger, days_to, past_runs, read_shard
from tests.fan_out.days import crowd, world_of
from tests.run.world import World

SHARDS = 8
FIGURES = ("users_read", "obligations", "not_yet", "over", "already_sent", "missed", "expired", "superseded")


def a_later_day(users: int) -> World:
    """Return a world in which some of the customers were notified two days ago, and others have become due since."""
    world = world_of(crowd(users), page_size=999)
    world.run(limit=10 * users)
    world.clock.move(days=2)
    return world


def plan_of(world: World, prefixes: Sequence[str]) -> Plan:
    """Return what is decided about the users of some parts, all of them named; of all users where there are none."""
    today = world.policy.business_date(world.clock.now())
    runs = asyncio.run(past_runs(world.storage.ledger, today))
    days = days_to(today, runs, world.policy.rules)
    read = read_shard(
        world.directory, world.clock, Progress(), lambda: Planner(world.policy.rules, days), prefixes, chains=1
    )
    return asyncio.run(ask_ledger(read.planner, world.storage.ledger))


def differences(world: World) -> Iterator[str]:
    """Yield what eight shards decide otherwise than one reading."""
    one = plan_of(world, ())
    shards = [plan_of(world, prefixes) for prefixes in shards_of(prefixes_of({}, SHARDS), {}, SHARDS)]
    if len(shards) != SHARDS or not one.notices or not one.already_sent or not one.skips or not one.not_yet:
        yield "this proves nothing"
    for name in ("notices", "given_up", "skips"):
        alone, together = (
            Counter(getattr(one, name)),
            Counter(each for shard in shards for each in getattr(shard, name)),
        )
        if alone != together:
            yield f"{name}: {(alone - together).total()} are missing, {(together - alone).total()} are too many"
    for name in FIGURES:
        if getattr(one, name) != (found := sum(getattr(shard, name) for shard in shards)):
            yield f"{name}: {getattr(one, name)} in one, {found} in shards"
    for name in ("skipped", "open_by_due_date"):
        summed: Counter[object] = Counter()
        for shard in shards:
            summed.update(getattr(shard, name))
        if dict(getattr(one, name)) != dict(summed):
            yield f"{name}: {getattr(one, name)} in one, {dict(summed)} in shards"
