from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, cast

from rich.cells import cell_len

from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_COUNT, shown_customers
from local.expected import expected, rules_of
from local.past import write_past
from tests.factories import environ

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


class NoTable:
    """Takes rows and keeps none."""

    def create_entity(self, entity: object) -> None:
        """Take one."""

    upsert_entity = submit_transaction = create_entity


def test_the_readmes_figures_are_those_of_the_sample_customers() -> None:
    """They are worked out for the day that the README shows; what the program makes of them is compared above."""
    readme = (ROOT / "README.md").read_text("utf-8")
    today = date.fromisoformat(re.findall(r"^run of (\S+)", readme, re.MULTILINE)[0])
    given = environ(DUE_DATE_ATTRIBUTE=SAMPLE_ATTRIBUTE, NOTICE_QUEUE="due-notices")
    users = shown_customers(today, SAMPLE_COUNT, 1, SAMPLE_ATTRIBUTE)

    past = write_past(cast("Any", NoTable()), users, today, given)
    listed = [user for user in users if user["accountEnabled"]]  # as USER_FILTER has it
    wanted = expected(listed, SAMPLE_ATTRIBUTE, today, rules_of(given), past.before(today), past.rows)

    owed = len(wanted.notices)
    skipped = ", ".join(f"{count} {reason}" for reason, count in sorted(wanted.skipped.items()))
    for line in (
        f"{len(users):,} customers and a made-up past: 56 days, {past.notices:,} notices, two outages",
        f"owed          {owed}",
        f"sent          {owed}, {wanted.late} of them late",
        f"skipped       {skipped}",
        *(f"{name:13} {wanted.figures[name]}" for name in ("already sent", "not yet", "over")),
        f"agrees one by one with an independent calculation ({owed} notices)",
        f"{owed} messages on the queue, 0 more than before",
        f"{owed + past.notices:,} notices from 2026-10-05 to 2026-11-30 (UTC); ",
    ):
        assert f"\n{line}" in readme, line
