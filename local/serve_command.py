"""`python -m local serve`: the stack stays up until it is asked to end."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from local.customers import sample_customers
from local.stack import LocalStack

END_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Those of them that the operating system has."""


def serve(business_date: dt.date, *, count: int, seed: int, attribute: str, settings_file: Path | None) -> None:
    """Run a stack with sample customers until Ctrl-C or a request to terminate, then clean up."""
    end_on_signals()
    users = sample_customers(business_date, count, seed, attribute)
    with LocalStack(users, attribute=attribute, persistent_storage=True) as stack:
        if settings_file is not None:
            write_settings(settings_file, stack)
        for name, value in stack.environ.items():
            print(f"{name}={value}")
        print(f"The local stack is up with {count} customers around {business_date}. Ctrl-C ends it.", flush=True)
        while True:
            # With a time limit, since on Windows an endless wait is deaf to Ctrl-C.
            threading.Event().wait(0.5)


def write_settings(path: Path, stack: LocalStack) -> None:
    """Write the stack's settings as a complete `local.settings.json`.

    The file is in place at once or not at all. It holds secrets, though only those of this stack.
    """
    settings = {"IsEncrypted": False, "Values": local_settings(stack)}
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def local_settings(stack: LocalStack) -> dict[str, Any]:
    """Return what the Functions host needs besides the settings of the app.

    The host makes connections of its own to the outside, so here the public authorities are trusted
    along with the stack's.
    """
    bundle = stack.directory / "authorities.pem"
    public = Path(DEFAULT_CA_BUNDLE_PATH).read_text(encoding="utf-8")
    bundle.write_text(public + stack.certificates.authority.read_text(encoding="utf-8"), encoding="utf-8")
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": stack.azurite.connection_string,
        **stack.environ,
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
    }


def end_on_signals() -> None:
    """Leave by `SystemExit`, so that everything entered is closed, and only once."""
    known = [getattr(signal, name) for name in END_SIGNALS if hasattr(signal, name)]

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        for each in known:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(0)

    for each in known:
        signal.signal(each, end)
