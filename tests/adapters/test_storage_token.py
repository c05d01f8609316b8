"""The pipeline's own login, its proxies, and how much it may have under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError

from due_notices.adapters.storage_clients import open_clients
from due_notices.adapters.storage_errors import LIMITS
from due_notices.adapters.storage_pipeline import StoragePipeline
from due_notices.delivery import SENDS_AT_A_TIME
from due_notices.secret import Secret
from tests.adapters.test_storage_pipeline import OWN, asked, saying

ACCOUNT = "http://account.example/account"
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CREATED = saying("201 Created", b"", "Connection: close", OWN)
KEY = "bWFkZSB1cA=="  # "made up"


class Login:
    """Gives tokens that are good for so many seconds, one after the other, and takes its time."""

    def __init__(self, *good_for: float) -> None:
        self._good_for = list(good_for)
        self.given = 0

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        for _ in range(5):
            await asyncio.sleep(0)
        self.given += 1
        return AccessToken(f"token-{self.given}", int(time.time() + self._good_for.pop(0)))

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None: ...


async def test_sends_that_begin_together_log_in_once() -> None:
    login = Login(3600, 3600, 3600)
    async with asked(CREATED) as (_, address, heads), StoragePipeline(login, "", LIMITS) as pipeline:
        await asyncio.gather(*(pipeline.post(f"{address}/messages", b"", {}, success=201) for _ in range(20)))

    assert login.given == 1
    assert len(heads) == 20
    assert all(b"Authorization: Bearer token-1\r\n" in head for head in heads)


@pytest.mark.parametrize(("good_for", "logins"), [(240, 2), (360, 1)])
async def test_a_token_near_its_end_is_not_used_any_more(good_for: float, logins: int) -> None:
    login = Login(good_for, 3600)
    async with asked(CREATED) as (_, address, heads), StoragePipeline(login, "", LIMITS) as pipeline:
        for _ in range(2):
            await pipeline.post(f"{address}/messages", b"", {}, success=201)

    assert login.given == logins
    assert f"Bearer token-{logins}\r\n".encode() in heads[-1]


@pytest.fixture
def by_proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that names a proxy in the environment."""

    def use(address: str) -> None:
        for name in PROXY_NAMES:
            monkeypatch.delenv(name.lower(), raising=False)
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", address)

    return use


async def refused(call: Awaitable[object]) -> None:
    with pytest.raises(AzureError):
        await call


async def test_messages_and_rows_go_by_the_proxy_that_the_environment_names(by_proxy: Callable[[str], None]) -> None:
    async with asked(saying("403 Forbidden", b"", OWN)) as (_, address, heads):
        by_proxy(address)
        async with StoragePipeline(None, "sig=nature", LIMITS) as pipeline:
            await refused(pipeline.post(f"{ACCOUNT}/q/messages", b"", {}, success=201))
            await refused(pipeline.get(f"{ACCOUNT}/t()", {}))

    assert [head.split(b" ")[1] for head in heads] == [
        f"{ACCOUNT}/q/messages?sig=nature".encode(),
        f"{ACCOUNT}/t()?sig=nature".encode(),
    ]


async def test_the_sdks_clients_go_by_it_too(by_proxy: Callable[[str], None]) -> None:
    text = f"AccountName=account;AccountKey={KEY};QueueEndpoint={ACCOUNT};TableEndpoint={ACCOUNT}"
    async with asked(saying("403 Forbidden", b"", OWN)) as (_, address, heads):
        by_proxy(address)
        async with open_clients(
            queue="q1", table="t1", connection_string=Secret(text), queue_url="", table_url="", login=Login
        ) as clients:
            await refused(clients.queue.get_queue_properties())
            await refused(clients.poison.get_queue_properties())
            await refused(clients.table.get_entity("a", "b"))

    targets = [head.split(b" ")[1] for head in heads]
    assert len(targets) == 3
    assert all(target.startswith(b"http://account.example") for target in targets)


async def test_a_send_never_waits_for_a_connection() -> None:
    """The time that a request has would run while it waits, and end before it has left."""
    async with StoragePipeline(None, "", LIMITS) as pipeline:
        connector = pipeline._session.connector

    assert connector is not None
    assert connector.limit >= SENDS_AT_A_TIME
