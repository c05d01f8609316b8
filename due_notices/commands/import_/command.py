"""`import`: due dates from a list onto the users of the directory."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from due_notices import bootstrap
from due_notices.commands.import_ import output
from due_notices.commands.import_.asking import EXAMPLE, asked_for
from due_notices.commands.import_.importing import Import, undo
from due_notices.commands.import_.problems import ListRefused
from due_notices.commands.import_.profiles import known_profiles

_FAILED = 1
_SAID = ("profile", "delimiter", "dates", "decimal", "currency", "status", "columns", "match")
"""The options that say how the list is to be read."""


@click.command("import", short_help="Due dates from a list onto the users (with your own login).")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--profiles", "list_profiles", is_flag=True, help="List the programs whose lists are known.")
@click.option("--example", is_flag=True, help="Write the plain form, which needs no profile.")
@click.option("--explain", is_flag=True, help="Show what is recognised in FILE, why, and the first five rows.")
@click.option("--profile", help="Whose list it is: a name of --profiles, or a TOML file of your own.")
@click.option("--encoding", default="", help="The list's encoding, as Python names it (cp932).")
@click.option("--delimiter", default="", help="What separates the cells, where it is not found (or `tab`).")
@click.option("--dates", multiple=True, help="The form of dates: dmy, mdy or ymd; and excel (serial days), buddhist.")
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal sign.")
@click.option("--currency", help="The currency of amounts that name none (ISO 4217).")
@click.option("--status", multiple=True, metavar="WORD=STATE", help="What a word means: open, paid, void or disputed.")
@click.option("--columns", multiple=True, metavar="FIELD=NAME", help="customer, ref, due, amount, currency, status.")
@click.option("--match", multiple=True, metavar="ATTRIBUTE", help="Find users by this attribute too (employeeId).")
@click.option("--complete", "mode", flag_value="complete", help="Who is not in the list owes nothing.")
@click.option("--partial", "mode", flag_value="partial", help="Users who are not in the list are left alone.")
@click.option("--accept", is_flag=True, help="A complete list may clear more than 20 percent.")
@click.option("--apply", "apply_", is_flag=True, help="Write. Without it nothing is written.")
@click.option(
    "--share", type=click.IntRange(1, 100), default=100, show_default=True, help="Percent of Graph's write quota."
)
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Where to keep what is written.")
@click.option(
    "--undo", "undo_", type=click.Path(dir_okay=False, path_type=Path), metavar="JOURNAL", help="Write old values back."
)
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write every row as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def import_(**given: Any) -> int:
    """Bring a list of receivables onto the users of the directory, without guessing.

    Reads FILE (CSV or text with tabs), reads the whole directory once, finds out who is meant, and shows what would
    change. Writes with --apply alone, under your own login (`az login`; User.ReadWrite.All). What can be read in
    two ways is asked for: each refusal names line, column and the option to add. The same command goes on after
    a kill.

    \b
    Examples:
      due-notices import --profiles
      due-notices import --explain invoices.csv
      due-notices import invoices.csv --complete
      due-notices import invoices.csv --complete --apply
    """
    if given["list_profiles"]:
        output.profiles(known_profiles())
        return 0
    if given["example"]:
        click.echo(EXAMPLE, nl=False)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is under way is marked first, as after Ctrl-C
    try:
        if given["undo_"] is not None:
            return undo(bootstrap.load_settings(), given["undo_"], given["share"], as_json=given["as_json"])
        if given["file"] is None:
            raise click.UsageError("name the list: `due-notices import FILE`")
        return _import(given["file"], given)
    except ListRefused as refused:
        output.refusal(refused, as_json=given["as_json"])
        return _FAILED


def _import(file: Path, given: Mapping[str, Any]) -> int:
    asked = asked_for(**{name: given[name] for name in _SAID})
    words = [f"{name}={given[name]}" for name in (*_SAID, "encoding", "mode")]
    job = Import(file, given["encoding"], asked, given["mode"] or "", words)
    if given["explain"]:
        return job.explain(given["csv_file"], as_json=given["as_json"])
    settings = bootstrap.load_settings()
    if given["apply_"]:
        done = job.go_on(settings, given["journal"], given["share"], as_json=given["as_json"])
        if done is not None:
            return done
    return job.run(
        settings,
        apply=given["apply_"],
        accept=given["accept"],
        share=given["share"],
        journal=given["journal"],
        csv_path=given["csv_file"],
        as_json=given["as_json"],
    )
