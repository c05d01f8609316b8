"""Let azure-functions-doctor look at the project's root, and end with 1 at what is not expected.

Part of `make check`. It knows what Azure Functions expects of a project; some of its warnings are wrong here or are
about this machine. Those are listed below with the reason, and every other one counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

EXPECTED = {
    "check_app_insights": "the connection string is an app setting that infra/ makes; a laptop has none",
    "check_asgi_wsgi_exposure": "local/ emulates Azure's services with starlette; it is never deployed",
    "check_binding_connection_resolution": "examples/consumer is an app of its own, with settings of its own",
    "check_func_cli": "about this machine: Core Tools is needed to publish, not to check",
    "check_func_core_tools_version": "about this machine: Core Tools is needed to publish, not to check",
    "check_host_json_log_level_conflict": "on purpose: the host's chatter is off, the report's category is on",
    "check_local_settings": "about this machine: `make start` writes the file",
    "check_native_dependency_risk": "docs/deploy.md publishes with the remote build, which fetches Linux wheels",
    "check_venv": "about this machine: it looks for an activated environment",
}


def findings() -> list[str]:
    """Return what the doctor finds and this project does not expect."""
    doctor = Path(sys.executable).with_name("azure-functions-doctor")
    done = subprocess.run(
        [str(doctor), "doctor", "--path", str(ROOT), "--format", "json", "--target-python", "3.13"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        sections = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        return [f"azure-functions-doctor ended with {done.returncode}: {done.stderr.strip()[-500:]}"]
    return [
        f"{item['rule_id']}: {item['value']}"
        for section in sections
        for item in section["items"]
        if item["status"] not in {"pass", "skip"} and item["rule_id"] not in EXPECTED
    ]


def main() -> int:
    """Print the findings."""
    found = findings()
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
