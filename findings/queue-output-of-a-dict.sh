#!/usr/bin/env bash
# Question: a Python function on Azure sets a queue output binding to a dict, out.set({"stage": -3, "due": …}). What is
#   handed to the Functions host?
# A good guess: the dict as JSON (an HTTP response or Node's output would be), or an error, since only text, bytes and
#   QueueMessage are documented.
# What happens: the list of its keys, ["stage", "due"]. The converter takes every iterable for a collection of messages
#   and a dict iterates over its keys; values are lost, the invocation succeeds. Of a JSON list the host makes one
#   message for each element (not run here; met in Azure/azure-functions-python-worker#1492). A list of dicts is refused.
# Why it matters: the consumer finds messages that say "stage" and "due".
# Seen: 2026-11-30, through the worker's own path (azure_functions_runtime.bindings.meta); the same in azure-functions
#   1.26.0. The reason is QueueMessageOutConverter.encode in azure/functions/queue.py. Needs Python 3.13.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check azure-functions==2.3.0 azure-functions-runtime==1.3.0

cat >expected <<'END'
azure-functions 2.3.0, azure-functions-runtime 1.3.0
a dict: json ["stage", "due"]
its text: string {"stage": -3, "due": "2026-12-01"}
a list of dicts: TypeError
END
venv/bin/python - <<'END' 2>/dev/null | tee seen
import json
from importlib.metadata import version

import azure.functions
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.bindings.meta import get_datum

print(", ".join(f"{name} {version(name)}" for name in ("azure-functions", "azure-functions-runtime")))
meta.load_binding_registry()
notice = {"stage": -3, "due": "2026-12-01"}
for title, value in (("a dict", notice), ("its text", json.dumps(notice)), ("a list of dicts", [notice])):
    try:
        datum = get_datum("queue", value, str)
        print(f"{title}: {datum.type} {datum.value}")
    except TypeError:
        print(f"{title}: TypeError")
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
