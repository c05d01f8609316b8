"""What a cold start costs: the import of each app, without compiled files, as after a deployment."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

APPS = {
    "ours: function_app": "import function_app",
    "ours: and a tick outside the send window": (
        "import function_app; from due_notices import bootstrap, run; settings = bootstrap.load_settings(); "
        "run.send_due_notices(settings.policy, bootstrap.build_services(settings))"
    ),
    "ours: and all that a run imports": (
        "import function_app; from due_notices import bootstrap, run; from due_notices.adapters import graph, msal, "
        "key_vault, storage_queue, table_ledger; import azure.identity.aio"
    ),
    "sample grown up": (
        "import azure.functions, msal, requests, azure.identity, azure.keyvault.secrets, azure.storage.queue"
    ),
    "msgraph-sdk and the asynchronous queue client": (
        "import azure.functions, msgraph, azure.identity.aio, azure.keyvault.secrets, azure.storage.queue.aio\n"
        "from msgraph.generated.users.users_request_builder import UsersRequestBuilder"
    ),
}
_CODE = "import time; started = time.perf_counter()\n{}\nprint(time.perf_counter() - started)"
_GUID = "00000000-0000-0000-0000-000000000000"
_SETTINGS = {
    "GRAPH_TENANT_ID": _GUID,
    "GRAPH_CLIENT_ID": _GUID,
    "KEY_VAULT_URL": "https://vault.example",
    "DUE_DATE_ATTRIBUTE": f"extension_{'0' * 32}_dueDate",
    "NOTICE_STORAGE": "UseDevelopmentStorage=true",
}


def measure(python: str, rounds: int) -> list[dict[str, Any]]:
    """Return the median milliseconds of each, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in APPS}
    for _ in range(rounds):
        for name, code in APPS.items():
            found[name].append(_once(python, code))
    return [{"app": name, "ms": round(statistics.median(times) * 1000)} for name, times in found.items()]


def _once(python: str, code: str) -> float:
    with tempfile.TemporaryDirectory() as nothing_compiled:
        environ = {
            **os.environ,  # noqa: TID251 (hands it to a child)
            **_SETTINGS,
            # A window that is shut at the moment: the first minute of the day but one.
            "SEND_WINDOW": "00:00-00:01",
            "BUSINESS_TIME_ZONE": "Etc/GMT-12" if _is_midnight() else "UTC",
            "PYTHONPYCACHEPREFIX": nothing_compiled,
        }
        done = subprocess.run(
            [python, "-B", "-c", _CODE.format(code)], env=environ, capture_output=True, text=True, check=True
        )
    return float(done.stdout)


def _is_midnight() -> bool:
    import time

    return time.gmtime().tm_hour == 0


if __name__ == "__main__":
    for row in measure(sys.executable, 3):
        print(f"{row['ms']:6} ms  {row['app']}")
