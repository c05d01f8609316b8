"""What the SDKs' clients do without a word, the pipeline of our own does too."""

from __future__ import annotations

from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

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
