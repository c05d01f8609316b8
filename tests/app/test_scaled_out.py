"""The function app with SCALE_OUT, as the Functions host runs it: through the real Python worker, on the local stack.

The host's own part, which plays the orchestrator and keeps its history, is `tests.fan_out.engine`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.clock import now
from local.customers import sample_customers
from local.expected import expected as expected_by
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.app.conftest import REPORT, ROOT, StartWorker, WorkerProcess, report_of
from tests.fan_out.engine import Engine
from tests.infra.package_rules import packed

FUNCTIONS = ["due_notices", *(f"due_notices_{name}" for name in ("day", "prepare", "count", "judge", "send", "record"))]
SCALED = {"SCALE_OUT": "3", "WEBSITE_SITE_NAME": "Func-Due"}


class DurableHost:
    """The host's endpoint for those who start orchestrations."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | None = None
        self.started: list[tuple[str, Any]] = []
        self.purged: list[str] = []
        self.purge_fails = False
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200 if host.status else 404, host.status or "no such instance")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                host.started.append((self.path, json.loads(json.loads(body))))  # JSON in JSON, as the SDK sends it
                self._answer(202, {"id": self.path.rpartition("/")[2]})

            def do_DELETE(self) -> None:
                host.purged.append(self.path)
                self._answer(500 if host.purge_fails else 200, {"instancesDeleted": 1})

            def _answer(self, status: int, body: object) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        base = f"http://127.0.0.1:{self._server.server_port}/runtime/webhooks/durabletask/"
        self.client = json.dumps(
            {"taskHubName": "DueNoticesHub", "creationUrls": {}, "managementUrls": {}, "rpcBaseUrl": base}
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host() -> Iterator[DurableHost]:
    found = DurableHost()
    yield found
    found.close()


def engine_of(worker: WorkerProcess, given: Any) -> Engine:
    """Return the host's part of an orchestration, whose functions are in a worker."""

    def invoke(function: str, **inputs: str) -> str:
        answer = worker.invoke(function, **inputs)
        assert answer["ok"], answer["message"]
        return str(answer["value"])

    return Engine(
        lambda body: invoke("due_notices_day", context=body),
        given,
        lambda name, data, _: json.loads(invoke(name, given=json.dumps(data))),
    )


def test_the_worker_finds_the_functions_of_an_app_that_scales_out(start_worker: StartWorker, stack: LocalStack) -> None:
    worker = start_worker(SCALED)

    started = worker.ask("start")
    assert started["ok"], started["message"]
    found = worker.ask("index")

    assert [each["name"] for each in found["functions"]] == FUNCTIONS
    assert all(load["ok"] for load in found["loaded"])
    timer, client = found["functions"][0]["bindings"]
    assert {timer["type"], client["type"]} == {"timerTrigger", "durableClient"}
    assert "azure.durable_functions" in found["modules"]
    assert not [name for name in found["modules"] if name.startswith(("durabletask", "grpc"))]
    assert not [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests, *stack.graph.requests]


def test_a_tick_starts_the_day_and_the_worker_does_it(
    start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess, host: DurableHost
) -> None:
    today = now().date()
    stack.graph.users = sample_customers(today, 300)
    stack.graph.directory.page_limit = 100
    worker = start_worker(SCALED).started()

    tick = worker.ask(f"tick {host.client}")

    assert tick["ok"], tick["message"]
    assert not tick["returned"]
    ((path, given),) = host.started
    assert path.endswith(f"/orchestrators/due_notices_day/func-due-{today}")
    assert given["shards"] == 3
    (purged,) = host.purged
    assert "runtimeStatus=Completed,Failed,Terminated" in purged
    assert storage_access.ids() == []

    before = len(worker.log)
    engine = engine_of(worker, given)
    ended = engine.run()

    (line,) = [line for line in worker.log if line["text"].startswith(REPORT)]
    report = json.loads(line["text"].removeprefix(REPORT))
    assert report["outcome"] == ended["outcome"] == "completed"
    assert report["shards"] == 3
    assert sorted(storage_access.ids()) == sorted(expected_by(stack.graph.users, stack.attribute, today).notices)
    assert report["sent"] == len(storage_access.ids())
    ours = [line for line in worker.log[before:] if line["logger"].startswith("due_notices")]
    assert len(ours) > 3
    assert {str(line["invocation"]).startswith("invocation-") for line in ours} == {True}
    assert len([each for each in stack.entra.requests if each.path.endswith("/token")]) == 1


def test_a_tick_leaves_a_day_at_work_and_reports_one_that_is_done(start_worker: StartWorker, host: DurableHost) -> None:
    worker = start_worker(SCALED).started()
    host.status = {"name": "due_notices_day", "createdTime": "2026-11-24T09:00:00Z", "runtimeStatus": "Running"}

    at_work = worker.ask(f"tick {host.client}")
    host.status |= {
        "runtimeStatus": "Completed",
        "output": {"outcome": "completed", "filterDigest": filter_digest(), "at": now().isoformat()},
    }
    done = worker.ask(f"tick {host.client}")

    assert at_work["ok"], at_work["message"]
    assert any("has been at work since" in line["text"] for line in at_work["log"])
    assert report_of(done)["outcome"] == "already-completed"
    assert host.started == []


def filter_digest() -> str:
    from due_notices.setting_values import filter_digest_of

    return filter_digest_of("accountEnabled eq true", frozenset())


def test_a_purge_that_fails_does_not_fail_the_tick(start_worker: StartWorker, host: DurableHost) -> None:
    host.purge_fails = True
    worker = start_worker(SCALED).started()

    tick = worker.ask(f"tick {host.client}")

    assert tick["ok"], tick["message"]
    assert len(host.started) == 1
    assert any("were not deleted" in line["text"] for line in tick["log"])


def test_wrong_settings_fail_the_tick_and_are_an_answer_of_an_activity(
    start_worker: StartWorker, host: DurableHost
) -> None:
    worker = start_worker({**SCALED, "SCALE_OUT": "many", "CATCH_UP_DAYS": "many"}).started()

    tick = worker.ask(f"tick {host.client}")
    count = worker.invoke("due_notices_count", given=json.dumps({"shard": 1, "prefixes": ["a"]}))

    assert not tick["ok"]
    assert "2 settings are wrong" in tick["message"]
    assert "SCALE_OUT" in tick["message"]
    assert host.started == []
    assert count["ok"], count["message"]
    answer = json.loads(count["value"])
    assert (answer["shard"], answer["prefixes"]) == (1, ["a"])
    assert "CATCH_UP_DAYS" in answer["error"]


def test_an_unexpected_error_in_an_activity_leaves_no_text_of_a_cause(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    for path in packed(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    private = "anna@example.com owes 120.50"
    with (tmp_path / "due_notices" / "fan_out.py").open("a", encoding="utf-8") as module:
        module.write(
            f"\n\ndef odd(*_):\n    raise ValueError('{private}') from KeyError('{private}')\n\n\nShards.count = odd\n"
        )
    worker = start_worker(SCALED, root=tmp_path).started()

    answer = worker.invoke("due_notices_count", given=json.dumps({"shard": 0, "prefixes": []}))
    worker.close()

    assert answer["ok"]
    assert "unexpected error ValueError in due_notices/fan_out.py" in json.loads(answer["value"])["error"]
    assert private not in worker.everything + str(answer["value"])


def test_an_app_whose_package_lacks_durable_functions_says_so_at_each_tick(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    for path in packed(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    (tmp_path / "due_notices" / "fan_out_app.py").write_text("import a_library_that_is_not_there\n", "utf-8")
    worker = start_worker(SCALED, root=tmp_path).started()

    answer = worker.tick()

    assert not answer["ok"]
    assert "SCALE_OUT: is 3, and azure-functions-durable" in answer["message"]
