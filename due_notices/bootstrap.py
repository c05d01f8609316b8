"""The composition root: the only reader of the environment, the only builder of adapters.

Nothing is built at import, and each adapter's libraries are imported when it is first needed: a tick outside
the send window loads neither a Graph nor a Storage client.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from due_notices.adapters.clock import SystemClock
from due_notices.clouds import exchange_audience
from due_notices.credentials import AppCredential, CredentialKind, Life
from due_notices.errors import SettingsError
from due_notices.function_timeout import function_timeout, longest_run
from due_notices.ownership import Deployment
from due_notices.policy import Policy
from due_notices.ports import Clock, Storage, UserDirectory
from due_notices.services import Services
from due_notices.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from due_notices.adapters.graph_http import Pause
    from due_notices.adapters.identity import Login
    from due_notices.adapters.msal import GraphToken
    from due_notices.adapters.storage_clients import StorageClients

_T = TypeVar("_T")
_HOST_JSON = Path(__file__).parents[1] / "host.json"


def environment() -> MutableMapping[str, str]:
    """Return the process's environment, which holds the settings."""
    return os.environ  # noqa: TID251 (this is the module that may)


def load_settings() -> Settings:
    """Return the settings of this process. Raises SettingsError.

    A run's limit follows the host's: it is below what host.json, which lies beside this package, gives an invocation.
    """
    settings = Settings.from_mapping(environment())
    host_json = _HOST_JSON.read_text("utf-8-sig", "replace") if _HOST_JSON.is_file() else ""
    longest = longest_run(function_timeout(host_json, environment()))
    return replace(settings, policy=replace(settings.policy, longest=longest))


def once(build: Callable[[], _T]) -> Callable[[], _T]:
    """Return a function that builds a thing at its first call alone; other threads that call meanwhile wait for it."""
    building, built = threading.Lock(), functools.cache(build)

    def get() -> _T:
        with building:
            return built()

    return get


@once
def app() -> tuple[Settings, Services]:
    """Return the settings of this function app and its services, the same for all of its functions' threads."""
    settings = load_settings()
    return settings, build_services(settings)


def for_whole_runs() -> tuple[Policy, Services]:
    """Return what the timer of an app without SCALE_OUT works with. Raises SettingsError."""
    settings, services = app()
    if settings.scale_out:  # then this timer runs only because the functions of SCALE_OUT could not be loaded
        why = (
            f"SCALE_OUT: is {settings.scale_out}, and azure-functions-durable, which does it, cannot be loaded: "
            "publish with the requirements.txt of this version, or set SCALE_OUT to 0"
        )
        raise SettingsError([why])
    return settings.policy, services


def app_name() -> str:
    """Return what the platform calls this function app; empty on a laptop."""
    return environment().get("WEBSITE_SITE_NAME", "")


def build_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Return what runs need, idle: nothing is opened or sent before it is used.

    The Graph login lives as long as the services, so that its token and connections serve many runs.
    """
    # The SDKs log every request at INFO, which would bury the report.
    logging.getLogger("azure").setLevel(logging.WARNING)
    clock = clock or SystemClock()
    # One of each for all threads, so that they share one login and any wait that Graph asks for.
    token, pause = once(lambda: graph_token(settings, clock)), once(_graph_pause)

    def open_directory() -> UserDirectory:
        from due_notices.adapters.graph import GraphDirectory

        return GraphDirectory(
            endpoint=settings.graph_endpoint,
            token=token(),
            attribute=settings.policy.rules.attribute,
            user_filter=settings.user_filter,
            clock=clock,
            opt_out=settings.opt_out_attribute,
            names=graph_names(settings),
            pause=pause(),
        )

    return Services(open_directory, functools.partial(open_storage, settings, clock), clock)


def _graph_pause() -> Pause:
    from due_notices.adapters.graph_http import Pause

    return Pause()


def graph_names(settings: Settings) -> Mapping[str, str]:
    """Return the values with which the commands in Graph's refusals are filled in."""
    return {"GRAPH_CLIENT_ID": settings.client_id, "GRAPH_ENDPOINT": settings.graph_endpoint}


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
    """Return a function that reads the credential that GRAPH_CREDENTIAL names, anew at each call."""
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


def identity(settings: Settings, *, otherwise: str = "") -> TokenCredential:
    """Return the login that AZURE_TOKEN_CREDENTIALS chooses, `otherwise` the managed identity or another."""
    kind = settings.token_credentials or otherwise
    return _login(kind, settings.identity_client_id, "AZURE_CLIENT_ID")


def _login(kind: str, client_id: str | None, setting: str) -> Login:
    from due_notices.adapters.identity import Identity, Login

    # The platform sets these in a function app's environment.
    places = {"function app": "WEBSITE_SITE_NAME", "resource group": "WEBSITE_RESOURCE_GROUP"}
    names = {name: environment()[variable] for name, variable in places.items() if environment().get(variable)}
    return Login(Identity(client_id, setting, kind, names), SystemClock())


@asynccontextmanager
async def open_storage(settings: Settings, clock: Clock) -> AsyncIterator[Storage]:
    """Open queue and ledger."""
    from due_notices.adapters.storage_pipeline import StoragePipeline, queue_signature, table_signature
    from due_notices.adapters.storage_queue import StorageNoticeQueue
    from due_notices.adapters.table_ledger import TableLedger

    async with storage_clients(settings) as (queue, poison, table, login, options), AsyncExitStack() as stack:
        expiry = SystemClock().now() + timedelta(days=1)  # the service judges it by the real time, also in a test
        signature = "" if login else queue_signature(queue, expiry)
        puts = await stack.enter_async_context(StoragePipeline(login, signature, options))
        signature = "" if login else table_signature(table, expiry)
        rows = await stack.enter_async_context(StoragePipeline(login, signature, options))
        owner = Deployment(settings.tenant_id, "/".join(settings.policy.rules.attribute), settings.queue)
        ledger = TableLedger(table, rows, clock, owner)
        yield Storage(StorageNoticeQueue(queue, poison, puts, clock), ledger)


def storage_clients(settings: Settings) -> AbstractAsyncContextManager[StorageClients]:
    """Return the context in which the SDKs' clients of the queue, its poison queue and the table are open."""
    from due_notices.adapters.identity import AsyncLogin
    from due_notices.adapters.storage_clients import open_clients

    account = settings.storage
    return open_clients(
        queue=settings.queue,
        table=settings.table,
        connection_string=account.connection_string,
        queue_url=account.queue_url,
        table_url=account.table_url,
        login=lambda: AsyncLogin(
            _login(settings.token_credentials, account.identity_client_id, "NOTICE_STORAGE__clientId")
        ),
    )
