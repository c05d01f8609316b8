"""The composition root: the only reader of the environment, the only builder of adapters.

Nothing is built at import, and each adapter's libraries are imported when it is first needed: a tick outside
the send window loads neither a Graph nor a Storage client.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from due_notices.adapters.clock import SystemClock
from due_notices.credentials import (
    AppCredential,
    CredentialKind,
    Life,
    exchange_audience,
)
from due_notices.errors import SettingsError
from due_notices.ownership import Deployment
from due_notices.ports import Clock, Storage, UserDirectory
from due_notices.services import Services
from due_notices.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from due_notices.adapters.msal import GraphToken
    from due_notices.adapters.storage_clients import StorageClients

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
    return graph_token_by(settings, clock, credential_reader(settings, identity(settings)))


def graph_token_by(settings: Settings, clock: Clock, read: Callable[[], AppCredential]) -> GraphToken:
    """Return the login to Graph with the credential that `read` returns."""
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
        return AppCredential(
            found.value, found.version, Life(CredentialKind.SECRET, found.not_before, found.expires_on)
        )

    def read_certificate() -> AppCredential:
        from due_notices.adapters.certificates import certificate_of

        found = vault.read(name)
        proof = certificate_of(found, name)
        life = Life(CredentialKind.CERTIFICATE, proof.not_before, proof.expires_on)
        return AppCredential(proof, found.version, life)

    return read_certificate if settings.credential is CredentialKind.CERTIFICATE else read_secret


def identity(settings: Settings) -> TokenCredential:
    """Return the managed identity, or the developer's own login where AZURE_TOKEN_CREDENTIALS wishes so."""
    from due_notices.adapters import identity as identities

    return identities.login(settings.identity_client_id, developer=settings.developer_login)


@asynccontextmanager
async def open_storage(settings: Settings, clock: Clock) -> AsyncIterator[Storage]:
    """Open queue and ledger."""
    from due_notices.adapters.storage_pipeline import StoragePipeline, queue_signature, table_signature
    from due_notices.adapters.storage_queue import StorageNoticeQueue
    from due_notices.adapters.table_ledger import TableLedger

    async with storage_clients(settings) as (queue, poison, table, login, options), AsyncExitStack() as stack:
        expiry = SystemClock().now() + timedelta(days=1)  # a matter between us and the service, whatever day a test has
        signature = "" if login else queue_signature(queue, expiry)
        puts = await stack.enter_async_context(StoragePipeline(login, signature, options))
        signature = "" if login else table_signature(table, expiry)
        rows = await stack.enter_async_context(StoragePipeline(login, signature, options))
        owner = Deployment(settings.tenant_id, "/".join(settings.policy.rules.attribute), settings.queue)
        ledger = TableLedger(table, rows, clock, owner)
        yield Storage(StorageNoticeQueue(queue, poison, puts, clock), ledger)


def storage_clients(settings: Settings) -> AbstractAsyncContextManager[StorageClients]:
    """Return the context in which the SDKs' clients of the queue, its poison queue and the table are open."""
    from due_notices.adapters import identity as identities
    from due_notices.adapters.storage_clients import open_clients

    account = settings.storage
    return open_clients(
        queue=settings.queue,
        table=settings.table,
        connection_string=account.connection_string,
        queue_url=account.queue_url,
        table_url=account.table_url,
        login=lambda: identities.async_login(account.identity_client_id, developer=settings.developer_login),
    )
