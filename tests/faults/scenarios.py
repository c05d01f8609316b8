"""What the tests and the long form put the program through: kills, overlaps, restarts and storms."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from due_notices import bootstrap
from due_notices.report import Outcome, RunReport
from due_notices.run import send_due_notices
from due_notices.settings import Settings
from tests.adapters.faulty_proxy import FaultyProxy, Step, faulty_proxy
from tests.fakes import MovableClock
from tests.faults.child import OnCall, Point, watched
from tests.faults.harness import A_TICK, NINE, Arena, Case, Child
from tests.verify import Verdict

SKEWS = {2: (2, -2), 4: (-2, 2, 0, 0)}
"""By how many minutes the clocks of overlapping ticks are wrong."""

NAMED: Mapping[str, Point] = {
    "before a claim": Point("before", "claim", 4),
    "after a claim": Point("after", "claim", 4),
    "in the middle of a chunk": Point("after", "send", 200),
    "between send and mark": Point("before", "mark_sent", 2),
    "between chunks": Point("after", "mark_sent", 3),
    "before the day is closed": Point("before", "record_run", 2),
    "after the day is closed": Point("after", "record_run", 2),
    "while forgetting": Point("before", "forget"),
}
"""Where ticks die: the point, and the highest number of a call that every first tick comes to."""

LEAST = {"before the day is closed": 2, "after the day is closed": 2}
"""The lowest number of the call, where the first is something else: a run is recorded when it begins, too."""

LAST = ("after the day is closed", "while forgetting")
"""A tick that dies here has left nothing to do for that day."""

AT_RANDOM = "at a random moment"


@dataclass
class Tally:
    """What came of some deaths; the figures are sums over the cases."""

    kills: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, case: Case, verdict: Verdict) -> None:
        """Add what the verifier says in the end."""
        self.figures.update({what: number or 0 for what, number in verdict.figures().items()})
        self.faults += verdict.faults(case.unfinished)


def die_at(case: Case, deaths: Sequence[Point], start: datetime = NINE) -> datetime:
    """Let one tick after another die at its point; return when the next one is due."""
    for death in deaths:
        Child(case.tick(start, death)).dies()
        case.remember_unfinished()
        start += A_TICK
    return start


def named_kills(arena: Arena, names: Sequence[str], tally: Tally, rng: random.Random | None = None) -> None:
    """Let ticks die at these named points, the first of them at any of its calls, then let one live."""
    case = arena.case()
    deaths = [NAMED[name]._replace(number=LEAST.get(name, 1)) for name in names]
    if rng:
        deaths[0] = deaths[0]._replace(number=rng.randint(deaths[0].number, NAMED[names[0]].number))
    report = case.runs(die_at(case, deaths))
    closed = names[-1] in LAST
    assert report["outcome"] == ("already-completed" if closed else "completed"), report["error"]
    assert closed or report["sent"] + report["alreadySent"] == len(arena.owed)
    tally.kills += len(deaths)
    tally.add(case, case.look())
    case.delete()


def random_kills(arena: Arena, wanted: int, rng: random.Random, tally: Tally, deaths: int = 3) -> None:
    """Let the parent kill ticks at random moments, a few in a row before one may live."""
    longest = 1.5  # seconds, to begin with; a tick that was quicker makes it less
    while tally.kills < wanted:
        case, due = arena.case(), NINE
        for _ in range(min(deaths, wanted - tally.kills)):
            if not Child(case.tick(due)).is_killed_after(rng.uniform(0, longest)):
                longest *= 0.8
                break
            tally.kills += 1
            case.remember_unfinished()
            due += A_TICK
        report = case.runs(due)
        assert report["outcome"] in {"completed", "already-completed"}, report["error"]
        tally.add(case, case.look())
        case.delete()


def overlap(arena: Arena, case: Case, minutes: Sequence[float]) -> list[dict[str, Any]]:
    """Run ticks at once, each with its clock wrong by so many minutes; return their reports."""
    together = arena.together(len(minutes))
    starts = [NINE + timedelta(minutes=skew) for skew in minutes]
    children = [Child(case.tick(start, patient=True), together) for start in starts]
    return [child.report() for child in children]


class EventfulClock(MovableClock):
    """A clock on which something happens at the n-th wait."""

    def __init__(self, start: datetime, events: Mapping[int, Callable[[], None]]) -> None:
        """Begin at `start`."""
        super().__init__(start)
        self._events = events

    async def wait(self, seconds: float) -> None:
        """Move on, after what was planned for this wait."""
        self._events.get(len(self.waits) + 1, lambda: None)()
        await super().wait(seconds)


def run_here(
    case: Case,
    start: datetime,
    on_call: OnCall = lambda _when, _method: None,
    on_wait: Mapping[int, Callable[[], None]] | None = None,
    **changes: str,
) -> RunReport:
    """Run a tick in this process, whose environment must trust the stack; its calls of the storage are watched."""
    settings = Settings.from_mapping({**case.tick(start).environ, **changes})
    services = bootstrap.build_services(settings, EventfulClock(start, on_wait or {}))
    services = replace(services, open_storage=watched(services.open_storage, on_call))
    return send_due_notices(settings.policy, services)


def storage_goes_away(arena: Arena, method: str, number: int) -> OnCall:
    """Return what stops Azurite before the n-th call of a method."""
    calls: Counter[str] = Counter()

    def on_call(when: str, called: str) -> None:
        calls[called] += when == "before"
        if (when, called, calls[called]) == ("before", method, number):
            arena.stack.azurite.stop()

    return on_call


def restart(arena: Arena, method: str, number: int, tally: Tally) -> RunReport:
    """Let the storage go away during a tick and come back while it waits; return that tick's report."""
    case = arena.case()
    first = run_here(case, NINE, storage_goes_away(arena, method, number), {4: arena.stack.azurite.start})
    case.remember_unfinished()
    second = run_here(case, NINE + A_TICK)
    assert second.outcome in {Outcome.COMPLETED, Outcome.ALREADY_COMPLETED}, second.error
    tally.add(case, case.look())
    return first


STORM = (Step.REFUSED_503, Step.REFUSED_500, Step.DONE_500, Step.ANSWER_LOST, Step.REQUEST_LOST, Step.REFUSED_429)


@contextmanager
def proxies(arena: Arena) -> Iterator[tuple[FaultyProxy, FaultyProxy, str]]:
    """Put a proxy before the queue and one before the table; yield both and the connection string through them."""
    ports, text = arena.stack.azurite.ports, arena.stack.azurite.connection_string
    with faulty_proxy(ports["queue"]) as queue, faulty_proxy(ports["table"]) as table:
        for service, proxy in (("queue", queue), ("table", table)):
            text = text.replace(f":{ports[service]}/", f":{proxy.url_port}/")
        yield queue, table, text


def storm(arena: Arena, rng: random.Random, share: float, tally: Tally) -> list[RunReport]:
    """Let this share of all requests to the storage go wrong, tick after tick, until the day is done."""
    case, start, reports = arena.case(), NINE, list[RunReport]()
    with proxies(arena) as (queue, table, connection_string):
        for proxy in (queue, table):
            proxy.plan(*(rng.choice(STORM) if rng.random() < share else Step.PASS for _ in range(5000)))
        while start < NINE + 9 * A_TICK and (not reports or not reports[-1].ok):
            reports.append(run_here(case, start, NOTICE_STORAGE=connection_string))
            case.remember_unfinished()
            start += A_TICK / 3  # many a tick fails before it sends: it asks the ledger of each due date
    assert reports[-1].ok, reports[-1].error
    tally.add(case, case.look())
    return reports
