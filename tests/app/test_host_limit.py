"""A run's limit follows the host.json that lies beside the deployed package, and the app setting in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from due_notices.function_timeout import OVERRIDE
from local.stack import LocalStack
from tests.app.conftest import ROOT
from tests.infra.package_rules import packed

PROGRAM = "from due_notices import bootstrap; print(bootstrap.load_settings().policy.longest.total_seconds())"


@pytest.mark.parametrize(
    ("host_json", "changes", "minutes"),
    [
        (None, {}, 25),
        ('{"version": "2.0", "functionTimeout": "00:12:00"}', {}, 10),
        ('\ufeff{"version": "2.0", "functionTimeout": "01:00:00"}', {}, 55),
        ("", {}, 25),
        (None, {OVERRIDE: "00:06:00"}, 5),
    ],
    ids=["as deployed", "shorter", "longer, with a mark of its bytes' order", "empty", "app setting"],
)
def test_the_deployed_package_follows_its_host_json(
    stack: LocalStack, tmp_path: Path, host_json: str | None, changes: Mapping[str, str], minutes: int
) -> None:
    for path in packed(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    if host_json is not None:
        (tmp_path / "host.json").write_text(host_json, "utf-8")
    environ = {**os.environ, **stack.environ, **changes, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == 60 * minutes
