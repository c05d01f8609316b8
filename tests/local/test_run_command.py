from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.cells import cell_len

ROOT = Path(__file__).resolve().parents[2]


def shape(text: str) -> list[str]:
    """Return the first run's lines without what depends on day and machine: the names of the rows, and other lines."""
    _, _, rest = text.partition("2. Running the function once")
    lines = rest.partition("3. What is on the queue now")[0].splitlines()
    return [re.sub(r"\d", "0", line.rstrip().partition("  ")[0]) for line in lines]


def test_the_readme_shows_what_make_run_prints(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local", "run"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=90,
    )

    assert shape((ROOT / "README.md").read_text("utf-8")) == shape(done.stdout)
    assert done.stderr == ""
    shown = done.stdout.partition("3. What is on the queue now")[2].partition("\nwritten:")[0]
    assert max(map(cell_len, shown.splitlines())) <= 80
    sent, late = map(int, re.findall(r"^sent +(\d+), (\d+) of them late", done.stdout, re.MULTILINE)[0])
    assert 0 < late < sent / 5
