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

from due_notices.message import to_message
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.consumer.conftest import EXAMPLE, NOW
from tests.consumer.test_handling import SOURCE, Mailbox
from tests.factories import notice

import plain  # isort: skip (from the example's folder)
from seen_sqlite import SeenSqlite  # isort: skip

FAR = datetime(2999, 1, 1, tzinfo=UTC)


def text(**fields: Any) -> str:
    return to_message(notice(**{"expires": FAR} | fields), source=SOURCE, time=NOW, time_zone="UTC").text


def put(access: StorageAccess, *texts: str | bytes) -> None:
    for each in texts:
        raw = each.encode() if isinstance(each, str) else each
        access.queue.send_message(base64.b64encode(raw).decode(), time_to_live=-1)


def poisoned(access: StorageAccess) -> list[str]:
    return [message.content for message in access.poison.peek_messages(32)]


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[SeenSqlite]:
    store = SeenSqlite(tmp_path / "seen.sqlite")
    yield store
    store.close()


def consumer(access: StorageAccess, seen: SeenSqlite, mailbox: Mailbox) -> plain.Consumer:
    return plain.Consumer(access.queue, access.poison, seen, mailbox, lambda: NOW)


def test_a_batch_is_delivered_and_deleted(storage_access: StorageAccess, seen: SeenSqlite) -> None:
    mailbox = Mailbox()
    put(storage_access, text(), text(stage=-3), text())

    assert consumer(storage_access, seen, mailbox).step() == 3
    assert [event["data"]["stage"] for event in mailbox.delivered] == [-7, -3]
    assert storage_access.properties().approximate_message_count == 0
    assert poisoned(storage_access) == []


def test_poison_is_put_away_as_it_came_and_the_others_go_on(storage_access: StorageAccess, seen: SeenSqlite) -> None:
    mailbox = Mailbox()
    put(storage_access, b"\xff", text())
    storage_access.queue.send_message("no base64 at all!", time_to_live=-1)

    consumer(storage_access, seen, mailbox).step()

    assert len(mailbox.delivered) == 1
    assert sorted(poisoned(storage_access)) == ["/w==", "no base64 at all!"]
    assert storage_access.properties().approximate_message_count == 0


def test_what_failed_stays_hidden_for_a_while_and_comes_again(
    storage_access: StorageAccess, seen: SeenSqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox(failures=1)
    put(storage_access, text())
    monkeypatch.setattr(plain, "HIDDEN", timedelta(seconds=1))
    working = consumer(storage_access, seen, mailbox)

    assert (working.step(), working.step(), len(mailbox.delivered)) == (1, 0, 0)
    until = time.monotonic() + 20
    while not working.step() and time.monotonic() < until:
        time.sleep(0.1)  # the service's clock, not ours

    assert len(mailbox.delivered) == 1


def test_what_fails_too_often_is_poison(
    storage_access: StorageAccess, seen: SeenSqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage_access, text())
    monkeypatch.setattr(plain, "MOST_TRIES", 1)

    consumer(storage_access, seen, Mailbox(failures=99)).step()

    (content,) = poisoned(storage_access)
    assert json.loads(base64.b64decode(content)) == json.loads(text())
    assert storage_access.properties().approximate_message_count == 0


def test_a_message_that_another_worker_took_over_meanwhile_does_no_harm(
    storage_access: StorageAccess, seen: SeenSqlite
) -> None:
    put(storage_access, text(), text(stage=-3))
    delivered = []

    def deliver(event: dict[str, Any]) -> None:
        delivered.append(event)
        storage_access.queue.clear_messages()

    plain.Consumer(storage_access.queue, storage_access.poison, seen, deliver, lambda: NOW).step()

    assert len(delivered) == 2


def environ(stack: LocalStack, access: StorageAccess) -> dict[str, str]:
    return {**os.environ, "NOTICE_STORAGE": stack.azurite.connection_string, **access.environ}


def test_as_a_process_it_empties_the_queue_and_remembers_across_restarts(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    command = [sys.executable, str(EXAMPLE / "plain.py"), "--once", "--seen", str(tmp_path / "seen.sqlite")]
    errors = []
    for _ in range(2):
        put(storage_access, text(), text(expires=datetime(2020, 1, 1, tzinfo=UTC), stage=0), "garbage")
        done = subprocess.run(
            command, env=environ(stack, storage_access), capture_output=True, text=True, check=True, timeout=60
        )
        errors.append(done.stderr)

    assert [error.count(": delivered") for error in errors] == [1, 0]
    assert [error.count(": repeated") for error in errors] == [0, 1]
    assert [error.count(": expired") for error in errors] == [1, 1]
    assert len(poisoned(storage_access)) == 2
    assert "alice@example.com" not in "".join(errors)


def end_of(tmp_path: Path, environ: dict[str, str], seen: Path | None = None) -> tuple[int, str]:
    """Run it once as a process; return its exit code and the last line that it says."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "plain.py"), "--once", "--seen", str(seen or tmp_path / "seen.sqlite")],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.mark.parametrize("value", ["", "AccountKey=b3BlbiBzZXNhbWU="])
def test_settings_that_name_no_queue_are_told_and_not_repeated(tmp_path: Path, value: str) -> None:
    code, line = end_of(tmp_path, {"NOTICE_STORAGE": value})

    assert code == 2
    assert "NOTICE_STORAGE__queueServiceUri" in line
    assert "b3BlbiBzZXNhbWU=" not in line


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


def test_a_wrong_key_is_told_with_its_remedy(stack: LocalStack, storage_access: StorageAccess, tmp_path: Path) -> None:
    settings = environ(stack, storage_access)
    settings["NOTICE_STORAGE"] = settings["NOTICE_STORAGE"].replace("AccountKey=", "AccountKey=AAAA")

    code, line = end_of(tmp_path, settings)

    assert code == 1
    assert "access is refused: correct NOTICE_STORAGE" in line


def test_seen_ids_that_cannot_be_kept_are_told_and_nothing_is_taken(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    put(storage_access, text())

    code, line = end_of(tmp_path, environ(stack, storage_access), seen=tmp_path / "nowhere" / "seen.sqlite")

    assert code == 1
    assert str(tmp_path / "nowhere" / "seen.sqlite") in line
    assert "--seen" in line
    assert len(storage_access.queue.peek_messages()) == 1


def test_storage_that_refuses_connections_is_told_with_its_remedy(tmp_path: Path) -> None:
    code, line = end_of(
        tmp_path, {"NOTICE_STORAGE": "AccountName=a;AccountKey=AAAA;QueueEndpoint=http://127.0.0.1:1/a"}
    )

    assert code == 1
    assert "no answer: check NOTICE_STORAGE" in line


def test_storage_that_never_answers_is_given_up_within_half_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest_pause = 5
    assert (plain.LIMITS["retry_total"] + 1) * plain.LIMITS["read_timeout"] + longest_pause < 30
    monkeypatch.setitem(plain.LIMITS, "read_timeout", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        monkeypatch.setenv("NOTICE_STORAGE", f"AccountName=a;AccountKey=AAAA;QueueEndpoint={endpoint}")
        began = time.monotonic()

        with pytest.raises(ServiceResponseError):
            plain._consume("due-notices", tmp_path / "seen.sqlite", once=True)

    assert time.monotonic() - began < longest_pause + 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_ends_it_cleanly(stack: LocalStack, storage_access: StorageAccess, tmp_path: Path) -> None:
    put(storage_access, text())
    running = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "plain.py"), "--seen", str(tmp_path / "seen.sqlite")],
        env=environ(stack, storage_access),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:  # until it is at work
        if ": delivered" in line:
            break

    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=5)

    assert running.returncode == 0
    assert "stopped" in errors
    assert "Traceback" not in errors
