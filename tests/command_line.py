"""The command line as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class CommandLine:
    """Calls `due-notices` in a folder, with these settings."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self.environ = dict(environ)
        self.folder = folder

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, **settings: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*arguments, "--json", **settings).stdout)
        return found

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "due_notices", *arguments]
