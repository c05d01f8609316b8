"""The command group, and what becomes of errors: a sentence and an exit code, never a traceback unasked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from due_notices import bootstrap
from due_notices.cli import console
from due_notices.cli.explain import explain
from due_notices.cli.preview import preview
from due_notices.cli.run import run
from due_notices.errors import DueNoticesError, SettingsError

DONE, FAILED, WRONG_SETTINGS, INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\b
Examples:
  python -m due_notices preview                  what a run would send today
  python -m due_notices preview --date 2026-12-24 --skipped
  python -m due_notices explain ada@example.com  why she is, or is not, notified
  python -m due_notices run                      one run by hand

\b
Settings come from the environment and from local.settings.json in this folder.
Exit codes: 0 done, 1 the run failed, 2 the settings or the command line are wrong.
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show tracebacks, and the SDKs' log lines on standard error.")
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A local.settings.json to read in place of the one in this folder.",
)
@click.pass_context
def commands(context: click.Context, *, debug: bool, settings: Path | None) -> None:
    """Due Notices: one notice per obligation and stage, never lost, never doubled."""
    context.obj = {"debug": debug}
    if debug:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    if context.invoked_subcommand is not None:
        bootstrap.adopt_local_settings(settings or Path("local.settings.json"))


for command in (preview, run, explain):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = commands.main(given, prog_name="python -m due_notices", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.err().print("interrupted; what was sent is in the ledger, the next run goes on")
        return INTERRUPTED
    except DueNoticesError as error:
        if "--debug" in given:
            raise
        console.err().print(Text(str(error)))
        return WRONG_SETTINGS if isinstance(error, SettingsError) else FAILED
    return result if isinstance(result, int) else DONE
