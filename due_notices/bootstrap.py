"""The composition root: the only reader of the environment, the only builder of adapters.

Nothing is built at import, and each adapter's libraries are imported when it is first needed: a tick outside
the send window loads neither a Graph nor a Storage client.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from due_notices.adapters.clock import SystemClock
from due_notices.errors import SettingsError
from due_notices.ports import Clock, Storage, UserDirectory
from due_notices.services import Services
from due_notices.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential

    from due_notices.adapters.msal import GraphToken


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
        values = json.loads(path.read_text("utf-8"))["Values"]
        adopted = {str(name): str(value) for name, value in values.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            [f"{path}: is no settings file ({type(error).__name__}); compare it with local.settings.json.example"]
        ) from error
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
    """Return the login to Graph: managed identity → vault → client secret → MSAL."""
    from due_notices.adapters.key_vault import KeyVault
    from due_notices.adapters.msal import GraphToken

    vault = KeyVault(settings.vault_url, identity(settings))
    return GraphToken(
        authority=f"{settings.authority_host}/{settings.tenant_id}",
        client_id=settings.client_id,
        scope=f"{settings.graph_endpoint}/.default",
        read_secret=functools.partial(vault.read, settings.secret_name),
        clock=clock,
        instance_discovery=settings.instance_discovery,
    )


def identity(settings: Settings) -> TokenCredential:
    """Return the managed identity, or the developer's own login where AZURE_TOKEN_CREDENTIALS wishes so."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if settings.developer_login:
        return DefaultAzureCredential()
    return ManagedIdentityCredential(client_id=settings.identity_client_id)


@asynccontextmanager
async def open_storage(settings: Settings, clock: Clock) -> AsyncIterator[Storage]:
    """Open queue and ledger."""
    from azure.data.tables.aio import TableClient
    from azure.storage.queue import TextBase64EncodePolicy
    from azure.storage.queue.aio import QueueClient

    from due_notices.adapters.storage_errors import LIMITS
    from due_notices.adapters.storage_queue import StorageNoticeQueue
    from due_notices.adapters.table_ledger import TableLedger

    account = settings.storage
    options: dict[str, Any] = {
        **LIMITS,
        # Looking for proxies and netrc files at every request would cost half the sending speed.
        "use_env_settings": bool(urllib.request.getproxies()),
    }
    encoded = {**options, "message_encode_policy": TextBase64EncodePolicy()}
    async with AsyncExitStack() as stack:
        if account.connection_string is not None:
            text = account.connection_string.reveal()
            queue = QueueClient.from_connection_string(text, settings.queue, **encoded)
            poison = QueueClient.from_connection_string(text, f"{settings.queue}-poison", **encoded)
            table = TableClient.from_connection_string(text, settings.table, **options)
        else:
            login = await stack.enter_async_context(_async_identity(settings))
            queue = QueueClient(account.queue_url, settings.queue, credential=login, **encoded)
            poison = QueueClient(account.queue_url, f"{settings.queue}-poison", credential=login, **encoded)
            table = TableClient(account.table_url, settings.table, credential=login, **options)
        for client in (queue, poison, table):
            await stack.enter_async_context(client)
        yield Storage(StorageNoticeQueue(queue, poison, clock), TableLedger(table, clock))


def _async_identity(settings: Settings) -> AsyncTokenCredential:
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if settings.developer_login:
        return DefaultAzureCredential()
    return ManagedIdentityCredential(client_id=settings.storage.identity_client_id)
