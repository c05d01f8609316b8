"""What the SDKs' clients do without a word, the pipeline of our own does too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self, cast

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport

from due_notices.adapters.storage_clients import open_clients
from due_notices.adapters.storage_errors import LIMITS
from due_notices.adapters.storage_pipeline import StoragePipeline
from local.stack import LocalStack
from tests.adapters.faulty_proxy import OTHER_TENANT, FaultyProxy, Step


class Login:
    """A login that writes down for which tenant it was asked."""

    def __init__(self) -> None:
        self.tenants: list[object] = []

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes
        self.tenants.append(options.get("tenant_id"))
        return AccessToken("made-up-token", 4_102_444_800)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None: ...


async def test_another_tenant_in_the_challenge_is_logged_in_to_once_and_kept(
    stack: LocalStack, queue_proxy: FaultyProxy
) -> None:
    queue_proxy.plan(Step.OTHER_TENANT, Step.REFUSED_500, Step.REFUSED_500)
    login, url = Login(), f"http://127.0.0.1:{queue_proxy.url_port}/devstoreaccount1/q/messages"

    async with StoragePipeline(login, "", LIMITS) as pipeline:
        for _ in range(2):
            with pytest.raises(HttpResponseError, match="500"):
                await pipeline.post(url, b"", {}, success=201)

    assert login.tenants == [None, OTHER_TENANT]
    assert queue_proxy.count("POST", "/messages") == 3
    del stack


async def ask_by_pipeline(login: Login, url: str) -> None:
    async with StoragePipeline(cast("Any", login), "", LIMITS) as pipeline:
        await pipeline.post(f"{url}/q/messages".replace("https:", "http:", 1), b"", {}, success=201)


async def ask_by_queue_client(login: Login, url: str) -> None:
    async with open_clients(
        queue="q", table="t1", connection_string=None, queue_url=url, table_url=url, login=lambda: cast("Any", login)
    ) as clients:
        await clients.queue.get_queue_properties()


async def ask_by_table_client(login: Login, url: str) -> None:
    async with open_clients(
        queue="q", table="t1", connection_string=None, queue_url=url, table_url=url, login=lambda: cast("Any", login)
    ) as clients:
        await clients.table.get_entity("p", "r")


@pytest.mark.parametrize("ask", [ask_by_pipeline, ask_by_queue_client, ask_by_table_client])
async def test_the_pipeline_and_the_sdks_clients_follow_storages_challenge_to_another_tenant(
    stack: LocalStack,
    queue_proxy: FaultyProxy,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Login, str], Awaitable[None]],
) -> None:
    """The hand-written pipeline and the SDKs' clients alike: else doctor would log in where sending does not."""
    queue_proxy.plan(Step.OTHER_TENANT, Step.OTHER_TENANT)  # the second ends it
    login, send = Login(), AioHttpTransport.send

    async def in_plain(self: AioHttpTransport, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https:", "http:", 1)  # the clients show no token to a server without TLS
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", in_plain)

    with pytest.raises(AzureError):
        await ask(login, f"https://127.0.0.1:{queue_proxy.url_port}/devstoreaccount1")

    assert login.tenants == [None, OTHER_TENANT]
    assert len(queue_proxy.seen) == 2
    del stack


async def test_a_service_that_wants_the_same_tenant_again_refuses(stack: LocalStack, queue_proxy: FaultyProxy) -> None:
    queue_proxy.plan(Step.OTHER_TENANT, Step.OTHER_TENANT)
    login, url = Login(), f"http://127.0.0.1:{queue_proxy.url_port}/devstoreaccount1/q/messages"

    async with StoragePipeline(login, "", LIMITS) as pipeline:
        with pytest.raises(HttpResponseError, match="401"):
            await pipeline.post(url, b"", {}, success=201)

    assert queue_proxy.count("POST", "/messages") == 2
    del stack


async def test_the_table_is_logged_in_to_as_storage_whatever_its_host_is_called() -> None:
    url = "https://localhost:8443/account"
    async with open_clients(
        queue="q1", table="t1", connection_string=None, queue_url=url, table_url=url, login=Login
    ) as clients:
        scopes = [getattr(policy, "_scopes", ()) for policy in clients.table._client._client._pipeline._impl_policies]

    assert ("https://storage.azure.com/.default",) in scopes
