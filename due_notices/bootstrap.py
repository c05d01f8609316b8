"""The composition root: the only reader of the environment, the only builder of adapters.

Nothing is built at import, and each adapter's libraries are imported when it is first needed: a tick outside
the send window loads neither a Graph nor a Storage client.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from due_notices.adapters.clock import SystemClock
from due_notices.credentials import (
    AppCredential,
    CredentialKind,
    certificate_life,
    exchange_audience,
    secret_life,
    vault_resource,
)
from due_notices.errors import SettingsError
from due_notices.ports import Clock, Storage, UserDirectory
from due_notices.services import Services
from due_notices.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient
    from azure.storage.queue.aio import QueueClient

    from due_notices.adapters.msal import GraphToken
    from due_notices.doctor import Link
    from due_notices.rotation import Rotation
    from due_notices.secret import Secret


# The identity endpoint is on the same machine. The SDK's defaults wait for minutes, and as long as any Retry-After.
_LOGIN_LIMITS: Mapping[str, Any] = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1, "retry_status": 0}
_TRUST = frozenset({"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"})


def environment() -> Mapping[str, str]:
    """Return the process's environment, which holds the settings."""
    return os.environ  # noqa: TID251 (this is the module that may)


def adopt_local_settings(path: Path) -> None:
    """Take the values of a `local.settings.json` that the environment has not set, as Core Tools does.

    What to trust is taken in any case: a machine's own certificate bundle knows nothing of the local stack.
    Raises SettingsError when the file is there and cannot be read.
    """
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text("utf-8"))
        values, encrypted = found["Values"], found.get("IsEncrypted") is True
        adopted = {str(name): str(value) for name, value in values.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            [f"{path}: is no settings file ({type(error).__name__}); compare it with local.settings.json.example"]
        ) from error
    if encrypted:
        raise SettingsError([f"{path}: is encrypted; call `func settings decrypt` in its folder"])
    environ = os.environ  # noqa: TID251 (this is the module that may)
    for name, value in adopted.items():
        if name in _TRUST or name not in environ:
            environ[name] = value


def load_settings() -> Settings:
    """Return the settings of this process. Raises SettingsError."""
    return Settings.from_mapping(environment())


def build_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Return what runs need, idle: nothing is opened or sent before it is used.

    The Graph login lives as long as the services, so that its token and connections serve many runs.
    """
    # The SDKs log every request at INFO, which would bury the report.
    logging.getLogger("azure").setLevel(logging.WARNING)
    clock = clock or SystemClock()
    token = functools.cache(lambda: graph_token(settings, clock))

    def open_directory() -> UserDirectory:
        from due_notices.adapters.graph import GraphDirectory

        return GraphDirectory(
            endpoint=settings.graph_endpoint,
            token=token(),
            attribute=settings.policy.rules.attribute,
            user_filter=settings.user_filter,
            clock=clock,
        )

    return Services(open_directory, functools.partial(open_storage, settings, clock), clock)


def graph_token(settings: Settings, clock: Clock) -> GraphToken:
    """Return the login to Graph: managed identity, vault or federation, MSAL."""
    return _graph_token(settings, clock, credential_reader(settings, identity(settings)))


def _graph_token(settings: Settings, clock: Clock, read: Callable[[], AppCredential]) -> GraphToken:
    from due_notices.adapters.msal import GraphToken

    return GraphToken(
        authority=f"{settings.authority_host}/{settings.tenant_id}",
        client_id=settings.client_id,
        scope=f"{settings.graph_endpoint}/.default",
        read_credential=read,
        clock=clock,
        instance_discovery=settings.instance_discovery,
        names={"KEY_VAULT_SECRET_NAME": settings.secret_name, "vault": settings.vault_name},
    )


def credential_reader(settings: Settings, login: TokenCredential) -> Callable[[], AppCredential]:
    """Return what reads, at each call anew, the credential that GRAPH_CREDENTIAL names."""
    if settings.credential is CredentialKind.FEDERATED:
        from due_notices.adapters.identity import IdentityToken

        assertion = IdentityToken(login, exchange_audience(settings.authority_host))
        return lambda: AppCredential(assertion, "", None)

    from due_notices.adapters.key_vault import KeyVault

    vault, name = KeyVault(settings.vault_url, login), settings.secret_name

    def read_secret() -> AppCredential:
        found = vault.read(name)
        return AppCredential(found.value, found.version, secret_life(found.not_before, found.expires_on))

    def read_certificate() -> AppCredential:
        from due_notices.adapters.certificates import certificate_of

        found = vault.read(name)
        proof = certificate_of(found, name)
        return AppCredential(proof, found.version, certificate_life(proof.not_before, proof.expires_on))

    return read_certificate if settings.credential is CredentialKind.CERTIFICATE else read_secret


def identity(settings: Settings) -> TokenCredential:
    """Return the managed identity, or the developer's own login where AZURE_TOKEN_CREDENTIALS wishes so."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if settings.developer_login:
        return DefaultAzureCredential()
    return ManagedIdentityCredential(client_id=settings.identity_client_id, **_LOGIN_LIMITS)


@asynccontextmanager
async def open_storage(settings: Settings, clock: Clock) -> AsyncIterator[Storage]:
    """Open queue and ledger."""
    from due_notices.adapters.storage_pipeline import StoragePipeline, queue_signature, table_signature
    from due_notices.adapters.storage_queue import StorageNoticeQueue
    from due_notices.adapters.table_ledger import TableLedger

    async with _storage_clients(settings) as (queue, poison, table, login, options), AsyncExitStack() as stack:
        expiry = SystemClock().now() + timedelta(days=1)  # a matter between us and the service, whatever day a test has
        signature = "" if login else queue_signature(queue, expiry)
        puts = await stack.enter_async_context(StoragePipeline(login, signature, options))
        signature = "" if login else table_signature(table, expiry)
        writes = await stack.enter_async_context(StoragePipeline(login, signature, options))
        yield Storage(StorageNoticeQueue(queue, poison, puts, clock), TableLedger(table, writes, clock))


class _StorageClients(NamedTuple):
    queue: QueueClient
    poison: QueueClient
    table: TableClient
    login: AsyncTokenCredential | None
    options: Mapping[str, Any]


@asynccontextmanager
async def _storage_clients(settings: Settings) -> AsyncIterator[_StorageClients]:
    """Open the clients of the queue, its poison queue and the table; tell how they log in and connect."""
    from azure.data.tables.aio import TableClient
    from azure.storage.queue.aio import QueueClient

    from due_notices.adapters.storage_errors import LIMITS

    account = settings.storage
    # Looking for proxies and netrc files at every request would cost half the sending speed.
    proxied = any(scheme != "no" for scheme in urllib.request.getproxies())
    options: dict[str, Any] = {**LIMITS, "use_env_settings": proxied}
    login: AsyncTokenCredential | None = None
    async with AsyncExitStack() as stack:
        if account.connection_string is not None:
            text = account.connection_string.reveal()
            queue = QueueClient.from_connection_string(text, settings.queue, **options)
            poison = QueueClient.from_connection_string(text, f"{settings.queue}-poison", **options)
            table = TableClient.from_connection_string(text, settings.table, **options)
        else:
            login = await stack.enter_async_context(_async_identity(settings))
            queue = QueueClient(account.queue_url, settings.queue, credential=login, **options)
            poison = QueueClient(account.queue_url, f"{settings.queue}-poison", credential=login, **options)
            table = TableClient(account.table_url, settings.table, credential=login, **options)
        for client in (queue, poison, table):
            await stack.enter_async_context(client)
        yield _StorageClients(queue, poison, table, login, options)


def _async_identity(settings: Settings) -> AsyncTokenCredential:
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if settings.developer_login:
        return DefaultAzureCredential()
    return ManagedIdentityCredential(client_id=settings.storage.identity_client_id, **_LOGIN_LIMITS)


def doctor_links(settings: Settings, clock: Clock | None = None) -> Sequence[Link]:
    """Return the links of the chain for the doctor, idle; they are touched one by one as a run would."""
    from due_notices.adapters.graph_probe import GraphProbe
    from due_notices.adapters.identity import IdentityToken
    from due_notices.adapters.service_clock import service_time
    from due_notices.adapters.storage_probe import try_queue, try_table
    from due_notices.doctor import Chain, Probes, links

    clock = clock or SystemClock()
    login = identity(settings)
    federated = settings.credential is CredentialKind.FEDERATED
    resource = exchange_audience(settings.authority_host) if federated else vault_resource(settings.vault_url)
    token = graph_token(settings, clock)
    graph = GraphProbe(
        endpoint=settings.graph_endpoint,
        token=token,
        attribute=settings.policy.rules.attribute,
        user_filter=settings.user_filter,
    )

    async def queue() -> bool:
        async with _storage_clients(settings) as clients:
            return await try_queue(clients.queue, clients.poison, settings.policy.source)

    async def table() -> None:
        async with _storage_clients(settings) as clients:
            await try_table(clients.table)

    discovery = f"{settings.authority_host}/{settings.tenant_id}/v2.0/.well-known/openid-configuration"
    return links(
        Chain(
            settings.policy,
            settings.schedule,
            settings.credential,
            settings.client_id,
            storage_by_identity=settings.storage.connection_string is None,
        ),
        Probes(
            now=clock.now,
            identity=IdentityToken(login, resource),
            credential=credential_reader(settings, login),
            graph_token=token,
            attribute=graph.attribute,
            users=graph.users,
            queue=lambda: asyncio.run(queue()),
            table=lambda: asyncio.run(table()),
            service_time=lambda: service_time(discovery),
        ),
    )


def secret_rotation(settings: Settings, say: Callable[[str], None], clock: Clock | None = None) -> Rotation:
    """Return a rotation of the client secret with the operator's own login, idle. Raises SettingsError."""
    if settings.credential is not CredentialKind.SECRET:
        raise SettingsError([f"GRAPH_CREDENTIAL: is {settings.credential}: there is no client secret to rotate"])
    from azure.identity import DefaultAzureCredential

    from due_notices.adapters.app_registration import GraphApplication
    from due_notices.adapters.identity import IdentityToken
    from due_notices.adapters.key_vault import KeyVault
    from due_notices.rotation import Place, Rotation

    clock = clock or SystemClock()
    login = DefaultAzureCredential()

    def prove(secret: Secret) -> None:
        # A new application for each try: MSAL answers some failures from memory.
        _graph_token(settings, clock, lambda: AppCredential(secret, "", None))()

    return Rotation(
        GraphApplication(
            endpoint=settings.graph_endpoint,
            client_id=settings.client_id,
            token=IdentityToken(login, settings.graph_endpoint),
            clock=clock,
        ),
        KeyVault(settings.vault_url, login),
        prove,
        clock,
        Place(settings.vault_name, settings.secret_name),
        say,
    )
