#!/usr/bin/env bash
# Question: an Azure Functions app has two activities. How may the input of one of them be annotated?
# A good guess: as in any Python of today. The input's converter takes any type, dict[str, Any] means what Dict[str, Any]
#   means, and linters write the one for the other (pyupgrade, ruff UP006).
# What happens: Dict[str, Any] and List[str] from typing are taken; dict[str, Any], list[str], str | None and Optional[str]
#   are "invalid non-type annotations", and the whole app has no function, the other activity included.
# Why it matters: an automatic fix of a linter, without any change of what the program does, leaves an app that is
#   deployed and runs nothing; no invocation fails, since there is none.
# Seen: 2026-11-30, azure-functions-runtime 1.3.0, the worker for Python 3.13. That annotations of this form are refused
#   is documented nowhere that we found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check \
    azure-functions==2.3.0 azure-functions-durable==1.7.0 azure-functions-runtime==1.3.0

mkdir app
cat >host.py <<'END'
# What the Functions host asks of the worker; the records of its protocol are plain ones here.
import asyncio
import logging
import sys
from types import SimpleNamespace

import azure_functions_runtime as runtime

logging.disable(logging.CRITICAL)


class Record(SimpleNamespace):
    Failure, Success, undefined, out, inout = 0, 1, 0, 1, 2

    def WhichOneof(self, _):
        return next(iter(vars(self)), None)


class Protocol:
    def __getattr__(self, name):
        return type(name, (Record,), {})


def request(**fields):
    return Record(request=Record(**fields), properties={"host": "127.0.0.1", "protos": Protocol()})


async def main():
    init = Record(capabilities={}, function_app_directory=sys.path[-1])
    answer = await runtime.worker_init_request(request(worker_init_request=init))
    if answer.result.status == Record.Failure:
        print(answer.result.exception.message)
        return
    answer = await runtime.functions_metadata_request(request())
    print("found:", ", ".join(each.name for each in answer.function_metadata_results))


sys.path.append(sys.argv[1])
asyncio.run(main())
END
cat >expected <<'END'
dict            found: count, other
Dict[str, Any]  found: count, other
dict[str, Any]  FunctionLoadError: cannot load the count function: binding given has invalid non-type annotation dict[str, typing.Any]
List[str]       found: count, other
list[str]       FunctionLoadError: cannot load the count function: binding given has invalid non-type annotation list[str]
Optional[str]   FunctionLoadError: cannot load the count function: binding given has invalid non-type annotation typing.Optional[str]
str | None      FunctionLoadError: cannot load the count function: binding given has invalid non-type annotation str | None
END
for annotation in 'dict' 'Dict[str, Any]' 'dict[str, Any]' 'List[str]' 'list[str]' 'Optional[str]' 'str | None'; do
    cat >app/function_app.py <<END
from typing import Any, Dict, List, Optional

import azure.durable_functions as df

app = df.DFApp()


@app.activity_trigger(input_name="given")
def count(given: $annotation):
    return given


@app.activity_trigger(input_name="given")
def other(given):
    return given
END
    printf '%-15s ' "$annotation"
    venv/bin/python -W ignore host.py "$folder/app" 2>>errors
done | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
