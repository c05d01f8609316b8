"""Plays an orchestrator as the Functions host does: anew from its history at each turn, by Durable Functions' own SDK.

The SDK (1.7.0) compares nothing at replay: a renamed activity gets another's result. So this compares what is asked
at each turn with what was asked before, by kind, name and input, and fails where they differ.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df

BEGAN = datetime(2026, 11, 24, 9, tzinfo=UTC)
EXECUTION_STARTED, TASK_SCHEDULED, TASK_COMPLETED, TASK_FAILED, TURN_STARTED, TURN_COMPLETED = 0, 4, 5, 6, 12, 13
CALL_ACTIVITY, WHEN_ALL = 0, 12
MOST_TURNS = 1000


class NotTheSame(AssertionError):
    """An orchestrator asked for something else than when it was played before."""


class ProcessEnded(Exception):
    """An activity's process ended before it did."""


def handle_of(orchestrator: Callable[[Any], Generator[Any, Any, Any]]) -> Callable[[str], str]:
    """Return the function that Durable Functions makes of an orchestrator."""
    handle: Callable[[str], str] = df.Orchestrator.create(orchestrator)
    return handle


@dataclass
class Engine:
    """One orchestration. `handle` is its function: it takes the body of a context and returns the state after a turn.

    `activity` does the work: it takes name, input and how often it was asked for this before. Each activity is done
    `times` times, and any one of its answers counts. Those under way end in a random order, a random number of them in
    one turn.
    """

    handle: Callable[[str], str]
    given: Mapping[str, Any]
    activity: Callable[[str, Any, int], Any]
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    times: int = 1
    asked: list[tuple[int, str, str]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    most_at_a_time: int = 0
    _turn: int = 0

    def run(self) -> Any:
        """Play to the end; return what the orchestrator returned. What it raises is raised."""
        self._begin_turn()
        self._tell(EXECUTION_STARTED, Name="due_notices_day", Input=json.dumps(self.given), Version=None)
        pending: list[int] = []
        for _ in range(MOST_TURNS):
            state = self._play()
            for index in range(len(pending) + self._ended, len(self.asked)):
                pending.append(index)
                self._tell(TASK_SCHEDULED, EventId=index, Name=self.asked[index][1])
            self._tell(TURN_COMPLETED)
            if state["isDone"]:
                return state.get("output")
            self.most_at_a_time = max(self.most_at_a_time, len(pending))
            self._begin_turn()
            for index in self.rng.sample(pending, self.rng.randint(1, len(pending))):
                pending.remove(index)
                self._do(index)
        raise AssertionError("the orchestration does not come to an end")

    def replayed(self) -> Any:
        """Play the whole history once more; return what the orchestrator returns by it."""
        return self._play()["output"]

    @property
    def _ended(self) -> int:
        return sum(event["EventType"] in {TASK_COMPLETED, TASK_FAILED} for event in self.history)

    def _do(self, index: int) -> None:
        _, name, given = self.asked[index]
        answers = [self._answer(name, given, attempt) for attempt in range(self.times)]
        kind, answer = self.rng.choice(answers)
        if kind == TASK_COMPLETED:
            self._tell(kind, TaskScheduledId=index, Result=json.dumps(answer))
        else:
            self._tell(kind, TaskScheduledId=index, Reason="WorkerProcessExitException", Details=str(answer))

    def _answer(self, name: str, given: str, attempt: int) -> tuple[int, Any]:
        try:
            return TASK_COMPLETED, json.loads(json.dumps(self.activity(name, json.loads(given), attempt)))
        except ProcessEnded as error:
            return TASK_FAILED, error

    def _play(self) -> dict[str, Any]:
        body = {
            "history": self.history,
            "instanceId": "due-notices-2026-11-24",
            "isReplaying": len(self.asked) > 0,
            "parentInstanceId": None,
            "input": json.dumps(self.given),
            "upperSchemaVersion": 2,
        }
        state: dict[str, Any] = json.loads(self.handle(json.dumps(body)))
        now = [(kind, name, given) for actions in state["actions"] for kind, name, given in _flat(actions)]
        for before, again in zip(self.asked, now, strict=False):
            if before != again:
                raise NotTheSame(f"first {before}, then {again}")
        if len(now) < len(self.asked):
            raise NotTheSame(f"{len(self.asked)} activities were asked for, and then {len(now)}")
        self.asked = now
        if state.get("customStatus") not in self.statuses:
            self.statuses.append(state.get("customStatus"))
        return state

    def _begin_turn(self) -> None:
        for event in self.history:
            event["IsPlayed"] = True
        self._turn += 1
        self._tell(TURN_STARTED)

    def _tell(self, kind: int, **fields: Any) -> None:
        at = (BEGAN + timedelta(seconds=self._turn)).isoformat().replace("+00:00", "Z")
        event = {"EventType": kind, "EventId": -1, "IsPlayed": False, "Timestamp": at, **fields}
        self.history.append(event)


def _flat(action: Any) -> list[tuple[int, str, str]]:
    """Return the activities of an action, or of a list of them, in their order."""
    if isinstance(action, list):
        return [found for each in action for found in _flat(each)]
    if action["actionType"] == CALL_ACTIVITY:
        return [(action["actionType"], action["functionName"], action["input"])]
    assert action["actionType"] == WHEN_ALL, action
    return _flat(action["compoundActions"])
