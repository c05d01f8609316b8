"""The command group, and what becomes of errors: a sentence and an exit code, never a traceback unasked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from due_notices import VERSION, bootstrap
from due_notices.commands import console
from due_notices.commands.audit.command import audit
from due_notices.commands.doctor.command import doctor
from due_notices.commands.explain.command import explain
from due_notices.commands.import_.command import import_
from due_notices.commands.local_settings import LOCAL_SETTINGS, adopt_local_settings, what_is_wrong
from due_notices.commands.preview.command import preview
from due_notices.commands.rotate_secret.command import rotate_secret
from due_notices.commands.run.command import run
from due_notices.commands.status.command import status
from due_notices.errors import DueNoticesError, SettingsError

# Packages that the commands can do without, and how to get them.
_EXTRAS = {
    "vl_convert": "the package that draws pictures, vl-convert-python: `pipx inject due-notices vl-convert-python`, or "
    "install `due-notices[pictures]`; `audit --csv` does without"
}
DONE, FAILED, WRONG_SETTINGS, INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\b
Examples:
  due-notices status                   did it run? must I act?
  due-notices preview                  what a run would send today
  due-notices explain ada@example.com  why she is notified or not
  due-notices audit --csv notices.csv  what was sent when
  due-notices doctor                   what is wrong with which link

\b
Settings: from the environment, and from local.settings.json in this folder.
Exit codes: 0 done, 1 failed, 2 wrong settings or arguments, 130 interrupted;
`status` and `doctor` say more with theirs: see their --help.
"""


class _InOrder(click.Group):
    """Lists its commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names as they were added."""
        return list(self.commands)


@click.group(
    cls=_InOrder, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--debug", is_flag=True, help="Show tracebacks, and the SDKs' log lines on standard error.")
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A local.settings.json to read instead of the one in this folder.",
)
@click.version_option(VERSION, prog_name="due-notices", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context, *, debug: bool, settings: Path | None) -> None:
    """Due Notices: one notice per obligation and stage; none is lost, and a repeat has the same id."""
    if debug:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    if context.invoked_subcommand is not None:
        path = settings or LOCAL_SETTINGS
        console.warn(adopt_local_settings(path, bootstrap.environment()))


for command in (status, preview, run, explain, audit, doctor, import_, rotate_secret):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. `--debug` counts wherever it stands."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    rest = (["--debug"] if debug else []) + [each for each in given if each != "--debug"]
    try:
        result = commands.main(rest, prog_name="due-notices", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.err().print("interrupted")
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        console.err().print(console.plain(_sentence(error)), soft_wrap=True)
        return WRONG_SETTINGS if isinstance(error, SettingsError) else FAILED
    return result if isinstance(result, int) else DONE


def _sentence(error: Exception) -> str:
    """Return what to print for an error: its own sentence, or the type of an unexpected one."""
    if isinstance(error, SettingsError):
        return what_is_wrong(error, bootstrap.environment())
    if isinstance(error, DueNoticesError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in _EXTRAS:
        return f"this needs {_EXTRAS[error.name]}"
    return f"unexpected error ({type(error).__name__}): call the command again with --debug, and report what it shows"
