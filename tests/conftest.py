"""What all tests share: a clean environment, no network but this machine's own, a local stack, coroutines.

Fixtures that cost time (the stack) begin when the first test asks for them and serve the whole session.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from due_notices.settings import SETTINGS, Settings
from due_notices.time_zones import use_pinned_rules
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import ROOT, CommandLine
from tests.fakes import MovableClock
from tests.hygiene import (  # no secret and no body in any log or output
    _watch_processes,  # noqa: F401 (a fixture)
    pytest_runtest_makereport,  # noqa: F401 (a hook)
    remember,
)

settings.register_profile(
    "default",
    # The cores are shared: a slow example says nothing. Repeatable, so that a failure is everybody's failure.
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("default")

use_pinned_rules()  # before any test has a zone of the system's

SCRUBBED_PREFIXES = ("AZURE_", "GRAPH_", "IDENTITY_", "MSI_", "NOTICE_", "KEY_VAULT_", "MSAL_", "AzureWebJobs")
SCRUBBED = {setting.name.upper() for setting in SETTINGS} | {
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NETRC",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
}
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "::1"})


def is_foreign(name: str) -> bool:
    """Whether an environment variable of this machine could change what the program does."""
    return name.upper() in SCRUBBED or name.startswith(SCRUBBED_PREFIXES)


def scrub(patch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if is_foreign(name):
            patch.delenv(name)


# A shell that puts a job into the background lets it ignore Ctrl-C, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _clean_session() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        scrub(patch)
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    scrub(monkeypatch)


class NetworkRefused(OSError):
    """A test tried to leave this machine."""


REFUSED: list[str] = []


def is_loopback(host: object) -> bool:
    return isinstance(host, str) and (host in LOOPBACK_NAMES or host.startswith("127."))


def _refuse(host: object) -> None:
    REFUSED.append(str(host))
    raise NetworkRefused(f"tests reach this machine alone, not {host}")


def _check(address: object) -> None:
    # Anything but a tuple is the path of a socket file.
    if isinstance(address, tuple) and not is_loopback(address[0]):
        _refuse(address[0])


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection and every name but this machine's, at the level of sockets."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    getaddrinfo = socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check(address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check(address)
        return connect_ex(self, address)

    def checked_sendto(self: socket.socket, *arguments: Any) -> int:
        _check(arguments[-1])
        return sendto(self, *arguments)

    def checked_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_loopback(name):
            _refuse(name)
        return getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket.socket, "sendto", checked_sendto)
        patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
        yield


@pytest.fixture(autouse=True)
def refused_addresses() -> Iterator[list[str]]:
    """Fail a test that tried to leave this machine, even where the refusal was taken for a broken network."""
    REFUSED.clear()
    yield REFUSED
    assert not REFUSED, f"the test tried to reach {REFUSED}"


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Run the coroutines of one test on one event loop."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests on the loop of their fixtures."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    runner: asyncio.Runner = pyfuncitem._request.getfixturevalue("runner")
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def running_stack() -> Iterator[LocalStack]:
    """One local stack for the whole session."""
    with LocalStack() as stack:
        remember((stack.azurite.key, stack.identity.header))
        yield stack


@pytest.fixture
def stack(running_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """The local stack in its first state, with the environment of the function app on it."""
    running_stack.reset()
    use_environment(monkeypatch, running_stack.environ)
    return running_stack


def use_environment(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def storage_access(running_stack: LocalStack) -> Iterator[StorageAccess]:
    """A queue, a poison queue and a table of the test's own on Azurite."""
    with StorageAccess(running_stack.azurite.connection_string, f"t{uuid.uuid4().hex[:20]}") as access:
        access.create()
        yield access


@pytest.fixture
def stack_settings(stack: LocalStack, storage_access: StorageAccess) -> Settings:
    """The settings of the function app on the stack, with queue and table of the test's own."""
    return Settings.from_mapping(stack.environ | storage_access.environ)


@pytest.fixture
def program(stack: LocalStack, storage_access: StorageAccess, tmp_path: Path) -> CommandLine:
    """The command line on the local stack, with a queue and a ledger of the test's own and an open window."""
    return CommandLine(
        {
            **os.environ,
            **stack.environ,
            **storage_access.environ,
            "SEND_WINDOW": "00:00-24:00",
            "NOTICE_SCHEDULE": "0 * * * * *",  # so that a tick is left in the day's last hour, too
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
        },
        tmp_path,
    )
