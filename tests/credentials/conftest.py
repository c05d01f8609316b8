"""The way to a token on the local stack, with settings of the test's own, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from due_notices import bootstrap
from due_notices.adapters.msal import GraphToken
from due_notices.settings import Settings
from local.stack import LocalStack
from tests.fakes import MovableClock
from tests.hygiene import secrets_in

ROOT = Path(__file__).resolve().parents[2]
MakeToken = Callable[..., GraphToken]
RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make_token(stack: LocalStack, clock: MovableClock) -> MakeToken:
    """Return a function that makes the login to Graph, with changed settings."""

    def make(**changes: str) -> GraphToken:
        settings = Settings.from_mapping({**stack.environ, **changes})
        return bootstrap.graph_token(settings, clock)

    return make


def process_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process: what this one has, already scrubbed, and the settings."""
    return {**os.environ, **environ}


@pytest.fixture
def run_cli(stack: LocalStack) -> Iterator[RunCli]:
    """Return a function that runs the command line as a process; no secret may be in what it prints."""
    printed: list[str] = []

    def run(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "due_notices", *arguments],
            cwd=ROOT,
            env=process_environment(stack.environ if environ is None else environ),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        printed.append(done.stdout + done.stderr)
        return done

    yield run
    assert secrets_in("".join(printed)) == []
    assert "Traceback" not in "".join(printed)
