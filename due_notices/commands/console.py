"""What the commands share: consoles, progress, numbers. Plain lines where the output is not a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import rich.progress
from rich.console import Console, JustifyMethod, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from due_notices.credentials import ExpiryWarning
from due_notices.ports import Progress

# NO_COLOR and the width of the terminal are rich's business. Whether there is one, the stream alone knows: rich would
# also believe FORCE_COLOR and TTY_COMPATIBLE, and fold tables and move the cursor in files. In those no line is broken.
_PIPE_WIDTH = 10_000
# What a terminal obeys instead of showing it: controls, ends of lines, what turns the direction of the text round,
# and lone surrogates. Joiners and marks that names are written with are not among them.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ud800-\udfff]")


def out() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console for progress and errors."""
    return _console(stderr=True)


class _Console(Console):
    """A console whose reader may go at any time, as `head` does: the command ends as if it had stayed."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.file.fileno())  # what is still buffered must go somewhere when the process ends
        os.close(null)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # not every encoding has every name
    terminal = stream is not None and not stream.closed and stream.isatty()
    width = None if terminal else _PIPE_WIDTH
    return _Console(stderr=stderr, highlight=False, force_terminal=terminal, width=width)


def warn(warnings: Iterable[str]) -> None:
    """Print warnings on standard error, a line each."""
    for warning in warnings:
        err().print(plain(f"warning: {warning}", "yellow"), soft_wrap=True)


def print_json(value: Mapping[str, Any]) -> None:
    """Print a result for programs: JSON in ASCII, indented, nothing else on standard output."""
    out().print(Text(json.dumps(value, indent=2)), soft_wrap=True)


def plain(text: str, style: str = "") -> Text:
    """Return a text as it is to be printed: no markup is found in it, and of what terminals obey only line feeds."""
    return Text("\n".join(map(_harmless, text.split("\n"))), style)


def _harmless(text: str) -> str:
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Table(Table):
    """A table in whose cells there is neither markup, nor what terminals obey, nor a line feed."""

    def add_row(self, *cells: RenderableType | None, style: StyleType | None = None, end_section: bool = False) -> None:
        harmless = (Text(_harmless(cell)) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*harmless, style=style, end_section=end_section)


def table(title: str, *columns: str, right: frozenset[str] = frozenset(), whole: frozenset[str] = frozenset()) -> Table:
    """Return an empty table. Columns in `right` hold numbers; those in `whole` are never broken: ids, to be copied."""
    made = _Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    return made


class _Bars(Progress):
    """Shows the reading and the sending as they go."""

    def __init__(self, bars: rich.progress.Progress, console: Console, users: int | None) -> None:
        self._users = users
        self._bars = bars
        self._console = console
        self._reading: TaskID | None = None
        self._sending: TaskID | None = None

    def read(self, users: int) -> None:
        if self._reading is None:
            self._reading = self._bars.add_task("reading users", total=self._users)
        self._bars.advance(self._reading, users)

    def owed(self, notices: int) -> None:
        if self._reading is not None:
            done = self._bars.tasks[self._reading].completed
            self._bars.update(self._reading, total=done)
        self._sending = self._bars.add_task("sending notices", total=notices)

    def sent(self) -> None:
        if self._sending is not None:
            self._bars.advance(self._sending)

    def say(self, text: str) -> None:
        self._console.print(plain(text))

    def warn(self, warning: ExpiryWarning) -> None:
        self._console.print(plain(warning.sentence, style="bold red" if warning.urgent else "yellow"))


@contextmanager
def progress(users: int | None = None) -> Iterator[_Bars]:
    """Show progress on standard error while the context lasts; only sentences where that is not a terminal.

    `users` is about how many there will be to read, where that is known.
    """
    console = err()
    with rich.progress.Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        yield _Bars(bars, console, users)


def signed(stage: int) -> str:
    """Return a stage as people write it: -7, 0, +3."""
    return f"{stage:+d}" if stage else "0"
