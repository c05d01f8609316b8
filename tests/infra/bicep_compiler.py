"""The Bicep compiler, where one is on PATH: what it prints, and the resources that a deployment would make.

`az bicep install` puts the program `bicep` into `~/.azure/bin`. It fetches the Microsoft Graph types when they are
not in its cache. Type errors are only warnings to it, with exit code 0: any line that it prints counts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parents[2] / "infra"
MISSING = "no Bicep compiler on PATH: `az bicep install` puts one into ~/.azure/bin"

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-due-notices"
PLACE = {
    "--subscription-id": SUBSCRIPTION,
    "--tenant-id": TENANT,
    "--resource-group": "rg-due-notices",
    "--location": "westeurope",
    "--deployment-name": "due-notices",
}


@dataclass(frozen=True, slots=True)
class Printed:
    """How the compiler ended, its findings, and its output."""

    code: int
    findings: str
    output: str


def find() -> str | None:
    """Return the compiler's program, or None."""
    return shutil.which("bicep")


def compile_with(*arguments: str, environment: Mapping[str, str] | None = None) -> Printed:
    """Call the compiler with nothing in its environment but what a deployment names."""
    program = find()
    assert program is not None, MISSING
    kept = {name: value for name, value in os.environ.items() if name in {"HOME", "PATH", "TMPDIR"}}
    done = subprocess.run(
        [program, *arguments],
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return Printed(done.returncode, done.stderr.strip(), done.stdout.strip())


def build(infra: Path) -> Printed:
    """Compile main.bicep; the output is a template in JSON."""
    return compile_with("build", str(infra / "main.bicep"), "--stdout")


def lint(infra: Path) -> Printed:
    """Apply the linter's rules of bicepconfig.json; findings may be on either stream."""
    done = compile_with("lint", str(infra / "main.bicep"))
    return Printed(done.code, f"{done.output}\n{done.findings}".strip(), "")


def build_params(infra: Path, environment: Mapping[str, str]) -> Printed:
    """Compile main.bicepparam as a shell with these variables does."""
    return compile_with("build-params", str(infra / "main.bicepparam"), "--stdout", environment=environment)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a deployment with these variables would make; what is only known then is an expression in brackets."""

    findings: str
    resources: tuple[Mapping[str, Any], ...]
    outputs: Mapping[str, Any]


def snapshot(infra: Path, environment: Mapping[str, str]) -> Snapshot:
    """Predict a deployment; the compiler writes beside the parameter file, hence the copy."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "infra"
        shutil.copytree(infra, copy)
        place = [word for pair in PLACE.items() for word in pair]
        done = compile_with(
            "snapshot", str(copy / "main.bicepparam"), "--mode", "overwrite", *place, environment=environment
        )
        written = copy / "main.snapshot.json"
        if not written.is_file():
            return Snapshot(done.findings or f"ended with {done.code}", (), {})
        content = json.loads(written.read_text(encoding="utf-8"))
    findings = [done.findings, *(str(item) for item in content["diagnostics"])]
    return Snapshot("\n".join(filter(None, findings)), tuple(content["predictedResources"]), content["outputs"])
