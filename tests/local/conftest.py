"""One stack for all of these tests, returned to its first state before each, and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msal
import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from local.stack import LocalStack

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="session")
def running_stack() -> Iterator[LocalStack]:
    with LocalStack() as stack:
        yield stack


@pytest.fixture
def use_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[LocalStack], None]:
    """Return a function that sets a stack's variables, in particular whom to trust, and no proxy."""

    def use(stack: LocalStack) -> None:
        for name, value in stack.environ.items():
            monkeypatch.setenv(name, value)
        for name in PROXY_VARIABLES:
            monkeypatch.delenv(name, raising=False)

    return use


@pytest.fixture
def stack(running_stack: LocalStack, use_environment: Callable[[LocalStack], None]) -> LocalStack:
    running_stack.reset()
    use_environment(running_stack)
    return running_stack


@pytest.fixture
def credential(stack: LocalStack) -> Iterator[ManagedIdentityCredential]:
    with ManagedIdentityCredential(client_id=stack.managed_identity.client_id) as credential:
        yield credential


@pytest.fixture
def secrets(stack: LocalStack, credential: ManagedIdentityCredential) -> Iterator[SecretClient]:
    with SecretClient(stack.vault.base_url, credential, verify_challenge_resource=False, retry_total=0) as client:
        yield client


@pytest.fixture
def http(stack: LocalStack) -> Iterator[requests.Session]:
    del stack
    with requests.Session() as session:
        yield session


@pytest.fixture
def daemon(stack: LocalStack) -> Callable[..., msal.ConfidentialClientApplication]:
    """Return a function that makes the daemon app's MSAL client."""

    def make(
        secret: str, *, client_id: str | None = None, tenant: str | None = None
    ) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            client_id or stack.app.client_id,
            client_credential=secret,
            authority=f"{stack.entra.base_url}/{tenant or stack.tokens.tenant_id}",
            instance_discovery=False,
        )

    return make


@pytest.fixture
def graph_token(stack: LocalStack) -> Callable[..., str]:
    """Return a function that makes a token good for Graph, but for what its arguments change."""

    def make(**changes: Any) -> str:
        app = stack.entra.app(stack.app.client_id)
        claims: dict[str, Any] = {
            "audience": "https://graph.microsoft.com",
            "object_id": app.object_id,
            "app_id": app.client_id,
            "lifetime": stack.entra.token_lifetime,
            "roles": app.roles,
        }
        return stack.tokens.issue(**{**claims, **changes})

    return make


@pytest.fixture
def graph_get(
    stack: LocalStack, http: requests.Session, graph_token: Callable[..., str]
) -> Callable[..., requests.Response]:
    """Return a function that gets a path or URL of Graph, with a good token unless another is given."""
    good = graph_token()

    def get(
        path: str, *, headers: Mapping[str, str] | None = None, token: str | None = None, timeout: float = 10
    ) -> requests.Response:
        url = path if path.startswith("https:") else f"{stack.graph.base_url}{path}"
        authorization = {"Authorization": f"Bearer {token or good}"}
        return http.get(url, headers={**authorization, **(headers or {})}, timeout=timeout)

    return get


@pytest.fixture
def people() -> Callable[..., list[dict[str, Any]]]:
    """Return a function that makes users named by their number, with properties in common."""

    def make(count: int, **properties: Any) -> list[dict[str, Any]]:
        return [
            {"id": f"{number:04d}", "displayName": f"Person {number}", "accountEnabled": True, **properties}
            for number in range(count)
        ]

    return make
