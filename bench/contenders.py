"""What is compared. Each contender is one function that does a whole run and says what it did.

`ours` is the program as it is deployed. `sample` is Microsoft's daemon sample, extended to read every page and to send
messages. `msgraph` is what a good engineer writes with msgraph-sdk and the asynchronous queue client, concurrency
included. Neither of the two has a ledger, so they do less.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench import pieces, steady
from bench.customers import ATTRIBUTE
from bench.done import SENDS_AT_A_TIME, Done, message, stage_of

SELECT = "id,accountEnabled,displayName,givenName,identities,mail,mobilePhone,otherMails,preferredLanguage," + ATTRIBUTE


def ours() -> Done:
    """Run Due Notices."""
    from due_notices import bootstrap
    from due_notices.run import send_due_notices

    settings = bootstrap.load_settings()
    policy = replace(settings.policy, limit=10_000_000)
    report = send_due_notices(policy, bootstrap.build_services(settings))
    if not report.ok or report.error:
        raise RuntimeError(report.error)
    return Done(report.users_read, report.sent, report.seconds["read"], report.seconds["send"])


def sample() -> Done:
    """Read with requests and MSAL as the daemon sample does, then send one message after another."""
    import msal
    import requests
    from azure.identity import ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient
    from azure.storage.queue import QueueClient, TextBase64EncodePolicy

    environ = os.environ  # noqa: TID251
    started = time.perf_counter()
    vault = SecretClient(
        environ["KEY_VAULT_URL"],
        ManagedIdentityCredential(client_id=environ["AZURE_CLIENT_ID"]),
        verify_challenge_resource=False,
    )
    app = msal.ConfidentialClientApplication(
        environ["GRAPH_CLIENT_ID"],
        client_credential=vault.get_secret(environ["KEY_VAULT_SECRET_NAME"]).value,
        authority=f"{environ['AZURE_AUTHORITY_HOST']}/{environ['GRAPH_TENANT_ID']}",
        instance_discovery=False,
    )
    token = app.acquire_token_for_client(scopes=[f"{environ['GRAPH_ENDPOINT']}/.default"])["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    url: str | None = f"{environ['GRAPH_ENDPOINT']}/v1.0/users?$select={SELECT}&$top=999&$filter=accountEnabled eq true"
    users, owed = 0, []
    while url:
        answer = session.get(url, timeout=60)
        answer.raise_for_status()
        page = answer.json()
        for user in page["value"]:
            users += 1
            stage = stage_of(user.get(ATTRIBUTE))
            if stage is not None:
                owed.append((user, stage))
        url = page.get("@odata.nextLink")
    read = time.perf_counter()
    with QueueClient.from_connection_string(
        environ["NOTICE_STORAGE"], environ["NOTICE_QUEUE"], message_encode_policy=TextBase64EncodePolicy()
    ) as queue:
        for user, stage in owed:
            queue.send_message(message(user, stage), time_to_live=-1)
    return Done(users, len(owed), read - started, time.perf_counter() - read)


def msgraph() -> Done:
    """Read with msgraph-sdk's page iterator, send with the asynchronous queue client, many at a time."""
    return asyncio.run(_msgraph())


async def _msgraph() -> Done:
    from azure.core.credentials import AccessToken
    from azure.storage.queue import TextBase64EncodePolicy
    from azure.storage.queue.aio import QueueClient
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder
    from msgraph_core import GraphClientFactory
    from msgraph_core.tasks.page_iterator import PageIterator

    environ = os.environ  # noqa: TID251
    started = time.perf_counter()

    class Static:
        """A token that needs no login: the login is not what is compared."""

        async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            del scopes, options
            return AccessToken("benchmark", int(time.time()) + 3600)

        async def close(self) -> None:
            return

    host = environ["GRAPH_ENDPOINT"].removeprefix("https://")
    provider = AzureIdentityAuthenticationProvider(Static(), allowed_hosts=[host, host.partition(":")[0]])
    adapter = GraphRequestAdapter(provider, client=GraphClientFactory.create_with_default_middleware())
    adapter.base_url = f"{environ['GRAPH_ENDPOINT']}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=SELECT.split(","), top=999, filter="accountEnabled eq true"
    )
    first = await client.users.get(request_configuration=RequestConfiguration(query_parameters=parameters))
    counted, owed = 0, []

    def each(user: Any) -> bool:
        nonlocal counted
        counted += 1
        stage = stage_of((user.additional_data or {}).get(ATTRIBUTE))
        if stage is not None:
            owed.append((user, stage))
        return True

    await PageIterator(first, adapter).iterate(each)
    read = time.perf_counter()
    permits = asyncio.Semaphore(SENDS_AT_A_TIME)
    async with QueueClient.from_connection_string(
        environ["NOTICE_STORAGE"], environ["NOTICE_QUEUE"], message_encode_policy=TextBase64EncodePolicy()
    ) as queue:

        async def send(user: Any, stage: int) -> None:
            async with permits:
                fields = {"id": user.id, "displayName": user.display_name, "mail": user.mail}
                await queue.send_message(message({**fields, ATTRIBUTE: "x"}, stage), time_to_live=-1)

        await asyncio.gather(*(send(user, stage) for user, stage in owed))
    return Done(counted, len(owed), read - started, time.perf_counter() - read)


def msgraph_models() -> None:
    """Load the models that msgraph-sdk imports with the first answer; like all imports they are not timed here."""
    from msgraph.generated.models.user import User
    from msgraph.generated.models.user_collection_response import UserCollectionResponse

    User().get_field_deserializers()
    UserCollectionResponse().get_field_deserializers()


CONTENDERS: dict[str, Callable[[], Done]] = {
    "ours": ours,
    "sample": sample,
    "msgraph": msgraph,
    "put-ours": pieces.put_ours,
    "put-sample": pieces.put_sample,
    "put-msgraph": pieces.put_sdk,
    "put-sdk": lambda: pieces.put_sdk(use_env_settings=False),
    "claim-ours": pieces.claim_ours,
    "claim-sdk": pieces.claim_sdk,
    "steady-ours": steady.steady_ours,
    "steady-sdk": steady.steady_sdk,
    "forget-ours": steady.forget_ours,
}
_STORAGE = ("azure.identity.aio", "azure.storage.queue.aio", "azure.data.tables.aio", "azure.keyvault.secrets")
_OURS = (
    "due_notices.bootstrap",
    "due_notices.run",
    "due_notices.adapters.key_vault",
    "due_notices.adapters.graph",
    "due_notices.adapters.msal",
    *_STORAGE,
)
LIBRARIES: dict[str, tuple[str, ...]] = {
    "ours": (*_OURS, "due_notices.adapters.storage_queue", "due_notices.adapters.table_ledger"),
    "sdk": _STORAGE,
    "sample": ("msal", "requests", "azure.identity", "azure.keyvault.secrets", "azure.storage.queue"),
    "msgraph": ("msgraph", "msgraph.generated.users.users_request_builder", "azure.storage.queue.aio"),
}
