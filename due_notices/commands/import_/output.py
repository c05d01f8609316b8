"""Tables, JSON and CSV of what an import has found, would do, and did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from due_notices.commands import console
from due_notices.commands.counted import counted
from due_notices.commands.csv_lines import csv_file, csv_line, identifier
from due_notices.commands.import_.comparing import Comparison
from due_notices.commands.import_.entries import Entries
from due_notices.commands.import_.problems import ListRefused, Problem
from due_notices.commands.import_.profiles import Profile
from due_notices.commands.import_.reading import ReadableList
from due_notices.commands.import_.rows import Entry, Kind, Row
from due_notices.commands.import_.writing import Written

WHATS = ("new", "changed", "unchanged", "cleared", "not found", "refused")
COLUMNS = ("what", "userId", "lines", "due", "ref", "amount", "currency", "status", "because")
_IDENTIFIERS = frozenset({"userId", "customer", "ref"})
_SHOWN = 20
_EXPLAINED = 5
NO_END = "the last line has no end of line: is it the list's last, and whole? Some programs never write it"


def profiles(found: Sequence[Profile]) -> None:
    """Print the programs whose lists are known."""
    shown = console.table(
        "lists that are known (--profile NAME)", "name", "list", "where it comes from", whole=frozenset({"name"})
    )
    for each in found:
        shown.add_row(each.name, each.title, each.export)
    console.out().print(shown)


def refusal(refused: ListRefused, *, as_json: bool) -> None:
    """Print why a list is not read."""
    if as_json:
        console.print_json({"written": 0, "asked": [problem_dict(each) for each in refused.problems]})
        return
    console.err().print(console.plain(str(refused)), soft_wrap=True)
    console.err().print(
        console.plain("nothing was written; `import --explain FILE` shows what is recognised"), soft_wrap=True
    )


def problem_dict(problem: Problem) -> dict[str, Any]:
    """Return a problem for programs."""
    return {
        "code": problem.code,
        "line": problem.line,
        "column": problem.column or None,
        "why": problem.why,
        "remedy": problem.remedy,
    }


def explained(found: ReadableList, *, as_json: bool) -> None:
    """Print what was recognised, why, and the first rows as they would be."""
    layout, forms = found.layout, found.forms
    columns: dict[str, str] = {name: layout.name(position) for name, position in layout.columns.items()}
    reasons = [f"encoding {found.source.encoding}: {found.source.why}", *layout.reasons, *forms.reasons]
    reasons += [NO_END] if found.source.is_open_ended else []
    rows = [row_dict(row) for row in islice(found.rows(), _EXPLAINED)]
    if as_json:
        console.print_json(
            {
                "profile": layout.profile.name if layout.profile else None,
                "encoding": found.source.encoding,
                "delimiter": layout.delimiter,
                "headLine": layout.head_line,
                "columns": columns,
                "customer": layout.name(layout.customer),
                "dates": forms.dates.order,
                "decimal": forms.sign,
                "currency": forms.currency,
                "reasons": reasons,
                "rows": rows,
            }
        )
        return
    screen = console.out()
    screen.print(console.plain(layout.profile.title if layout.profile else "a list that no profile knows", "bold"))
    for reason in reasons:
        screen.print(console.plain(f"  {reason}"), soft_wrap=True)
    shown = console.table("columns", "field", "column of the list", whole=frozenset({"field"}))
    for name, head in {"customer": layout.name(layout.customer), **columns}.items():
        shown.add_row(name, head)
    screen.print(shown)
    table = console.table(
        f"the first {_EXPLAINED} rows",
        "line",
        "customer",
        "due",
        "ref",
        "amount",
        "",
        "status",
        right=frozenset({"line", "amount"}),
    )
    for row in rows:
        what = (
            row.get("status") or f"{row['kind']}: no obligation" if "kind" in row or "status" in row else row["refused"]
        )
        table.add_row(
            str(row["line"]),
            *(str(row.get(name) or "") for name in ("customer", "due", "ref", "amount", "currency")),
            str(what),
        )
    screen.print(table)


def row_dict(row: Row) -> dict[str, Any]:
    """Return a row of the list for programs."""
    if isinstance(row, Entry):
        return {
            "line": row.line,
            "customer": row.customer,
            "due": row.due.isoformat(),
            "ref": row.ref,
            "amount": row.amount,
            "currency": row.currency,
            "status": row.state,
        }
    if isinstance(row, Kind):
        return {"line": row.line, "kind": row.kind}
    return {"line": row.line, "refused": row.why, "remedy": row.remedy, "code": row.code}


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write every row of the list as it would be read."""
    names = ("line", "customer", "due", "ref", "amount", "currency", "status", "kind", "refused", "remedy")
    with csv_file(path) as stream:
        stream.write(csv_line(names))
        for row in rows:
            found = row_dict(row)
            stream.write(csv_line([_cell(name, found.get(name)) for name in names]))


def write_diff(path: Path, found: Comparison) -> None:
    """Write what would become of every obligation that does not stay as it is."""
    with csv_file(path) as stream:
        stream.write(csv_line(COLUMNS))
        for row in found.rows():
            cells = {**row, "lines": " ".join(map(str, row["lines"]))}
            stream.write(csv_line([_cell(name, cells.get(name)) for name in COLUMNS]))


def _cell(name: str, value: object) -> str:
    text = "" if value is None else str(value)
    return identifier(text) if name in _IDENTIFIERS else text


def diff(found: Comparison, entries: Entries, notes: Sequence[str], *, as_json: bool, more: Mapping[str, Any]) -> None:
    """Print what would change."""
    if as_json:
        _print_whole(found, entries, notes, more)
        return
    screen = console.out()
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in entries.kinds.items())
    screen.print(
        console.plain(
            f"{counted(len(entries), 'row')} of {counted(entries.customers, 'customer')}; "
            f"{counted(found.users, 'user')} read",
            "bold",
        )
    )
    if kinds:
        screen.print(console.plain(f"rows that are not obligations: {kinds}"))
    counts = console.table("obligations", "", "number", right=frozenset({"number"}))
    for what in WHATS:
        counts.add_row(what, f"{found.counts[what]:,}")
    screen.print(counts)
    rows = list(islice(found.rows(), _SHOWN + 1))
    if rows:
        shown = console.table(
            f"the first {_SHOWN} (--csv FILE writes all)" if len(rows) > _SHOWN else "each of them",
            *("what", "user", "lines", "due", "ref", "amount", ""),
            right=frozenset({"amount"}),
            whole=frozenset({"what", "user", "due"}),
        )
        for row in rows[:_SHOWN]:
            lines = ", ".join(map(str, row["lines"]))
            cells = ["" if row.get(name) is None else str(row[name]) for name in ("due", "ref", "amount", "currency")]
            shown.add_row(row["what"], row["userId"], lines, *cells)
        screen.print(shown)
    for problem in found.problems[:_SHOWN]:
        screen.print(console.plain(f"refused: {problem}", "yellow"), soft_wrap=True)
    if len(found.problems) > _SHOWN:
        screen.print(
            console.plain(f"and {len(found.problems) - _SHOWN:,} more refused (--csv FILE writes all)", "yellow")
        )
    for note in notes:
        screen.print(console.plain(note, "yellow"), soft_wrap=True)


def figures(found: Comparison, entries: Entries) -> dict[str, Any]:
    """Return the figures of a comparison for programs."""
    return {
        "rows": len(entries),
        "customers": entries.customers,
        "noObligation": dict(entries.kinds),
        "usersRead": found.users,
        "usersToWrite": found.changes,
        **{_camel(what): found.counts[what] for what in WHATS},
        "openNotInList": found.still_open,
        "leftOpenInDoubt": found.held,
        "open": found.opened,
        "mode": found.mode or None,
        "severalValues": found.several,
    }


def _camel(what: str) -> str:
    first, *rest = what.split()
    return first + "".join(map(str.title, rest))


def _print_whole(found: Comparison, entries: Entries, notes: Sequence[str], more: Mapping[str, Any]) -> None:
    """Print everything as JSON, row by row: a list may have a million of them."""
    head = {
        **figures(found, entries),
        "notes": list(notes),
        "problems": [problem_dict(each) for each in found.problems],
        **more,
    }
    text = json.dumps(head, indent=2)
    click.echo(text.removesuffix("\n}") + ',\n  "changes": [', nl=False)
    for number, row in enumerate(found.rows()):
        click.echo(("," if number else "") + "\n    " + json.dumps(row), nl=False)
    click.echo("\n  ]\n}")


@contextmanager
def watched(description: str, total: int | None) -> Iterator[Progress]:
    """Show a bar on standard error while the context lasts; nothing where that is not a terminal."""
    screen = console.err()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        bar.add_task(description, total=total)
        yield bar


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:  # noqa: PLR2004 (seconds)
        return f"{max(1, round(seconds))} s"
    if seconds < 5_400:  # noqa: PLR2004 (an hour and a half)
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3_600:.0f} h"


def outcome(done: Written, journal: Path, *, undo: bool) -> None:
    """Print how writing ended."""
    screen = console.out()
    verb = "set back to the old value" if undo else "written"
    besides = f", {done.already:,} had that value already" if done.already else ""
    screen.print(console.plain(f"{counted(done.done, 'user')} {verb}{besides}", "green"))
    for why, count in done.failed.most_common():
        screen.print(console.plain(f"{count:,} not written: {why}", "bold red"), soft_wrap=True)
    if done.stopped:
        screen.print(
            console.plain("interrupted: call the same command again, it goes on where this one stopped", "yellow")
        )
    if not undo:
        screen.print(
            console.plain(
                f"the journal is {journal}: `import --undo {journal}` writes the old values back; it is confidential"
            ),
            soft_wrap=True,
        )
