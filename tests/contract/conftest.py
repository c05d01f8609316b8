"""Each port twice: in memory and for real. The tests here do not know which of the two they have."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, cast

import pytest

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.adapters.table_ledger import TableLedger
from due_notices.ownership import Deployment
from due_notices.ports import Clock, Ledger, NoticeQueue, Storage, UserDirectory
from due_notices.secret import Secret
from due_notices.settings import Settings
from local.stack import LocalStack
from tests.adapters.faulty_proxy import faulty_proxy
from tests.adapters.storage_access import StorageAccess
from tests.conftest import use_environment
from tests.factories import OPT_OUT
from tests.fakes import FakeDirectory, FakeLedger, FakeStorage, MovableClock

STORAGES = ("fake", "azurite", "azurite with Azure's nulls")
MakeDirectory = Callable[..., UserDirectory]


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, runner: asyncio.Runner, clock: MovableClock) -> Iterator[Storage]:
    """Queue and ledger, opened as the composition root opens them."""
    stack = AsyncExitStack()
    if request.param == "fake":
        fake = FakeStorage()
        fake.ledger.clock = clock
        opening = fake()
    else:
        settings: Settings = request.getfixturevalue("stack_settings")
        if "nulls" in request.param:
            running: LocalStack = request.getfixturevalue("running_stack")
            proxy = stack.enter_context(faulty_proxy(running.azurite.ports["table"], nulls=True))
            settings = _by(proxy.url_port, running.azurite.ports["table"], settings)
        opening = bootstrap.open_storage(settings, clock)
    yield runner.run(stack.enter_async_context(opening))
    runner.run(stack.aclose())


def _by(port: int, instead_of: int, settings: Settings) -> Settings:
    """Return the settings with another port of the table service."""
    text = settings.storage.connection_string
    assert text is not None
    account = replace(settings.storage, connection_string=Secret(text.reveal().replace(f":{instead_of}/", f":{port}/")))
    return replace(settings, storage=account)


@pytest.fixture
def ledger(storage: Storage) -> Ledger:
    return storage.ledger


@pytest.fixture
def mine(ledger: Ledger) -> Deployment:
    """Whose the ledger would be."""
    owner: Deployment = ledger.owner if isinstance(ledger, FakeLedger) else vars(ledger)["_owner"]
    return owner


@pytest.fixture
def ledger_of(ledger: Ledger) -> Callable[[Deployment], Ledger]:
    """Return a function that returns the same ledger in the hands of another deployment."""

    def make(owner: Deployment) -> Ledger:
        if isinstance(ledger, FakeLedger):
            return FakeLedger(owner, ledger)
        table: TableLedger = copy.copy(cast("TableLedger", ledger))
        vars(table)["_owner"] = owner
        return table

    return make


@pytest.fixture
def queue(storage: Storage) -> NoticeQueue:
    return storage.queue


@pytest.fixture
def texts(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], list[str]]:
    """Return a function that reads the texts on the queue, in any order."""
    from tests.fakes import FakeNoticeQueue

    queue = storage.queue
    if isinstance(queue, FakeNoticeQueue):
        return lambda: sorted(queue.messages)
    access: StorageAccess = request.getfixturevalue("storage_access")

    def read() -> list[str]:
        import base64

        return sorted(
            base64.b64decode(message.content, validate=True).decode()
            for message in access.queue.receive_messages(messages_per_page=32, visibility_timeout=1)
        )

    return read


@pytest.fixture(params=("fake", "emulated Graph"))
def make_directory(
    request: pytest.FixtureRequest, running_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> MakeDirectory:
    """Return a function that makes a directory of these users, `page_size` to a page at the most."""
    attribute = running_stack.attribute

    def make(users: Sequence[Mapping[str, Any]] = (), *, page_size: int = 999) -> UserDirectory:
        if request.param == "fake":
            return FakeDirectory(users, attribute=attribute, page_size=page_size)
        running_stack.reset(users)
        running_stack.graph.directory.page_limit = page_size
        use_environment(monkeypatch, running_stack.environ)
        settings = Settings.from_mapping({**running_stack.environ, "USER_FILTER": "", "OPT_OUT_ATTRIBUTE": OPT_OUT})
        return bootstrap.build_services(settings, MovableClock()).open_directory()

    return make


@pytest.fixture(params=("movable", "system"))
def any_clock(request: pytest.FixtureRequest) -> Clock:
    return MovableClock() if request.param == "movable" else SystemClock()
