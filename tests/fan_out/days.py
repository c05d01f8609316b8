"""Days in shards on the fakes: the real orchestrator, played by the engine, over the real activities."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from due_notices.errors import DueNoticesError
from due_notices.fan_out import Shards, whole_day
from due_notices.report import Outcome, RunReport
from tests.factories import GraphUser
from tests.fakes import Watcher
from tests.fan_out.engine import Engine, handle_of
from tests.run.world import World, customer, in_days

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
ACTIVITY = len("due_notices_")


def named(number: int, due: object = None, **properties: Any) -> dict[str, Any]:
    """Return a customer whose principal name begins with one of many characters, several with the same."""
    name = f"{LETTERS[number % len(LETTERS)]}{number}@example.com"
    return customer(number, due, userPrincipalName=name, **properties)


def crowd(count: int) -> list[dict[str, Any]]:
    """Return customers of every kind: due on several days, far ahead, disabled, unreachable, paid, malformed."""
    kinds: Sequence[Callable[[int], dict[str, Any]]] = (
        lambda number: named(number, in_days(7)),
        lambda number: named(number, in_days(3)),
        lambda number: named(number, in_days(0)),
        lambda number: named(number, in_days(2)),  # a day late
        lambda number: named(number, in_days(60)),
        lambda number: named(number, in_days(1), accountEnabled=False),
        lambda number: named(number, in_days(1), mail=None),
        lambda number: named(number, f'{{"due":"{in_days(1)}","status":"paid"}}'),
        lambda number: named(number, "soon"),
        lambda number: named(number, [in_days(7), f'{{"due":"{in_days(7)}","ref":"INV-{number}"}}']),
        lambda number: named(number, in_days(-30)),
    )
    return [kinds[number % len(kinds)](number) for number in range(count)]


@dataclass
class Day:
    """A day in shards in a world of fakes. `before` is called before each activity, with its name and input."""

    world: World
    shards: int = 4
    seed: int = 1
    times: int = 1
    before: Callable[[str, Any], None] = lambda *_: None
    after: Callable[[str, Any, Any], Any] = lambda _, __, answer: answer
    reports: list[RunReport] = field(default_factory=list)
    runs: int = 0

    def run(self) -> RunReport:
        """Play a day and return its report; a failed one where every attempt to record the day died."""
        self.runs += 1
        self.world.watcher = Watcher()
        given: dict[str, Any] = {
            "day": str(self.world.policy.business_date(self.world.clock.now())),
            "run": f"{self.runs:032x}"[::-1],
            "shards": self.shards,
            "settings": self.world.policy.digest,
        }
        self.engine = Engine(handle_of(whole_day), given, self._do, random.Random(self.seed), times=self.times)
        self.output = self.engine.run()
        assert self.engine.replayed() == self.output
        failed = RunReport(given["run"], date.fromisoformat(given["day"]), Outcome(self.output["outcome"]))
        return next(reversed(self.reports), failed)

    def _do(self, name: str, given: Any, attempt: int) -> Any:
        del attempt
        self.before(name, given)
        shards = Shards(self.world.policy, self.world.services, self.world.watcher)
        try:
            answer = getattr(shards, name[ACTIVITY:])(given)
        except DueNoticesError as error:  # as the function's last resort does
            answer = {"outcome": "failed", "error": str(error)}
        self.reports = self.world.watcher.reports
        return self.after(name, given, answer)


def world_of(users: Sequence[GraphUser], **options: Any) -> World:
    return World(users, **options)


def same_figures(report: RunReport) -> RunReport:
    """Return a report without what two ways of doing the same day may differ in."""
    return replace(
        report, run_id="", at=None, seconds={}, graph_requests=0, parts=0, shards=0, name_counts={}, users_counted=None
    )
