"""`make start`: the stack stays up, `local.settings.json` is written, and `func start` runs on it if it is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from local.clock import now
from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_COUNT, sample_customers
from local.serve import end_on_signals, local_settings
from local.stack import LocalStack

SETTINGS_FILE = Path("local.settings.json")
_MARK = "written by `make start`, removed when it ends"

_WITHOUT_CORE_TOOLS = """\
Azure Functions Core Tools (`func`) is not installed, so the timer does not tick here. In another terminal:

    .venv/bin/python -m due_notices preview            what a run would send
    .venv/bin/python -m due_notices run                one run, the same code as the timer
    .venv/bin/python -m due_notices status --ahead 14  did it run, and what is coming
"""


def start() -> int:
    """Keep a stack with sample customers up until Ctrl-C or a request to terminate; return the exit code."""
    if SETTINGS_FILE.exists() and not _is_ours():
        print(
            f"{SETTINGS_FILE} is here and was not written by `make start`: it may hold the settings of your own "
            "tenant. Move it away and call `make start` again.",
            file=sys.stderr,
        )
        return 1
    end_on_signals()
    today = now().date()
    with LocalStack(sample_customers(today), attribute=SAMPLE_ATTRIBUTE, persistent_storage=True) as stack:
        try:
            _write_settings(stack)
            print(f"The local stack is up with {SAMPLE_COUNT:,} customers around {today}; its settings are in")
            print(f"{SETTINGS_FILE}, which ends with it. Ctrl-C stops everything.\n", flush=True)
            return _serve()
        finally:
            SETTINGS_FILE.unlink(missing_ok=True)


def _serve() -> int:
    host = shutil.which("func")
    if host is None:
        print(_WITHOUT_CORE_TOOLS, flush=True)
        while True:
            # With a time limit, since on Windows an endless wait is deaf to Ctrl-C.
            threading.Event().wait(0.5)
    environ = {
        **os.environ,  # noqa: TID251 (hands it to a child)
        "VIRTUAL_ENV": sys.prefix,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),  # noqa: TID251
    }
    child = subprocess.Popen([host, "start"], env=environ)  # noqa: S603 (the user's own Core Tools)
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def _write_settings(stack: LocalStack) -> None:
    values = {
        **local_settings(stack),
        "NOTICE_SCHEDULE": "0 0 * * * *",
        "SEND_WINDOW": "00:00-24:00",
    }
    text = json.dumps({"//": _MARK, "IsEncrypted": False, "Values": values}, indent=2)
    SETTINGS_FILE.touch(mode=0o600)
    SETTINGS_FILE.write_text(text + "\n", encoding="utf-8")


def _is_ours() -> bool:
    try:
        return bool(json.loads(SETTINGS_FILE.read_text(encoding="utf-8")).get("//") == _MARK)
    except (OSError, ValueError, AttributeError):
        return False
