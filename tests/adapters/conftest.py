from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
from azure.core.pipeline.transport import HttpTransport

from due_notices import bootstrap
from due_notices.adapters.graph import GraphDirectory
from due_notices.adapters.msal import GraphToken
from due_notices.ports import Storage
from due_notices.settings import Settings
from local.stack import LocalStack
from tests.adapters.faulty_proxy import FaultyProxy, faulty_proxy
from tests.adapters.storage_access import StorageAccess
from tests.fakes import MovableClock

OpenStorage = Callable[[Mapping[str, str]], Awaitable[Storage]]
MakeToken = Callable[..., GraphToken]
MakeDirectory = Callable[..., GraphDirectory]


@pytest.fixture
def open_storage(
    stack: LocalStack, storage_access: StorageAccess, runner: asyncio.Runner, clock: MovableClock
) -> Iterator[OpenStorage]:
    """Return a function that opens the storage that these settings name, as a run does."""
    opened = AsyncExitStack()

    async def open_(changes: Mapping[str, str]) -> Storage:
        settings = Settings.from_mapping({**stack.environ, **storage_access.environ, **changes})
        return await opened.enter_async_context(bootstrap.open_storage(settings, clock))

    yield open_
    runner.run(opened.aclose())


@pytest.fixture
def storage(runner: asyncio.Runner, open_storage: OpenStorage) -> Storage:
    return runner.run(_opened(open_storage, {}))


async def _opened(open_storage: OpenStorage, changes: Mapping[str, str]) -> Storage:
    return await open_storage(changes)


@pytest.fixture
def queue_proxy(stack: LocalStack) -> Iterator[FaultyProxy]:
    with faulty_proxy(stack.azurite.ports["queue"]) as proxy:
        yield proxy


@pytest.fixture
def table_proxy(stack: LocalStack) -> Iterator[FaultyProxy]:
    with faulty_proxy(stack.azurite.ports["table"]) as proxy:
        yield proxy


@pytest.fixture
def storage_by_proxy(
    stack: LocalStack,
    runner: asyncio.Runner,
    open_storage: OpenStorage,
    queue_proxy: FaultyProxy,
    table_proxy: FaultyProxy,
) -> Storage:
    """The storage with a proxy before its queue and one before its table."""
    text = stack.azurite.connection_string
    for name, proxy in (("queue", queue_proxy), ("table", table_proxy)):
        text = text.replace(f":{stack.azurite.ports[name]}/", f":{proxy.url_port}/")
    return runner.run(_opened(open_storage, {"NOTICE_STORAGE": text}))


@pytest.fixture
def make_token(stack: LocalStack, clock: MovableClock) -> MakeToken:
    """Return a function that makes the login to Graph, as the composition root does."""

    def make(**changes: str) -> GraphToken:
        return bootstrap.graph_token(Settings.from_mapping({**stack.environ, **changes}), clock)

    return make


@pytest.fixture
def make_directory(stack: LocalStack, clock: MovableClock) -> MakeDirectory:
    """Return a function that makes the directory, as the composition root does."""

    def make(**changes: str) -> GraphDirectory:
        settings = Settings.from_mapping({**stack.environ, **changes})
        directory = bootstrap.build_services(settings, clock).open_directory()
        assert isinstance(directory, GraphDirectory)
        return directory

    return make


@pytest.fixture
def sdk_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the SDKs' own waits take no time, and return them."""
    waits: list[float] = []
    monkeypatch.setattr(HttpTransport, "sleep", lambda _, seconds: waits.append(seconds))
    return waits
