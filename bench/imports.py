"""What a cold start costs: the import of each app, and of each library by itself, as after a deployment.

The interpreter's own modules are compiled, as in the image that runs them; the app and its libraries are not.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SAMPLE = "the simple sample: azure.functions, msal, requests, azure.identity, azure.keyvault.secrets"
_FIVE = "import azure.functions, msal, requests, azure.identity, azure.keyvault.secrets"
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
    SAMPLE: _FIVE,
    "the sample grown up: and azure.storage.queue": f"{_FIVE}, azure.storage.queue",
    "msgraph-sdk and the asynchronous queue client": (
        "import azure.functions, msgraph, azure.identity.aio, azure.keyvault.secrets, azure.storage.queue.aio\n"
        "from msgraph.generated.users.users_request_builder import UsersRequestBuilder"
    ),
    "msgraph-sdk: and the models that its first answer imports": (
        "import azure.functions, msgraph, azure.identity.aio, azure.keyvault.secrets, azure.storage.queue.aio\n"
        "from msgraph.generated.users.users_request_builder import UsersRequestBuilder\n"
        "from bench.contenders import msgraph_models; msgraph_models()"
    ),
}
LIBRARIES = (
    "azure.functions",
    "msal",
    "requests",
    "azure.identity.aio",
    "azure.keyvault.secrets",
    "azure.storage.queue.aio",
    "azure.data.tables.aio",
    "aiohttp",
    "msgspec",
    "holidays",
    "cryptography.x509",
)
_TIMED = "import time; started = time.perf_counter()\n{}\nprint(time.perf_counter() - started)"
_GUID = "00000000-0000-0000-0000-000000000000"
_SETTINGS = {
    "GRAPH_TENANT_ID": _GUID,
    "GRAPH_CLIENT_ID": _GUID,
    "KEY_VAULT_URL": "https://vault.example",
    "DUE_DATE_ATTRIBUTE": f"extension_{'0' * 32}_dueDate",
    "NOTICE_STORAGE": "UseDevelopmentStorage=true",
}


def measure(python: str, rounds: int) -> list[dict[str, Any]]:
    """Return the median milliseconds of each app and each library, measured in turns."""
    codes = {**APPS, **{library: f"import {library}" for library in LIBRARIES}}
    found: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory() as compiled:
        for code in codes.values():
            _once(python, code, compiled, ())
        _forget_all_but_the_standard_library(python, Path(compiled))
        for _ in range(rounds):
            for name, code in codes.items():
                found[name].append(_once(python, code, compiled, ("-B",)))
    return [
        {"name": name, "kind": "app" if name in APPS else "library", "ms": round(statistics.median(times) * 1000)}
        for name, times in found.items()
    ]


def _once(python: str, code: str, compiled: str, options: tuple[str, ...]) -> float:
    environ = {
        **os.environ,  # noqa: TID251 (hands it to a child)
        **_SETTINGS,
        # A window that is shut at the moment: the first minute of the day but one.
        "SEND_WINDOW": "00:00-00:01",
        "BUSINESS_TIME_ZONE": "Etc/GMT-12" if time.gmtime().tm_hour == 0 else "UTC",
        "PYTHONPYCACHEPREFIX": compiled,
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [python, *options, "-c", _TIMED.format(code)]
    return float(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)


def _forget_all_but_the_standard_library(python: str, compiled: Path) -> None:
    """Delete the compiled files of the app and its libraries; the cache mirrors the paths of the sources."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    libraries = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    for folder in (Path(libraries), Path(__file__).resolve().parent.parent):
        shutil.rmtree(compiled.joinpath(*folder.parts[1:]), ignore_errors=True)


if __name__ == "__main__":
    for row in measure(sys.executable, 3):
        print(f"{row['ms']:6} ms  {row['name']}")
