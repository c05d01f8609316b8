"""The plain consumer on a real queue: by itself, and as a process that meets everything a queue may hold."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.consumer.conftest import EXAMPLE, NOW, message
from tests.consumer.mail_server import MailServer
from tests.factories import ALICE, BOB, user

import plain  # isort: skip (from the example's folder)
import queues  # isort: skip
from post import Store  # isort: skip
from store_sqlite import SqliteStore  # isort: skip

FAR = datetime(2999, 1, 1, tzinfo=UTC)


def text(**fields: Any) -> str:
    return message(**{"expires": FAR} | fields)


def put(access: StorageAccess, *texts: str | bytes) -> None:
    for each in texts:
        raw = each.encode() if isinstance(each, str) else each
        access.queue.send_message(base64.b64encode(raw).decode(), time_to_live=-1)


def poisoned(access: StorageAccess) -> list[str]:
    return [found.content for found in access.poison.peek_messages(32)]


def left(access: StorageAccess) -> int:
    count: int = access.properties().approximate_message_count or 0
    return count


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path / "notices.sqlite")
    yield found
    found.close()


def consumer(access: StorageAccess, store: Store) -> plain.Consumer:
    return plain.Consumer(access.queue, access.poison, store, lambda: NOW)


def test_messages_are_kept_and_deleted(storage_access: StorageAccess, store: SqliteStore) -> None:
    put(storage_access, text(), text(stage=-3), text())

    assert consumer(storage_access, store).step() == 3
    assert sorted(each.event["data"]["stage"] for each in store.kept()) == [-7, -3]
    assert left(storage_access) == 0
    assert poisoned(storage_access) == []


def test_poison_is_put_away_as_it_came_and_the_others_go_on(storage_access: StorageAccess, store: SqliteStore) -> None:
    put(storage_access, b"\xff", text(), "{}", "null")
    storage_access.queue.send_message("no base64 at all!", time_to_live=-1)

    consumer(storage_access, store).step()

    assert len(list(store.kept())) == 1
    assert sorted(poisoned(storage_access)) == ["/w==", "bnVsbA==", "e30=", "no base64 at all!"]
    assert left(storage_access) == 0


class Interrupted:
    """A store that breaks off: what it was given was not kept."""

    def __getattr__(self, _: str) -> Any:
        raise KeyboardInterrupt


def test_what_was_not_kept_stays_hidden_for_a_while_and_comes_again(
    storage_access: StorageAccess, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage_access, text())
    monkeypatch.setattr(plain, "HIDDEN", timedelta(seconds=1))
    broken: Any = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        consumer(storage_access, broken).step()

    step_until_something(consumer(storage_access, store))
    assert len(list(store.kept())) == 1


def step_until_something(working: plain.Consumer) -> None:
    until = time.monotonic() + 20
    while not working.step() and time.monotonic() < until:
        time.sleep(0.1)  # the service's clock, not ours


def test_what_ends_the_program_again_and_again_is_poison(
    storage_access: StorageAccess, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage_access, text())
    monkeypatch.setattr(plain, "MOST_TRIES", 0)

    consumer(storage_access, store).step()

    (content,) = poisoned(storage_access)
    assert json.loads(base64.b64decode(content)) == json.loads(text())
    assert left(storage_access) == 0


class Slow:
    """Keeps, and meanwhile another worker does something with the queue."""

    def __init__(self, store: Store, access: StorageAccess, how: str) -> None:
        self._store, self._access, self._how = store, access, how
        self.taken = 0

    def keep(self, *arguments: Any) -> bool:
        if self._how == "cleared":
            self._access.queue.clear_messages()
        until = time.monotonic() + 20
        while self._how == "received" and not self.taken and time.monotonic() < until:
            self.taken = len(list(self._access.queue.receive_messages(visibility_timeout=60)))
            time.sleep(0.1)  # the service's clock, not ours
        return self._store.keep(*arguments)


@pytest.mark.parametrize(("how", "remains"), [("cleared", 0), ("received", 1)])
def test_a_message_that_another_worker_took_over_meanwhile_does_no_harm(
    storage_access: StorageAccess, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, how: str, remains: int
) -> None:
    monkeypatch.setattr(plain, "HIDDEN", timedelta(seconds=1))
    put(storage_access, text())
    slow: Any = Slow(store, storage_access, how)

    assert consumer(storage_access, slow).step() == 1

    assert len(list(store.kept())) == 1
    assert left(storage_access) == remains


def environ(stack: LocalStack, access: StorageAccess) -> dict[str, str]:
    return {**os.environ, "NOTICE_STORAGE": stack.azurite.connection_string, **access.environ}


def run_once(tmp_path: Path, environ: dict[str, str], store: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "plain.py"), "--once", "--store", str(store or tmp_path / "notices.sqlite")],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done


def test_as_a_process_it_empties_the_queue_and_remembers_across_restarts(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    errors = []
    for _ in range(2):
        put(storage_access, text(), text(expires=datetime(2020, 1, 1, tzinfo=UTC), stage=0), "garbage")
        done = run_once(tmp_path, environ(stack, storage_access))
        assert done.returncode == 0
        errors.append(done.stderr)

    assert [error.count(": kept") for error in errors] == [1, 0]
    assert [error.count("handed over, 1 notice\n") for error in errors] == [1, 0]
    assert [error.count(": repeated") for error in errors] == [0, 1]
    assert [error.count(": expired") for error in errors] == [1, 1]
    assert len(poisoned(storage_access)) == 2
    assert "alice@example.com" not in "".join(errors)
    assert all(len(error.splitlines()) < 10 for error in errors)  # no record of the SDK's for each request


def test_every_customer_gets_one_letter_from_a_real_mail_server(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    bob = user(id=BOB, display_name="Bob Baum", given_name="Bob", email="bob@example.org", preferred_language="de")
    erin = user(display_name="Erin Eder", email=None, id="e2100000-0000-4000-8000-000000000005")
    put(
        storage_access,
        *(text(reference=f"INV-{number}", size=2) for number in (1, 2)),
        text(user=bob, reference="R-3"),
        text(user=erin),
    )
    with MailServer() as server:
        done = run_once(tmp_path, environ(stack, storage_access) | server.environ)
        mails = {mail["To"]: mail for mail in server.mails}

    assert done.returncode == 0, done.stderr
    assert sorted(mails) == ["Alice Abel <alice@example.com>", "Bob Baum <bob@example.org>"]
    to_alice, to_bob = (mails[name].get_content() for name in sorted(mails))
    assert to_alice.startswith("Hello Alice,")
    assert [f"INV-{number}" in to_alice for number in (1, 2)] == [True, True]
    assert to_bob.startswith("Guten Tag Bob,")
    assert "letters: 2 handed over, 1 refused" in done.stderr
    assert f"user {ALICE}: handed over, 2 notices" in done.stderr
    assert poisoned(storage_access) == []


def test_a_mail_server_that_is_away_is_a_failure_and_the_letter_waits(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    put(storage_access, text())
    settings = environ(stack, storage_access) | {
        "SENDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "1",
        "MAIL_FROM": "billing@example.com",
    }

    done = run_once(tmp_path, settings)

    assert done.returncode == 1
    assert "failed (ConnectionRefusedError)" in done.stderr
    assert left(storage_access) == 0
    file = SqliteStore(tmp_path / "notices.sqlite")
    assert [each.tries for each in file.kept()] == [1]
    file.close()


def end_of(tmp_path: Path, environ: dict[str, str], store: Path | None = None) -> tuple[int, str]:
    """Run it once as a process; return its exit code and the last line that it says."""
    done = run_once(tmp_path, environ, store)
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.mark.parametrize("value", ["", "AccountKey=b3BlbiBzZXNhbWU="])
def test_settings_that_name_no_queue_are_reported_and_not_repeated(tmp_path: Path, value: str) -> None:
    code, line = end_of(tmp_path, {"NOTICE_STORAGE": value})

    assert code == 2
    assert "NOTICE_STORAGE__queueServiceUri" in line
    assert "b3BlbiBzZXNhbWU=" not in line


@pytest.mark.parametrize(("setting", "value"), [("SENDER", "smtp"), ("LETTER_LANGUAGE", "xx"), ("SENDER", "pigeon")])
def test_wrong_settings_end_it_before_anything_is_taken(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path, setting: str, value: str
) -> None:
    put(storage_access, text())

    code, line = end_of(tmp_path, environ(stack, storage_access) | {setting: value})

    assert code == 2
    assert ("SMTP_HOST" if value == "smtp" else setting) in line
    assert len(storage_access.queue.peek_messages()) == 1


@pytest.mark.parametrize("missing", ["queue", "poison"])
def test_a_queue_that_is_missing_is_named_with_its_remedy(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path, missing: str
) -> None:
    put(storage_access, "garbage")
    getattr(storage_access, missing).delete_queue()

    code, line = end_of(tmp_path, environ(stack, storage_access))

    assert code == 1
    assert f"the queue {storage_access.name} " in line
    assert "az storage queue create" in line


def test_a_wrong_key_is_reported_with_its_remedy(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    settings = environ(stack, storage_access)
    settings["NOTICE_STORAGE"] = settings["NOTICE_STORAGE"].replace("AccountKey=", "AccountKey=AAAA")

    code, line = end_of(tmp_path, settings)

    assert code == 1
    assert "access is refused: correct NOTICE_STORAGE" in line


def test_a_store_that_cannot_be_kept_is_reported_and_nothing_is_taken(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    put(storage_access, text())

    code, line = end_of(tmp_path, environ(stack, storage_access), store=tmp_path / "nowhere" / "notices.sqlite")

    assert code == 1
    assert str(tmp_path / "nowhere" / "notices.sqlite") in line
    assert "--store" in line
    assert len(storage_access.queue.peek_messages()) == 1


def test_storage_that_refuses_connections_is_reported_with_its_remedy(tmp_path: Path) -> None:
    code, line = end_of(
        tmp_path, {"NOTICE_STORAGE": "AccountName=a;AccountKey=AAAA;QueueEndpoint=http://127.0.0.1:1/a"}
    )

    assert code == 1
    assert "no answer: check NOTICE_STORAGE" in line


def test_storage_that_never_answers_is_given_up_within_half_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest_pause = 5
    assert (queues.LIMITS["retry_total"] + 1) * queues.LIMITS["read_timeout"] + longest_pause < 30
    monkeypatch.setitem(queues.LIMITS, "read_timeout", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        monkeypatch.setenv("NOTICE_STORAGE", f"AccountName=a;AccountKey=AAAA;QueueEndpoint={endpoint}")
        began = time.monotonic()

        with pytest.raises(ServiceResponseError):
            plain._consume("due-notices", tmp_path / "notices.sqlite", once=True)

    assert time.monotonic() - began < longest_pause + 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_ends_it_cleanly(stack: LocalStack, storage_access: StorageAccess, tmp_path: Path) -> None:
    put(storage_access, text())
    running = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "plain.py"), "--store", str(tmp_path / "notices.sqlite")],
        env=environ(stack, storage_access),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:  # until it is at work
        if "letters: 1 handed over" in line:
            break

    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=5)

    assert running.returncode == 0
    assert "stopped" in errors
    assert "Traceback" not in errors
