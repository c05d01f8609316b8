"""The tick of an app with SCALE_OUT: it starts the day's orchestration, or leaves it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from due_notices.fan_out import instance_id, start_day
from due_notices.report import Outcome
from tests.fakes import START, MovableClock, Watcher
from tests.run.world import POLICY

NAME = "func-due-2026-11-24"
AT = START.isoformat()
DONE = {"outcome": "completed", "filterDigest": "", "at": AT}


@dataclass
class FakeClient:
    """What Durable Functions knows of one orchestration."""

    status: dict[str, Any] = field(default_factory=dict)
    started: list[tuple[str, str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def get_status(self, instance_id: str) -> Any:
        self.asked.append(instance_id)
        return DurableOrchestrationStatus.from_json(self.status or "no such instance")

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any) -> str:
        self.started.append((orchestration_function_name, instance_id, client_input))
        return instance_id


def found(runtime: str, **more: Any) -> dict[str, Any]:
    return {"name": "due_notices_day", "instanceId": NAME, "createdTime": AT, "runtimeStatus": runtime, **more}


def tick(status: dict[str, Any] | None = None, **changes: Any) -> tuple[FakeClient, Watcher]:
    client, watcher, clock = FakeClient(status or {}), Watcher(), MovableClock()
    clock.move(**changes.pop("later", {}))
    policy = replace(POLICY, **changes)
    started = asyncio.run(start_day(client, policy, 8, "Func-Due", clock, watcher))
    assert started == bool(client.started)
    return client, watcher


def test_the_first_tick_of_a_day_starts_its_orchestration_by_app_and_date() -> None:
    client, watcher = tick()

    ((name, instance, given),) = client.started
    assert (name, instance) == ("due_notices_day", NAME)
    assert given == {"day": "2026-11-24", "run": given["run"], "shards": 8, "settings": POLICY.digest}
    assert len(given["run"]) == 32
    assert client.asked == [NAME]
    assert watcher.reports == []


def test_on_a_laptop_the_app_has_a_name_too() -> None:
    assert instance_id("", START.date()) == "due-notices-2026-11-24"


@pytest.mark.parametrize("status", ["Running", "Pending", "ContinuedAsNew", "Suspended"])
def test_an_orchestration_at_work_is_left(status: str) -> None:
    client, watcher = tick(found(status, customStatus={"phase": "counting", "shards": 8}))

    assert client.started == []
    assert watcher.reports == []
    assert watcher.details == [f"the orchestration {NAME} has been at work since 2026-11-24T09:00:00Z: counting"]


@pytest.mark.parametrize("custom", [None, "odd", {}])
def test_an_orchestration_at_work_without_a_status_is_left(custom: object) -> None:
    _, watcher = tick(found("Running", customStatus=custom))

    assert watcher.details == [f"the orchestration {NAME} has been at work since 2026-11-24T09:00:00Z: Running"]


@pytest.mark.parametrize("outcome", ["completed", "already-completed"])
def test_a_day_that_is_done_is_left_and_reported(outcome: str) -> None:
    client, watcher = tick(found("Completed", output={**DONE, "outcome": outcome}))

    assert client.started == []
    assert [report.outcome for report in watcher.reports] == [Outcome.ALREADY_COMPLETED]


@pytest.mark.parametrize(
    ("status", "output", "said"),
    [
        ("Failed", "an error of the engine", "Failed"),
        ("Terminated", "by an operator", "Terminated"),
        ("Canceled", None, "Canceled"),
        ("Completed", None, "Completed"),
        ("Completed", {**DONE, "outcome": "failed"}, "failed"),
        ("Completed", {**DONE, "outcome": "limit"}, "limit"),
        ("Completed", {**DONE, "outcome": "fallen"}, "fallen"),
        ("Completed", {**DONE, "filterDigest": "another filter"}, "completed"),
    ],
)
def test_an_orchestration_that_left_something_to_do_is_started_anew(status: str, output: object, said: str) -> None:
    client, watcher = tick(found(status, output=output))

    assert [instance for _, instance, _ in client.started] == [NAME]
    assert watcher.said == [f"the orchestration {NAME} ended as {said}; it is started anew"]


def test_a_day_that_is_done_is_looked_at_again_where_a_setting_asks_for_it() -> None:
    again = timedelta(hours=4)

    assert tick(found("Completed", output=DONE), look_again=again, later={"hours": 3})[0].started == []
    assert tick(found("Completed", output=DONE), look_again=again, later={"hours": 4})[0].started != []


def test_outside_the_window_durable_functions_is_not_asked() -> None:
    client, watcher = tick(later={"hours": 12})

    assert (client.asked, client.started) == ([], [])
    assert [report.outcome for report in watcher.reports] == [Outcome.OUTSIDE_WINDOW]


def test_the_next_day_is_another_orchestration() -> None:
    client, _ = tick(later={"days": 1})

    assert client.asked == ["func-due-2026-11-25"]
    assert datetime(2026, 11, 24, 9, tzinfo=UTC) == START
