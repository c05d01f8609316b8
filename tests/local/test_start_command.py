from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local import start_command as start
from local.azurite import Azurite
from local.stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "local", "start"]
UP = "The local stack is up"
OWN = '{"IsEncrypted": false, "Values": {"GRAPH_TENANT_ID": "that of my own tenant"}}\n'


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in a folder of its own, which the test works in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / start.SETTINGS_FILE


@pytest.fixture
def in_process(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let `start` use the tests' stack, leave the signals alone, and end at once."""
    monkeypatch.setattr(start, "LocalStack", lambda *_, **__: contextlib.nullcontext(stack))
    monkeypatch.setattr(start, "end_on_signals", lambda: None)
    monkeypatch.setattr(start, "_serve", lambda *_, **__: 0)
    monkeypatch.setattr(start, "furnish_past", lambda *_: None)
    return monkeypatch


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": os.defpath}  # where Core Tools is not


@pytest.fixture
def started(settings_file: Path) -> Iterator[subprocess.Popen[str]]:
    """A `start` in a process of its own, up."""
    with subprocess.Popen(COMMAND, env=environ(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith(UP) for line in process.stdout)
            assert settings_file.stat().st_size > 0
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_second_start_is_refused_and_the_first_keeps_its_settings_to_its_end(
    started: subprocess.Popen[str], settings_file: Path
) -> None:
    settings = settings_file.read_bytes()

    second = subprocess.run(COMMAND, env=environ(), capture_output=True, text=True, check=False, timeout=30)
    after = settings_file.read_bytes()
    started.send_signal(signal.SIGINT)

    assert second.returncode == 1
    assert "Another local stack is up" in second.stderr
    assert "Ctrl-C" in second.stderr
    assert after == settings
    assert started.wait(10) == 0
    assert not settings_file.exists()


def test_an_azurite_that_ends_ends_the_stack_with_its_last_words(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path)
    azurite.start()
    try:
        assert azurite.last_words is None
        assert azurite.process_id is not None
        assert requests.get(azurite.url("queue"), timeout=10).status_code >= 400  # it is up whole, its handlers too
        os.kill(azurite.process_id, signal.SIGTERM)

        assert start._watch(azurite, None) == 1
        assert azurite.last_words is not None
    finally:
        azurite.stop()


@pytest.mark.parametrize("text", [OWN, "no JSON", "[]", '{"Values": {}}', '{"//": "written by `make start`"}', ""])
def test_the_users_own_settings_are_not_overwritten(
    settings_file: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_file.write_text(text)

    assert start.start() == 1
    assert settings_file.read_text() == text
    assert "Move it away" in capsys.readouterr().err


def test_what_the_user_put_there_meanwhile_stays(
    in_process: pytest.MonkeyPatch, settings_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_process.setattr(start, "_serve", lambda *_, **__: settings_file.write_text(OWN) and 0)

    start.start()

    assert settings_file.read_text() == OWN
    assert "so it stays" in capsys.readouterr().err


def test_what_came_while_the_stack_started_stays(
    in_process: pytest.MonkeyPatch, settings_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_process.setattr(start, "end_on_signals", lambda: settings_file.write_text(OWN))

    assert start.start() == 1
    assert settings_file.read_text() == OWN
    assert "move the file away" in capsys.readouterr().err


def test_settings_that_the_user_removed_are_no_trouble(in_process: pytest.MonkeyPatch, settings_file: Path) -> None:
    in_process.setattr(start, "_serve", lambda *_, **__: settings_file.unlink())

    start.start()

    assert not settings_file.exists()


def left_by_a_killed_stack(stack: LocalStack, settings_file: Path) -> None:
    values = start._settings_of(stack).replace(stack.graph.base_url.encode(), b"https://127.0.0.1:1")
    settings_file.write_bytes(start._text(json.loads(values)["Values"]))


def test_what_a_killed_stack_left_is_replaced(
    in_process: pytest.MonkeyPatch, stack: LocalStack, settings_file: Path
) -> None:
    left_by_a_killed_stack(stack, settings_file)
    in_process.setattr(start, "_serve", lambda *_, **__: settings_file.read_bytes() == start._settings_of(stack))

    assert start.start() is True
    assert not settings_file.exists()


def test_what_a_killed_stack_left_and_the_user_changed_is_not_overwritten(
    in_process: pytest.MonkeyPatch, stack: LocalStack, settings_file: Path
) -> None:
    del in_process
    left_by_a_killed_stack(stack, settings_file)
    changed = settings_file.read_text().replace("due-notices", "my-own-queue")
    settings_file.write_text(changed)

    assert start.start() == 1
    assert settings_file.read_text() == changed
