"""The function app as the Functions host runs it: through the real Python worker runtime, on the local stack."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from local.clock import now
from local.customers import sample_customers
from local.expected import expected as expected_by
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.app.conftest import StartWorker, report_of
from tests.factories import notice_schema

# What a tick that has nothing to do must not load.
HEAVY = ("requests", "msal", "aiohttp", "azure.storage", "azure.data.tables", "azure.identity", "azure.keyvault")
HEAVIER = (*HEAVY, "due_notices", "holidays")


def loaded(modules: list[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)]


def hours_away() -> str:
    """Return a send window that the present hour is not in."""
    begin = (now() + timedelta(hours=6)).hour
    return f"{begin:02}:00-{begin:02}:59"


def test_the_worker_finds_one_timer(start_worker: StartWorker, stack: LocalStack) -> None:
    worker = start_worker()

    started = worker.ask("start")
    found = worker.ask("index")

    assert started["ok"], started["message"]
    (function,) = found["functions"]
    assert function["name"] == "due_notices"
    (binding,) = function["bindings"]
    assert binding["type"] == "timerTrigger"
    assert binding["name"] == "timer"
    assert binding["direction"] == "IN"
    assert binding["schedule"] == "%NOTICE_SCHEDULE%"
    assert binding["useMonitor"] is True
    assert binding["runOnStartup"] is False
    assert [load["ok"] for load in found["loaded"]] == [True]
    assert loaded(found["modules"], HEAVIER) == []
    assert not [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests, *stack.graph.requests]


def test_indexing_needs_no_settings(start_worker: StartWorker, stack: LocalStack) -> None:
    worker = start_worker(without=tuple(stack.environ))

    assert worker.ask("start")["ok"]
    assert len(worker.ask("index")["functions"]) == 1


def test_a_tick_sends_what_is_owed_and_the_next_one_nothing(
    start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess
) -> None:
    today = now().date()
    users = sample_customers(today, 600)
    stack.graph.users = users
    stack.graph.directory.page_limit = 250
    stack.secret_rotate(expires_on=now() + timedelta(days=200))
    worker = start_worker().started()

    first = worker.tick()
    second = worker.ask("late tick")

    assert first["ok"], first["message"]
    assert not first["returned"]
    report = report_of(first)
    assert report["outcome"] == "completed"
    assert report["sent"] == report["owed"] > 20
    assert report["credential"] == {"kind": "secret", "daysLeft": 199}
    assert second["ok"], second["message"]
    assert report_of(second)["outcome"] == "already-completed"
    expected = expected_by(users, stack.attribute, today).notices
    events = [queued.event for queued in storage_access.events()]
    assert sorted(event["id"] for event in events) == sorted(expected)
    validator = jsonschema.Draft202012Validator(
        json.loads(notice_schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for event in events:
        validator.validate(event)
        parsed = JSONFormat().read(CloudEvent, json.dumps(event))
        assert parsed.get_id() == event["id"]
        assert parsed.get_source() == f"/tenants/{stack.tokens.tenant_id}/due-notices"


def test_every_line_is_logged_inside_the_invocation(start_worker: StartWorker, stack: LocalStack) -> None:
    stack.graph.users = sample_customers(now().date(), 200)
    worker = start_worker().started()

    answer = worker.tick()

    ours = [line for line in answer["log"] if line["logger"].startswith("due_notices")]
    assert ours
    assert all(str(line["invocation"]).startswith("invocation-") for line in ours)


def test_a_tick_that_is_late_says_so(start_worker: StartWorker) -> None:
    worker = start_worker().started()

    answer = worker.ask("late tick")

    assert any("this tick is late" in line["text"] for line in answer["log"])


def test_a_tick_outside_the_window_ends_at_once(start_worker: StartWorker, stack: LocalStack) -> None:
    worker = start_worker({"SEND_WINDOW": hours_away()}).started()

    answer = worker.tick()

    assert answer["ok"], answer["message"]
    assert report_of(answer)["outcome"] == "outside-window"
    assert loaded(answer["modules"], HEAVY) == []
    assert not [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests, *stack.graph.requests]


def test_a_failed_run_fails_the_invocation_after_its_cause_was_logged(
    start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess
) -> None:
    stack.graph.users = sample_customers(now().date(), 50)
    stack.entra.set_roles(stack.app.client_id, [])
    stack.entra.token_lifetime = timedelta(seconds=50)  # a token has the permissions of its birth
    worker = start_worker().started()

    answer = worker.tick()

    assert not answer["ok"]
    assert "User.Read.All" in answer["message"]
    report = report_of(answer)
    assert report["outcome"] == "failed"
    assert "User.Read.All" in report["error"]
    assert [line["level"] for line in answer["log"] if line["text"].startswith("due-notices run ")] == ["ERROR"]
    assert storage_access.ids() == []

    stack.entra.set_roles(stack.app.client_id, ["User.Read.All"])
    again = worker.tick()
    assert again["ok"], again["message"]
    assert report_of(again)["outcome"] == "completed"


@pytest.mark.parametrize("what", ["queue", "table", "vault", "secret"])
def test_what_is_missing_is_said_and_the_tick_after_its_repair_sends(
    start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess, what: str
) -> None:
    stack.graph.users = sample_customers(now().date(), 60)
    if what == "queue":
        storage_access.delete_queue()
    elif what == "table":
        storage_access.delete_table()
    elif what == "vault":
        stack.vault.readers.clear()
    else:
        stack.secret_rotate(store=False)
    worker = start_worker().started()

    answer = worker.tick()

    assert not answer["ok"]
    error = report_of(answer)["error"]
    for hint in {
        "queue": ("QueueNotFound", "az storage queue create"),
        "table": ("TableNotFound", "az storage table create"),
        "vault": ("ForbiddenByRbac", "Key Vault Secrets User"),
        "secret": ("AADSTS7000215", "secret"),
    }[what]:
        assert hint in error

    if what == "queue":
        storage_access.create_queue()
    elif what == "table":
        storage_access.create_table()
    elif what == "vault":
        stack.vault.readers.add(stack.managed_identity.principal_id)
    else:
        stack.secret_rotate()
    again = worker.tick()
    assert again["ok"], again["message"]
    assert len(storage_access.ids()) == report_of(again)["sent"] > 0


def test_wrong_settings_fail_the_invocation_with_every_problem(start_worker: StartWorker, stack: LocalStack) -> None:
    worker = start_worker(
        {"GRAPH_TENANT_ID": "contoso", "CATCH_UP_DAYS": "many", "BUSINESS_TIME_ZONE": "Europe/Pariss"},
        without=("KEY_VAULT_URL",),
    ).started()

    answer = worker.tick()

    assert not answer["ok"]
    (line,) = [line for line in answer["log"] if line["logger"].startswith("due_notices")]
    assert line["level"] == "ERROR"
    assert str(line["invocation"]).startswith("invocation-")
    assert "\n" not in line["text"]
    for hint in ("4 settings are wrong", "GRAPH_TENANT_ID", "CATCH_UP_DAYS", "Europe/Paris", "KEY_VAULT_URL"):
        assert hint in answer["message"]
        assert hint in line["text"]
    assert not [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests, *stack.graph.requests]
