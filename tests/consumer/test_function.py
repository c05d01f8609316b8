"""The example's function app through the real worker runtime, its seen ids in a real table."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from due_notices.message import to_message
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.conftest import is_foreign
from tests.consumer.conftest import EXAMPLE, NOW
from tests.consumer.test_handling import SOURCE
from tests.consumer.test_plain import FAR, text
from tests.factories import notice

ROOT = Path(__file__).resolve().parents[2]
HOST = Path(__file__).with_name("worker_host.py")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("azure_functions_runtime") is None,
    reason="azure-functions-runtime, the worker as a package, is for Python 3.13 and later",
)


class Worker:
    """The app in the worker, in a process of its own."""

    def __init__(self, environ: dict[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        self._process = subprocess.Popen(
            [sys.executable, str(HOST), str(EXAMPLE)],
            env={**inherited, "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.begun = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def remind(self, body: str) -> dict[str, Any]:
        return self._ask({"name": "remind", "body": body})

    def forget(self) -> dict[str, Any]:
        return self._ask({"name": "forget"})

    def _ask(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture
def worker(stack: LocalStack, storage_access: StorageAccess) -> Iterator[Worker]:
    environ = {"SEEN_STORAGE": stack.azurite.connection_string, "SEEN_TABLE": storage_access.name}
    with Worker(environ) as started:
        yield started


def test_the_worker_finds_a_queue_trigger_and_a_timer(worker: Worker) -> None:
    assert worker.begun["start"]["ok"], worker.begun
    ((queue,), (timer,)) = (worker.begun["bindings"][name] for name in ("remind", "forget"))

    assert (queue["type"], queue["queueName"], queue["connection"]) == (
        "queueTrigger",
        "%NOTICE_QUEUE%",
        "NOTICE_STORAGE",
    )
    assert timer["type"] == "timerTrigger"


def test_a_notice_is_delivered_and_its_repeat_dropped(worker: Worker, storage_access: StorageAccess) -> None:
    first, second = worker.remind(text()), worker.remind(text())

    assert (first["ok"], second["ok"]) == (True, True)
    assert [line.rpartition(": ")[2] for answer in (first, second) for line in answer["log"] if "notice " in line] == [
        "delivered",
        "repeated",
    ]
    assert [row["state"] for row in storage_access.rows()] == ["done"]
    assert "alice@example.com" not in str([first, second])


def test_poison_fails_alone_so_that_the_host_puts_it_away(worker: Worker) -> None:
    poison, after = worker.remind('{"half": '), worker.remind(text())

    assert not poison["ok"]
    assert "Unreadable" in str(poison["message"])
    assert after["ok"]


def test_an_expired_notice_is_finished_without_delivery(worker: Worker, storage_access: StorageAccess) -> None:
    old = to_message(notice(), source=SOURCE, time=NOW, time_zone="UTC").text.replace("2026-11-28T", "2020-11-28T")

    answer = worker.remind(old)

    assert answer["ok"]
    assert any(line.endswith(": expired") for line in answer["log"])
    assert storage_access.rows() == []


def test_forgetting_keeps_what_may_still_come_again(worker: Worker, storage_access: StorageAccess) -> None:
    worker.remind(text())

    answer = worker.forget()

    assert answer["ok"], answer
    assert any("forgot 0 ids" in line for line in answer["log"])
    assert len(storage_access.rows()) == 1
    assert FAR.year > 2026


def test_the_queue_is_read_as_the_program_writes_it() -> None:
    queues = json.loads((EXAMPLE / "host.json").read_text("utf-8"))["extensions"]["queues"]

    assert queues["messageEncoding"] == "base64"
    hours, minutes, seconds = map(int, queues["visibilityTimeout"].split(":"))
    from seen_table import LAPSE

    pauses = (queues["maxDequeueCount"] - 1) * (hours * 3600 + minutes * 60 + seconds)
    assert pauses > LAPSE.total_seconds()  # else a notice whose worker died would be poison before its claim lapses
