"""Drives the example's function app as the Functions host does, through the real Python worker runtime.

Takes the app's folder as argument and reads JSON lines: `{"name": function, "body": text, "dequeueCount": n}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import azure_functions_runtime as runtime

from tests.app.worker_host import Lines, Record, outcome, request


class Datum(Record):
    """A typed value of the protocol, with exactly one field."""


class Input(Record):
    """A function's input: its value is in `data`."""

    def WhichOneof(self, _: str) -> str:  # noqa: N802 (the protocol's name)
        """Return the name of the field that is set."""
        return "data"


async def main(folder: str) -> None:
    """Index the functions, then invoke whatever is asked for."""
    lines = Lines()
    logging.getLogger().addHandler(lines)
    logging.getLogger().setLevel(logging.INFO)
    sys.path.insert(0, folder)
    runtime.start_threadpool_executor()
    started = await runtime.worker_init_request(
        request(worker_init_request=Record(capabilities={}, function_app_directory=folder))
    )
    answer = await runtime.functions_metadata_request(request())
    found = {
        each.name: (each.function_id, [json.loads(text) for text in each.raw_bindings])
        for each in answer.function_metadata_results or ()
    }
    for identifier, _ in found.values():
        await runtime.function_load_request(request(function_load_request=Record(function_id=identifier)))
    bindings = {name: each for name, (_, each) in found.items()}
    say({"start": outcome(started.result), "index": outcome(answer.result), "bindings": bindings})
    for number, line in enumerate(iter(sys.stdin.readline, ""), start=1):
        wanted = json.loads(line)
        identifier, (binding, *_) = found[wanted["name"]]
        result = await runtime.invocation_request(
            request(
                invocation_request=Record(
                    invocation_id=f"invocation-{number}",
                    function_id=identifier,
                    input_data=[Input(name=binding["name"], data=value(wanted))],
                    trigger_metadata=metadata(wanted),
                    trace_context=Record(trace_parent="", trace_state="", attributes={}),
                    retry_context=Record(retry_count=0, max_retry_count=0, exception=None),
                )
            )
        )
        say(outcome(result.result) | {"log": [line["text"] for line in lines.drain()]})
    runtime.stop_threadpool_executor()


def value(wanted: dict[str, Any]) -> Record:
    """Return the trigger's value: a queue message as text, as the host hands it on after decoding, or a timer."""
    if "body" in wanted:
        return Datum(string=wanted["body"])
    return Datum(json=json.dumps({"IsPastDue": False, "Schedule": {}, "ScheduleStatus": {}}))


def metadata(wanted: dict[str, Any]) -> dict[str, Datum]:
    """Return what the host tells of a queue message."""
    if "body" not in wanted:
        return {}
    texts = {"Id": "message-1", "PopReceipt": "receipt", "ExpirationTime": "9999-12-31T23:59:59+00:00"}
    return {name: Datum(json=json.dumps(text)) for name, text in texts.items()} | {"DequeueCount": Datum(json="1")}


def say(answer: dict[str, Any]) -> None:
    """Answer on one line."""
    print(json.dumps(answer), flush=True)  # noqa: T201 (the answer)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
