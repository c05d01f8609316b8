"""The local stack: everything the function talks to, running on this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.app_certificates import AppCertificate, issue_app_certificate
from local.azurite import Azurite
from local.certificates import issue_certificates
from local.clock import now
from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_OPT_OUT
from local.entra import EntraService
from local.graph import GraphService
from local.identity import IdentityService, ManagedIdentity
from local.registrations import AppRegistration, ClientSecret, FederatedCredential
from local.tls_server import Server, bound_socket, url_of
from local.tokens import TokenAuthority, new_guid
from local.vault import SecretVersion, VaultService

QUEUE = "due-notices"
POISON_QUEUE = "due-notices-poison"
TABLE = "duenotices"
SECRET_NAME = "graph-client-secret"  # noqa: S105 (the name of a secret)
SECRET_LASTS = dt.timedelta(days=180)
"""As long as the secret that a deployment makes."""


class LocalStack:
    """Entra, Graph, Key Vault, the managed-identity endpoint and Storage, up between enter and exit.

        with LocalStack(users=sample_customers(...)) as stack:
            run_the_function(stack.environ)

    Several stacks may run at once. With `persistent_storage` the storage is on disk, so that
    `stack.azurite.stop()` and `.start()` lose nothing; with `storage_identity` it serves TLS and the
    settings name it by its endpoints, for the managed identity, instead of a connection string.

    The settings are those of a deployment but for these, each with the tests that cover the other way:

    - `INSTANCE_DISCOVERY=false`: MSAL would ask Microsoft about a login that it does not know. No deployment asks
      either, since the hosts of Microsoft's clouds are known (`tests/credentials/test_clouds.py`).
    - The vault is on this machine, where its challenge is not compared with its name; elsewhere it always is
      (`tests/adapters/test_trust.py`).
    - Tables at `https://localhost:…` would be taken for Cosmos DB by the SDK; everything here is at `127.0.0.1`, and
      the audience is given (`tests/adapters/test_storage_login.py`).
    - Without `storage_identity` the storage is plain http, with a connection string
      (`tests/adapters/test_storage_identity.py` has the identity, over TLS).
    """

    def __init__(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        *,
        attribute: str = SAMPLE_ATTRIBUTE,
        persistent_storage: bool = False,
        storage_identity: bool = False,
    ) -> None:
        """Prepare the stack around `users`, whose obligations are in `attribute`."""
        self._resources = contextlib.ExitStack()
        self._storage_identity = storage_identity
        self.directory = Path(
            self._resources.enter_context(
                tempfile.TemporaryDirectory(prefix="due-notices-", ignore_cleanup_errors=True)
            )
        )
        self.certificates = issue_certificates(self.directory)
        storage = self.directory / "storage"
        storage.mkdir()
        self.azurite = Azurite(
            storage,
            persistent=persistent_storage,
            certificates=self.certificates if storage_identity else None,
        )
        sockets = {
            name: self._resources.enter_context(bound_socket()) for name in ("identity", "vault", "entra", "graph")
        }
        urls = {name: url_of(listener) for name, listener in sockets.items()}
        self.tokens = tokens = TokenAuthority(new_guid())
        self.managed_identity = ManagedIdentity()
        self.operator = ManagedIdentity()
        self.identity = IdentityService(
            urls["identity"],
            tokens,
            [self.managed_identity, self.operator],
            authority_url=urls["entra"],
            graph_url=urls["graph"],
        )
        self.vault = VaultService(urls["vault"], tokens, urls["entra"])
        self.entra = EntraService(urls["entra"], tokens, graph_url=urls["graph"])
        self.graph = GraphService(urls["graph"], tokens, self.entra)
        self._server = Server(
            {
                sockets["identity"]: self.identity,
                sockets["vault"]: self.vault,
                sockets["entra"]: self.entra,
                sockets["graph"]: self.graph,
            },
            self.certificates,
        )
        self.app = AppRegistration()
        self.attribute = attribute
        self._furnish(users)

    def __enter__(self) -> Self:
        try:
            # Azurite takes longest: the rest starts while it does.
            self._resources.callback(self.azurite.stop)
            self.azurite.launch()
            self._resources.callback(self._server.stop)
            self._server.start()
            self._make_storage()
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings of the function app on this stack, and what its clients must trust."""
        return {
            "GRAPH_TENANT_ID": self.tokens.tenant_id,
            "GRAPH_CLIENT_ID": self.app.client_id,
            "KEY_VAULT_URL": self.vault.base_url,
            "KEY_VAULT_SECRET_NAME": SECRET_NAME,
            "DUE_DATE_ATTRIBUTE": self.attribute,
            "OPT_OUT_ATTRIBUTE": SAMPLE_OPT_OUT,
            "NOTICE_SCHEDULE": "0 0 * * * *",
            **self._storage_settings(),
            "NOTICE_QUEUE": QUEUE,
            "LEDGER_TABLE": TABLE,
            "GRAPH_ENDPOINT": self.graph.base_url,
            "AZURE_AUTHORITY_HOST": self.entra.base_url,
            "INSTANCE_DISCOVERY": "false",
            "IDENTITY_ENDPOINT": self.identity.endpoint,
            "IDENTITY_HEADER": self.identity.header,
            "AZURE_CLIENT_ID": self.managed_identity.client_id,
            "REQUESTS_CA_BUNDLE": str(self.certificates.authority),
            "SSL_CERT_FILE": str(self.certificates.authority),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def reset(self, users: Iterable[Mapping[str, Any]] = ()) -> None:
        """Put the emulated services back into their first state, with these users.

        Their URLs and ids stay, the client secret is new, and the storage is left as it is.
        """
        for service in (self.identity, self.vault, self.entra, self.graph):
            service.reset()
        self._furnish(users)

    def tell_time(self, clock: Callable[[], dt.datetime]) -> None:
        """Let the answers' Date headers have the time of `clock` until the next reset; tokens go by the real time."""
        for service in (self.identity, self.vault, self.entra, self.graph):
            service.clock = clock

    def secret_rotate(
        self, *, expires_on: dt.datetime | None = None, keep_old: bool = False, store: bool = True
    ) -> ClientSecret:
        """Give the app a new client secret, store it in the vault and, unless kept, revoke the old ones.

        It never expires unless `expires_on` is given. With `store=False` the vault keeps the old version: what it
        holds is then wrong.
        """
        secret = ClientSecret(expires_on=expires_on)
        old = self.entra.app(self.app.client_id).secrets if keep_old else ()
        self.entra.set_secrets(self.app.client_id, (*old, secret))
        if store:
            self.vault.set_secret(SECRET_NAME, SecretVersion(secret.value, expires_on=expires_on))
        return secret

    @property
    def operator_environ(self) -> dict[str, str]:
        """Return the settings with the login of an operator, who owns the app and may write to the vault.

        A managed identity takes the place of `az login`, which asks a real Entra.
        """
        return {
            **self.environ,
            "AZURE_CLIENT_ID": self.operator.client_id,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }

    def certificate_rotate(
        self, *, lasts: dt.timedelta = dt.timedelta(days=365), pem: bool = False, register: bool = True
    ) -> AppCertificate:
        """Give the app a new certificate instead of the old ones, and store it in the vault with its key.

        With `register=False` the app does not know it: what the vault holds is then wrong.
        """
        made = issue_app_certificate(lasts)
        if register:
            self.entra.change(self.app.client_id, certificates=(made.certificate,))
        self.vault.set_secret(SECRET_NAME, made.stored(pem=pem))
        return made

    def federate(self, **changes: str) -> FederatedCredential:
        """Let the app trust the managed identity, with no secret at all; `changes` make the trust a wrong one."""
        trust = {
            "issuer": f"{self.entra.base_url}/{self.tokens.tenant_id}/v2.0",
            "subject": self.managed_identity.principal_id,
        }
        credential = FederatedCredential(**{**trust, **changes})
        self.entra.change(self.app.client_id, federated=(credential,), secrets=())
        self.vault.reset()
        return credential

    def _furnish(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Set up what an administrator sets up in Azure: the app, its secret, its rights, the users."""
        self.entra.register(self.app)
        self.vault.readers.add(self.managed_identity.principal_id)
        self.vault.officers.add(self.operator.principal_id)
        self.graph.applications.owners.add(self.operator.principal_id)
        self.graph.writers.add(self.operator.principal_id)
        self.secret_rotate(expires_on=now() + SECRET_LASTS)
        for name in (self.attribute, SAMPLE_OPT_OUT):
            self.graph.directory.declare_extension(name, multi_valued=False)
        self.graph.users = users

    def _storage_settings(self) -> dict[str, str]:
        if not self._storage_identity:
            return {"NOTICE_STORAGE": self.azurite.connection_string}
        return {
            "NOTICE_STORAGE__queueServiceUri": self.azurite.url("queue"),
            "NOTICE_STORAGE__tableServiceUri": self.azurite.url("table"),
            "NOTICE_STORAGE__clientId": self.managed_identity.client_id,
        }

    def _make_storage(self) -> None:
        """Make the queues and the table, as the infrastructure does in Azure."""
        from azure.data.tables import TableServiceClient
        from azure.storage.queue import QueueServiceClient

        self.azurite.wait()
        options: dict[str, Any] = {
            "connection_verify": str(self.certificates.authority),
            "use_env_settings": False,
        }
        with QueueServiceClient.from_connection_string(self.azurite.connection_string, **options) as queues:
            queues.create_queue(QUEUE)
            queues.create_queue(POISON_QUEUE)
        with TableServiceClient.from_connection_string(self.azurite.connection_string, **options) as tables:
            tables.create_table(TABLE)
