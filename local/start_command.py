"""`make start`: the stack stays up, `local.settings.json` is written, and `func start` runs on it if it is there.

That file is also where a user keeps the settings of their own tenant. So only what a stack wrote, byte for byte, is
replaced or removed; a checksum in the file shows whether it was changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.azurite import Azurite
from local.clock import now
from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_COUNT, shown_customers
from local.past import furnish_past
from local.serve_command import end_on_signals, local_settings
from local.stack import LocalStack

SETTINGS_FILE = Path("local.settings.json")
_MARK = "written by `make start`, removed when it ends unless it was changed; checksum"
_FOREIGN = f"""\
{SETTINGS_FILE} is here and is not as `make start` writes it: it may hold the settings of your own tenant.
Move it away, or remove it if you do not need it, and call `make start` again."""
_ANOTHER_IS_UP = f"""\
Another local stack is up in this folder, and {SETTINGS_FILE} is its own: use that one, or end it with Ctrl-C
in its terminal and call `make start` again. If there is none, remove {SETTINGS_FILE}."""
_CAME = f"""\
{SETTINGS_FILE} came while the stack started, and is left as it is: by another `make start`, or by you.
End the other one, or move the file away, and call `make start` again."""
_CHANGED = f"""\
{SETTINGS_FILE} was changed while the stack was up, so it stays. Move it away before the next `make start`."""

_AGAIN = "Queue and ledger went with it: call `make start` again."
_WITHOUT_CORE_TOOLS = """\
Azure Functions Core Tools (`func`) is not installed, so the timer does not tick here. """
_COMMANDS = """In another terminal:

    .venv/bin/due-notices preview            what a run would send
    .venv/bin/due-notices run                one run, the same code as the timer
    .venv/bin/due-notices status --ahead 14  did it run, and what is coming
"""


def start(*, with_host: bool = True) -> int:
    """Keep a stack with sample customers up until Ctrl-C or a request to terminate; return the exit code."""
    refusal = _make_room()
    if refusal is not None:
        print(refusal, file=sys.stderr)
        return 1
    end_on_signals()
    today = now().date()
    users = shown_customers(today)
    with LocalStack(users, attribute=SAMPLE_ATTRIBUTE, persistent_storage=True) as stack:
        furnish_past(stack, users, today, stack.environ)
        text = _settings_of(stack)
        try:
            SETTINGS_FILE.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            print(_CAME, file=sys.stderr)
            return 1
        try:
            SETTINGS_FILE.write_bytes(text)
            print(f"The local stack is up with {SAMPLE_COUNT:,} customers around {today}; its settings are in")
            print(f"{SETTINGS_FILE}, which ends with it. Ctrl-C stops everything.\n", flush=True)
            return _serve(stack.azurite, with_host=with_host)
        finally:
            _remove(text)


def _serve(azurite: Azurite, *, with_host: bool) -> int:
    """Wait until the host or Azurite ends; a request to end raises SystemExit."""
    host = shutil.which("func") if with_host else None
    if host is None:
        print((_WITHOUT_CORE_TOOLS if with_host else "The timer does not tick here. ") + _COMMANDS, flush=True)
        return _watch(azurite, None)
    environ = {
        **os.environ,  # noqa: TID251 (hands it to a child)
        "VIRTUAL_ENV": sys.prefix,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),  # noqa: TID251
    }
    child = subprocess.Popen([host, "start"], env=environ)  # noqa: S603 (the user's own Core Tools)
    try:
        return _watch(azurite, child)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def _watch(azurite: Azurite, host: subprocess.Popen[bytes] | None) -> int:
    while (words := azurite.last_words) is None:
        if host is not None and host.poll() is not None:
            return host.returncode
        # With a time limit, since on Windows an endless wait is deaf to Ctrl-C.
        threading.Event().wait(0.5)
    print(f"Azurite, the Storage emulator, has ended ({words})\n{_AGAIN}", file=sys.stderr, flush=True)
    return 1


def _make_room() -> str | None:
    """Remove what a stack left that was killed; return why there can be no new one."""
    try:
        found = SETTINGS_FILE.read_bytes()
    except FileNotFoundError:
        return None
    try:
        values = json.loads(found)["Values"]
        ours = found == _text(values)
    except (ValueError, LookupError, TypeError):
        ours = False
    if not ours:
        return _FOREIGN
    if _is_up(values["GRAPH_ENDPOINT"]):
        return _ANOTHER_IS_UP
    SETTINGS_FILE.unlink()
    return None


def _remove(text: bytes) -> None:
    try:
        unchanged = SETTINGS_FILE.read_bytes() == text
    except FileNotFoundError:
        return
    if unchanged:
        SETTINGS_FILE.unlink()
    else:
        print(_CHANGED, file=sys.stderr)


def _is_up(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=1).close()
    except OSError:
        return False
    return True


def _settings_of(stack: LocalStack) -> bytes:
    return _text({**local_settings(stack), "SEND_WINDOW": "00:00-24:00"})


def _text(values: Mapping[str, Any]) -> bytes:
    """Return the whole file around these values: what it is made of alone, so that it can be made again to compare."""
    checksum = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
    settings = {"//": f"{_MARK} {checksum}", "IsEncrypted": False, "Values": values}
    return (json.dumps(settings, indent=2) + "\n").encode()
