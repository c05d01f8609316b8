"""How every command behaves: in pipes, with --debug anywhere, when interrupted, when something breaks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from due_notices.commands import console
from due_notices.commands import main as command_line
from due_notices.ports import Storage
from due_notices.services import opened
from local.faults import Fault
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import CommandLine
from tests.fakes import FakeStorage


def test_in_a_pipe_no_line_is_broken_and_nothing_is_coloured(program: CommandLine, stack: LocalStack) -> None:
    stack.vault.readers.clear()
    program("run")

    first, *_ = program("status", COLUMNS="40", FORCE_COLOR="").stdout.splitlines()

    assert len(first) > 200
    assert "Key Vault Secrets User" in first
    assert "\x1b" not in first


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
@pytest.mark.parametrize("value", ["0", "1", "true"])
def test_no_variable_makes_a_terminal_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "40")
    with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        table = console.table("words", "word", "word again")
        table.add_row("a" * 60, "b" * 60)

        console.out().print(table)
        with console.progress(10) as bars:
            bars.read(5)
            bars.say("a sentence")
            bars.owed(1)

        out.seek(0)
        err.seek(0)
        assert [line.split() for line in out] == [["words"], ["word", "word", "again"], ["a" * 60, "b" * 60]]
        assert err.read() == "a sentence\n"


@pytest.mark.skipif(sys.platform == "win32", reason="opens a POSIX terminal")
@pytest.mark.parametrize("settings", [{}, {"FORCE_COLOR": ""}, {"TTY_COMPATIBLE": "0"}])
def test_a_terminal_is_one_whatever_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in {"COLUMNS": "50", "TERM": "xterm", **settings}.items():
        monkeypatch.setenv(name, value)
    other_end, terminal = os.openpty()
    try:
        with os.fdopen(terminal, "w") as stream:
            monkeypatch.setattr("sys.stdout", stream)

            assert (console.out().is_terminal, console.out().width) == (True, 50)
    finally:
        os.close(other_end)


@pytest.mark.parametrize("words", [["preview", "--all"], ["audit", "--json"], ["status"], ["doctor"]])
def test_a_closed_pipe_changes_neither_exit_code_nor_standard_error(program: CommandLine, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            program.command(*words),
            cwd=program.folder,
            env=program.environ,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (program(*words).returncode, b"")


def test_a_name_that_the_encoding_lacks_is_written_escaped(program: CommandLine, stack: LocalStack) -> None:
    ada = {"id": "ada", "accountEnabled": True, "displayName": "Zo\u00eb \u6771\u4eac", "mail": "ada@example.com"}
    stack.graph.users = [ada | {stack.attribute: program.json("preview")["businessDate"]}]

    done = program("preview", "--with-contacts", "--all", PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert r"Zo\xeb \u6771\u4eac" in done.stdout


def test_debug_counts_at_any_place_of_the_command_line(program: CommandLine, storage_access: StorageAccess) -> None:
    storage_access.delete_table()

    for words in (("audit", "--debug"), ("--debug", "audit")):
        done = subprocess.run(
            program.command(*words),
            cwd=program.folder,
            env=program.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" in done.stderr
        assert done.returncode == 1


def test_without_debug_an_error_is_one_sentence(program: CommandLine, storage_access: StorageAccess) -> None:
    storage_access.delete_table()

    done = program("audit")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "az storage table create" in done.stderr


def test_an_unexpected_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("with something personal in it")

    monkeypatch.setattr("due_notices.bootstrap.load_settings", broken)

    assert command_line.main(["status"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "--debug" in said
    assert "personal" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_ends_a_look_ahead_within_a_second(program: CommandLine, stack: LocalStack) -> None:
    stack.graph.faults.add(Fault(delay=20))
    running = subprocess.Popen(
        program.command("status", "--ahead", "7"),
        cwd=program.folder,
        env=program.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not stack.graph.requests:  # the process has to reach Graph first
        assert running.poll() is None
        time.sleep(0.02)

    begun = time.monotonic()
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=10)

    assert running.returncode == 130
    assert (output, errors.strip()) == ("", "interrupted")
    assert time.monotonic() - begun < 5  # a second on an idle machine


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_an_interruption_while_storage_opens_leaves_nothing_open() -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def open_storage() -> AsyncIterator[Storage]:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(0)
            yield Storage(FakeStorage().queue, FakeStorage().ledger)
        finally:
            await asyncio.sleep(0)
            closed.append("storage")

    with pytest.raises(KeyboardInterrupt), opened(open_storage):
        pytest.fail("the interruption was lost")

    assert closed == ["storage"]
