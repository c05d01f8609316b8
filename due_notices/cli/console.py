"""What the commands share: consoles, progress, numbers. Plain lines where the output is no terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# NO_COLOR and the width of the terminal are rich's business; a pipe gets room instead of 80 columns.
_PIPE_WIDTH = 160


def out() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console for progress and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH)


def print_json(value: Mapping[str, Any]) -> None:
    """Print a result for programs: JSON in ASCII, indented, nothing else on standard output."""
    out().print(Text(json.dumps(value, indent=2)), soft_wrap=True)


def table(title: str, *columns: str, right: frozenset[str] = frozenset()) -> Table:
    """Return an empty table whose columns in `right` hold numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


class _Bars:
    """Shows the reading and the sending as they go."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._reading: TaskID | None = None
        self._sending: TaskID | None = None

    def read(self, users: int) -> None:
        if self._reading is None:
            self._reading = self._progress.add_task("reading users", total=None)
        self._progress.advance(self._reading, users)

    def owed(self, notices: int) -> None:
        if self._reading is not None:
            done = self._progress.tasks[self._reading].completed
            self._progress.update(self._reading, total=done)
        self._sending = self._progress.add_task("sending notices", total=notices)

    def sent(self) -> None:
        if self._sending is not None:
            self._progress.advance(self._sending)

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def detail(self, text: str) -> None:
        """Keep quiet: the result shows it."""


@contextmanager
def progress() -> Iterator[_Bars]:
    """Show progress on standard error while the context lasts; only sentences where that is no terminal."""
    console = err()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        yield _Bars(bars, console)


def signed(stage: int) -> str:
    """Return a stage as people write it: -7, 0, +3."""
    return f"{stage:+d}" if stage else "0"
