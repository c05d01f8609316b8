from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.conftest import is_foreign
from tests.hygiene import look_at

ROOT = Path(__file__).parents[2]
HOST = Path(__file__).with_name("worker_host.py")
REPORT = "due-notices run "
Answer = dict[str, Any]


class WorkerProcess:
    """The function app in the Functions worker, in a process of its own."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", str(HOST), str(root)],
            cwd=root,
            env={**inherited, "PYTHONPATH": str(root), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[Answer] = []
        self.failures: list[str] = []
        self.output = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, keeping what it wrote to standard error."""
        if self._process.poll() is None or not self.output:
            rest, errors = self._process.communicate(timeout=30)
            self.output += rest + errors
            look_at(self.everything)

    def ask(self, command: str) -> Answer:
        """Give a command and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.close()
            pytest.fail(f"the worker ended: {self.output}")
        answer: Answer = json.loads(line)
        self.log += answer["log"]
        self.failures += [answer[name] for name in ("message", "stack") if answer.get(name)]
        return answer

    @property
    def everything(self) -> str:
        """All that left the process: log lines, messages and stacks of failed invocations, what it wrote itself."""
        return "\n".join([*(line["text"] for line in self.log), *self.failures, self.output])

    def started(self) -> Self:
        """Start and index, which must succeed."""
        for command in ("start", "index"):
            answer = self.ask(command)
            assert answer["ok"], answer
        return self

    def tick(self) -> Answer:
        """Let the timer tick once."""
        return self.ask("tick")

    def invoke(self, function: str, **inputs: str) -> Answer:
        """Invoke a function once, with inputs in JSON."""
        return self.ask(json.dumps({"function": function, "inputs": inputs}))


def report_of(answer: Answer) -> dict[str, Any]:
    """Return the report that a tick logged."""
    (line,) = [line for line in answer["log"] if line["text"].startswith(REPORT)]
    assert "\n" not in line["text"]
    report: dict[str, Any] = json.loads(line["text"].removeprefix(REPORT))
    return report


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(stack: LocalStack, storage_access: StorageAccess) -> Iterator[StartWorker]:
    """Return a function that starts a worker on the stack, its environment changed as wished, of the app in a root."""
    if importlib.util.find_spec("azure_functions_runtime") is None:
        pytest.skip("azure-functions-runtime, the worker as a package, is for Python 3.13 and later")
    with ExitStack() as opened:

        def start(
            changes: Mapping[str, str] | None = None, *, without: tuple[str, ...] = (), root: Path = ROOT
        ) -> WorkerProcess:
            environ = {
                **stack.environ,
                **storage_access.environ,
                "SEND_WINDOW": "00:00-24:00",
                "NOTICE_SCHEDULE": "0 0 * * * *",
                **(changes or {}),
            }
            for name in without:
                environ.pop(name, None)
            return opened.enter_context(WorkerProcess(environ, root))

        yield start
