"""The list of findings names every script, and every script is one that can be started and ends by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FINDINGS = Path(__file__).resolve().parents[2] / "findings"
SCRIPTS = sorted(FINDINGS.glob("*.sh"))


def test_the_list_names_each_script_once() -> None:
    listed = re.findall(r"^\| \[(\S+)\]\(\1\) \|", (FINDINGS / "README.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(listed) == [path.name for path in SCRIPTS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_cleans_up_and_compares_what_it_sees(path: Path) -> None:
    text = path.read_text("utf-8")

    assert path.stat().st_mode & 0o111, "not executable"
    assert text.startswith("#!/usr/bin/env bash\n# Question: ")
    for part in ("\n# A good guess: ", "\n# What happens: ", "\n# Why it matters: ", "\n# Seen: 20"):
        assert part in text
    assert "set -euo pipefail" in text
    assert "trap 'rm -rf \"$folder\"' EXIT" in text
    assert "if ! diff expected seen; then" in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_package_of_a_script_is_pinned(path: Path) -> None:
    installs = re.findall(r"^(?:venv/bin/pip|npm) install ((?:.*\\\n)*.*)$", path.read_text("utf-8"), re.MULTILINE)
    packages = [word for line in installs for word in line.replace("\\\n", " ").split() if not word.startswith("-")]

    assert packages
    for package in packages:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+|(@[a-z-]+/)?[a-z0-9-]+@[0-9.]+", package), package
