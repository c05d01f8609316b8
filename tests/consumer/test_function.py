"""The example's function app through the real worker runtime, its notices in a real table."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest

from local.serve_command import local_settings
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.conftest import is_foreign
from tests.consumer.conftest import EXAMPLE, message
from tests.consumer.mail_server import MailServer
from tests.consumer.test_plain import text

import local_settings as example_settings  # isort: skip (from the example's folder)
from post import PAUSES  # isort: skip

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

    def keep(self, body: str) -> dict[str, Any]:
        return self._ask({"name": "keep", "body": body})

    def tick(self, name: str) -> dict[str, Any]:
        return self._ask({"name": name})

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
def settings(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The settings as the README says that they are made, from those of `make start`."""
    (tmp_path / "local.settings.json").write_text(
        json.dumps({"Values": local_settings(stack) | storage_access.environ}), "utf-8"
    )
    (tmp_path / "consumer").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(example_settings, "HERE", tmp_path / "consumer")
    assert example_settings.main() == 0
    written = json.loads((tmp_path / "consumer" / "local.settings.json").read_text("utf-8"))
    values: dict[str, str] = written["Values"]
    assert written["IsEncrypted"] is False
    return values | {"LETTER_TABLE": storage_access.name}


@pytest.fixture
def worker(settings: dict[str, str]) -> Iterator[Worker]:
    with Worker(settings) as started:
        yield started


def outcomes(answer: dict[str, Any], word: str) -> list[str]:
    assert answer["ok"], answer
    return [line.rpartition(": ")[2] for line in answer["log"] if word in line]


def states(access: StorageAccess) -> list[str]:
    return sorted(row.get("outcome", "kept") for row in access.rows())


def test_without_the_settings_of_make_start_the_way_to_them_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert example_settings.main() == 2
    assert "make start" in capsys.readouterr().err


def test_the_worker_finds_a_queue_trigger_and_two_timers(worker: Worker) -> None:
    assert worker.begun["start"]["ok"], worker.begun
    (queue,), *timers = (worker.begun["bindings"][name] for name in ("keep", "send", "forget"))

    assert (queue["type"], queue["queueName"], queue["connection"]) == (
        "queueTrigger",
        "%NOTICE_QUEUE%",
        "NOTICE_STORAGE",
    )
    assert [[each["type"] for each in timer] for timer in timers] == [["timerTrigger"]] * 2
    assert not any(each["runOnStartup"] for timer in timers for each in timer)


def test_a_notice_becomes_a_letter_and_its_repeat_is_dropped(worker: Worker, storage_access: StorageAccess) -> None:
    kept = outcomes(worker.keep(text()), "notice ")
    letters = outcomes(worker.tick("send"), "letters")
    repeated = outcomes(worker.keep(text()), "notice ")

    assert (kept, letters, repeated) == (["kept"], ["1 handed over"], ["repeated"])
    assert states(storage_access) == ["handed over"]


def test_neither_names_nor_the_sdks_requests_are_in_the_log(worker: Worker) -> None:
    lines = worker.keep(text())["log"] + worker.tick("send")["log"]

    assert "alice@example.com" not in str(lines)
    assert not any("Request URL" in line for line in lines)
    assert len(lines) < 10


def test_letters_go_out_over_a_real_mail_server_one_for_each_batch(settings: dict[str, str]) -> None:
    with MailServer() as server, Worker(settings | server.environ) as worker:
        for number in (1, 2):
            worker.keep(text(reference=f"INV-{number}", size=2))
            worker.tick("send")

        (mail,) = server.mails

    assert [f"INV-{number}" in mail.get_content() for number in (1, 2)] == [True, True]


def test_poison_fails_alone_so_that_the_host_puts_it_away(worker: Worker) -> None:
    poison, after = worker.keep('{"half": '), worker.keep(text())

    assert not poison["ok"]
    assert "Unreadable" in str(poison["message"])
    assert after["ok"]


def test_a_letter_that_fails_again_and_again_goes_to_the_poison_queue(
    settings: dict[str, str], storage_access: StorageAccess
) -> None:
    away = {"SENDER": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "MAIL_FROM": "billing@example.com"}
    with Worker(settings | away) as worker:
        worker.keep(text())
        row = storage_access.rows()[0] | {"tries": len(PAUSES)}
        storage_access.table.upsert_entity(row)

        assert outcomes(worker.tick("send"), "letters") == ["1 poison"]

    (put_away,) = storage_access.poison.peek_messages()
    assert json.loads(base64.b64decode(put_away.content)) == json.loads(text())
    assert states(storage_access) == []


def test_an_expired_notice_is_finished_and_not_kept(worker: Worker, storage_access: StorageAccess) -> None:
    answer = worker.keep(message(expires=datetime(2020, 11, 28, tzinfo=UTC)))

    assert outcomes(answer, "notice") == ["expired"]
    assert states(storage_access) == []


def test_forgetting_keeps_what_may_still_come_again(worker: Worker, storage_access: StorageAccess) -> None:
    worker.keep(text())
    worker.tick("send")

    answer = worker.tick("forget")

    assert answer["ok"], answer
    assert any("forgot 0 ids" in line for line in answer["log"])
    assert states(storage_access) == ["handed over"]


def test_wrong_settings_fail_the_invocation_by_name(settings: dict[str, str]) -> None:
    with Worker(settings | {"SENDER": "smtp"}) as worker:
        answer = worker.tick("send")

    assert not answer["ok"]
    assert "SMTP_HOST" in str(answer["message"])


def test_the_queue_is_read_as_the_program_writes_it() -> None:
    queues = json.loads((EXAMPLE / "host.json").read_text("utf-8"))["extensions"]["queues"]

    assert queues["messageEncoding"] == "base64"
    hours, minutes, seconds = map(int, queues["visibilityTimeout"].split(":"))
    assert hours * 3600 + minutes * 60 + seconds >= 60  # else five tries are over within a second
