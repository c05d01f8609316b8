"""Every command in the documents is run here, is a target of make, or is marked as needing what this machine lacks."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from due_notices.commands.main import commands
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/runbook.md",
    "docs/consume.md",
    "docs/import.md",
    "docs/own-tenant.md",
    "docs/settings.md",
    "docs/rules.md",
    "examples/consumer/README.md",
)
USER = "11111111-2222-4333-8444-555555555555"
PLACES = {
    "USER": USER,
    "8a6f3c1e-0000-4000-8000-000000000001": USER,
    "<object id>": USER,
    "ada@example.com": USER,
    "YYYY-MM-DD": str(datetime.now(UTC).date() + timedelta(days=7)),
    "invoices.csv": str(ROOT / "examples/lists/billing.csv"),
    "examples/lists": str(ROOT / "examples/lists"),
}
MARK = re.compile(r"needs? a (?:tenant|subscription)|\(real Azure", re.IGNORECASE)
PROGRAM = re.compile(
    # Not the lines of the log, `due-notices run {…}` and `due-notices secret {…}`.
    rf"(?<![\w/-])(?:\.venv/bin/)?due-notices ((?:{'|'.join(commands.commands)})\b(?! \{{)[^`|#\n]*)"
)
# Run by tests of their own: make's targets, the consumers, the copying of the settings (below), the faults.
ELSEWHERE = re.compile(
    r"make [a-z]+|pipx install|cp local\.settings|export (NOTICE_STORAGE|SENDER)=|cd examples/consumer && func start"
    r"|\.venv/bin/(python (examples/|-m aiosmtpd)|pre-commit)"
)
# Changes secrets or users under a login of one's own, or asks the person at the keyboard; tests of their own run it.
NOT_HERE = re.compile(r"rotate-secret|import (?!--(?:explain|profiles|example)\b)")
GOOD_ENDS = {"status": {0, 1, 3}}


def blocks(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of all shell blocks, and whether line or paragraph before the block is marked."""
    for found in re.finditer(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        before = text[: found.start()].rstrip().rpartition("\n\n")[2]
        for line in found[1].replace("\\\n", " ").splitlines():
            if line.strip():
                yield line.strip(), bool(MARK.search(before) or MARK.search(line))


def program_calls() -> list[str]:
    """Return every call of the program that a page or a help text shows, once each."""
    texts = [(ROOT / page).read_text("utf-8") for page in PAGES]
    texts += [command.help or "" for command in commands.commands.values()] + [commands.epilog or ""]
    calls: dict[str, None] = {}
    for text in texts:
        for found in PROGRAM.finditer(text):
            words = re.split(r"\s{2,}", found[1].strip())[0].rstrip(".,;:)")
            if words and not words.startswith("-"):
                calls[words] = None
    return list(calls)


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_a_shell_block_is_run_or_marked(page: str) -> None:
    left = [
        line
        for line, marked in blocks((ROOT / page).read_text("utf-8"))
        if not (marked or PROGRAM.match(line) or ELSEWHERE.match(line))
    ]

    assert left == []


@pytest.mark.parametrize("call", program_calls())
def test_every_call_of_the_program_is_one_that_it_understands(call: str) -> None:
    name, *words = shlex.split(filled(call))
    command = commands.commands[name]

    parser = command.make_parser(click.Context(command))
    parser.parse_args(words)


def filled(call: str) -> str:
    return re.sub("|".join(map(re.escape, PLACES)), lambda found: PLACES[found[0]], call)


@pytest.fixture
def folder(stack: LocalStack, storage_access: StorageAccess, tmp_path: Path) -> Path:
    """A folder as the first-hour guide leaves it: the example settings, with the stack's values filled in."""
    example = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))
    example["Values"] |= stack.environ | storage_access.environ | {"SEND_WINDOW": "00:00-24:00"}
    del example["Values"]["AZURE_TOKEN_CREDENTIALS"]  # the stack has a managed identity, and no person's login
    (tmp_path / "local.settings.json").write_text(json.dumps(example))
    user = {"id": USER, "accountEnabled": True, "mail": "ada@example.com", stack.attribute: "2026-12-24"}
    stack.graph.users = [user]
    return tmp_path


@pytest.mark.parametrize("call", [call for call in program_calls() if not NOT_HERE.match(call)])
def test_every_call_of_the_program_works_on_the_local_stack(folder: Path, call: str) -> None:
    kept = {"PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP"}
    done = subprocess.run(
        [sys.executable, "-m", "due_notices", *shlex.split(filled(call))],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name in kept} | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode in GOOD_ENDS.get(call.partition(" ")[0], {0}), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["", *commands.commands])
def test_help_fits_a_terminal_teaches_by_examples_and_names_the_exit_codes(name: str) -> None:
    command = commands.commands[name] if name else commands
    with click.Context(command, info_name="due-notices", terminal_width=80) as context:
        text = command.get_help(context)

    assert max(map(len, text.splitlines())) <= 80
    assert "\\b" not in text
    assert "\b" not in text
    assert "Examples:" in text or name == "run"
