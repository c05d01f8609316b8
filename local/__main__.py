"""The local stack from the command line: `python -m local run`, `start` or `serve`."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from local.clock import now
from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_COUNT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["run"]:
        from local import run_command

        return run_command.main(words[1:])
    options = _parser().parse_args(words)
    if options.command == "start":
        from local.start_command import start

        return start(with_host=not options.no_host)
    from local.serve_command import serve

    serve(
        options.date,
        count=options.users,
        seed=options.seed,
        attribute=options.attribute,
        settings_file=options.write_settings,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the function once on a stack of its own and show the notices")
    starting = commands.add_parser("start", help="keep a stack up for `func start` and the command line in this folder")
    starting.add_argument("--no-host", action="store_true", help="do not call `func start`: an editor does")
    serving = commands.add_parser("serve", help="keep a stack up and print its settings")
    serving.add_argument("--users", type=int, default=SAMPLE_COUNT, metavar="N", help="how many sample customers")
    serving.add_argument("--seed", type=int, default=1, help="which sample customers")
    serving.add_argument(
        "--date",
        type=dt.date.fromisoformat,
        default=now().date(),
        metavar="YYYY-MM-DD",
        help="the day around which due dates fall (default: today in UTC)",
    )
    serving.add_argument("--attribute", default=SAMPLE_ATTRIBUTE, help="the user property that holds them")
    serving.add_argument(
        "--write-settings", type=Path, metavar="FILE", help="write a local.settings.json for the Functions host"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
