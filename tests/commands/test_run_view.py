"""A run's report for people, who have no log in which the ids are."""

from __future__ import annotations

from rich.console import Console

from due_notices.commands.run.command import report_view
from due_notices.report import RunReport
from tests.factories import run_report


def printed(report: RunReport) -> list[str]:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(report_view(report))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_of_whom_nothing_more_comes_it_says_where_they_are_named() -> None:
    lines = printed(run_report("2026-11-24", missed=1200, expired=3))

    assert "missed 1,200: `due-notices preview` names them" in lines
    assert "expired 3: `due-notices preview` names them" in lines


def test_where_there_are_none_it_says_nothing() -> None:
    assert "names them" not in " ".join(printed(run_report("2026-11-24")))
