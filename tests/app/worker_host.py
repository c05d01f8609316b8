"""Drives the function app as the Functions host does, through the real Python worker runtime.

Run as a program in a process of its own, since the runtime keeps its state in modules. It reads commands from
standard input, one a line, and answers each with one line of JSON. The protocol's classes, which the host has from
its gRPC definitions, are stand-ins: plain records with the same names.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

ROOT = Path(sys.argv[1])  # where the app is
WATCHED = ("azure", "durabletask", "grpc", "msal", "requests", "aiohttp", "due_notices", "holidays", "socket")


class Record(SimpleNamespace):
    """A message of the protocol."""

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 (the protocol's name)
        """Return the name of the field that is set."""
        return next(iter(vars(self)), None)


class Status(IntEnum):
    """How a request ended."""

    Failure = 0
    Success = 1


class StatusResult(Record):
    """The protocol's record of the same name."""

    Failure = Status.Failure
    Success = Status.Success


class BindingInfo(Record):
    """The protocol's record of the same name."""

    undefined = 0
    out = 1
    inout = 2


class Protocol:
    """Every other record is a plain one."""

    StatusResult = StatusResult
    BindingInfo = BindingInfo

    def __getattr__(self, name: str) -> type[Record]:
        """Return the class of a message."""
        return type(name, (Record,), {})


class Lines(logging.Handler):
    """Keeps what reaches the host, and whether it was said inside the invocation."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Format as the worker does: message, then any traceback."""
        self.lines.append(
            {
                "logger": record.name,
                "level": record.levelname,
                "text": self.format(record),
                "invocation": runtime.invocation_id_cv.get(),
            }
        )

    def drain(self) -> list[dict[str, Any]]:
        """Return and forget."""
        lines, self.lines = self.lines, []
        return lines


def request(**fields: Any) -> Record:
    """Return a request from the host."""
    return Record(request=Record(**fields), properties={"host": "127.0.0.1", "protos": Protocol()})


def outcome(result: Any) -> dict[str, Any]:
    """Return a status as JSON."""
    exception = getattr(result, "exception", None)
    return {
        "ok": result.status == Status.Success,
        "message": exception.message if exception else None,
        "stack": exception.stack_trace if exception else None,
    }


def modules() -> list[str]:
    """Return the loaded modules that tests care about."""
    return sorted(name for name in sys.modules if name.startswith(WATCHED))


async def start() -> dict[str, Any]:
    """Start the worker: it indexes the functions."""
    answer = await runtime.worker_init_request(
        request(worker_init_request=Record(capabilities={}, function_app_directory=str(ROOT)))
    )
    return outcome(answer.result) | {"modules": modules()}


async def index() -> dict[str, Any]:
    """Tell the functions found, and load them."""
    answer = await runtime.functions_metadata_request(request())
    found = [
        {"name": each.name, "id": each.function_id, "bindings": [json.loads(text) for text in each.raw_bindings]}
        for each in answer.function_metadata_results or ()
    ]
    loaded = [
        outcome(
            (await runtime.function_load_request(request(function_load_request=Record(function_id=each["id"])))).result
        )
        for each in found
    ]
    return outcome(answer.result) | {"functions": found, "loaded": loaded, "modules": modules()}


async def tick(function_id: str, number: int, *, past_due: bool, client: str | None = None) -> dict[str, Any]:
    """Invoke the timer once; `client` is what the host tells one that starts orchestrations."""
    timer = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {"Last": "2026-11-24T08:00:00+00:00", "Next": "2026-11-24T09:00:00+00:00"},
        "IsPastDue": past_due,
    }
    inputs = {"timer": Record(json=json.dumps(timer))}
    return await invoke(function_id, number, inputs if client is None else {**inputs, "client": Record(string=client)})


async def invoke(function_id: str, number: int, inputs: Mapping[str, Record]) -> dict[str, Any]:
    """Invoke a function once."""
    answer = await runtime.invocation_request(
        request(
            invocation_request=Record(
                invocation_id=f"invocation-{number}",
                function_id=function_id,
                input_data=[Input(name=name, data=data) for name, data in inputs.items()],
                trigger_metadata={},
                trace_context=Record(trace_parent="", trace_state="", attributes={}),
                retry_context=Record(retry_count=0, max_retry_count=0, exception=None),
            )
        )
    )
    returned = getattr(answer, "return_value", None)
    return outcome(answer.result) | {
        "returned": returned is not None,
        "value": next(iter(vars(returned).values())) if isinstance(returned, Record) else None,
        "modules": modules(),
    }


class Input(Record):
    """An input: its value is in `data`."""

    def WhichOneof(self, _: str) -> str:  # noqa: N802 (the protocol's name)
        """Return the name of the field that is set."""
        return "data"


async def main() -> None:
    """Answer commands until the input ends."""
    lines = Lines()
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(logging.INFO)
    logging.getLogger("due_notices").setLevel(logging.DEBUG)
    sys.path.insert(0, str(ROOT))
    runtime.start_threadpool_executor()
    functions: dict[str, str] = {}
    for number, command in enumerate(iter(sys.stdin.readline, ""), start=1):
        if command == "start\n":
            answer = await start()
        elif command == "index\n":
            answer = await index()
            functions = {each["name"]: each["id"] for each in answer["functions"]}
        elif command.startswith("{"):
            asked = json.loads(command)
            inputs = {name: Record(json=text) for name, text in asked["inputs"].items()}
            answer = await invoke(functions[asked["function"]], number, inputs)
        else:
            past_due, client = command.startswith("late"), command.partition("{")
            given = "".join(client[1:]).strip() or None
            answer = await tick(functions.get("due_notices", ""), number, past_due=past_due, client=given)
        print(json.dumps(answer | {"log": lines.drain()}), flush=True)  # noqa: T201 (the answer)
    runtime.stop_threadpool_executor()


if __name__ == "__main__":
    asyncio.run(main())
