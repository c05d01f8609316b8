"""Sovereign clouds: the addresses that would be called, for one changed setting each."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.core.credentials import AccessToken

from due_notices import bootstrap
from due_notices.credentials import exchange_audience, is_azure_vault, name_of_vault, vault_resource
from due_notices.settings import Settings
from tests.fakes import MovableClock

TENANT = "11111111-2222-3333-4444-555555555555"
BASE = {
    "GRAPH_TENANT_ID": TENANT,
    "GRAPH_CLIENT_ID": "99999999-2222-3333-4444-555555555555",
    "DUE_DATE_ATTRIBUTE": f"extension_{'a' * 32}_due",
    "NOTICE_STORAGE": "UseDevelopmentStorage=true",
}
CLOUDS = {
    "public": (
        {"KEY_VAULT_URL": "https://v.vault.azure.net"},
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
        "https://vault.azure.net",
        "api://AzureADTokenExchange",
    ),
    "US Government": (
        {
            "KEY_VAULT_URL": "https://v.vault.usgovcloudapi.net",
            "GRAPH_ENDPOINT": "https://graph.microsoft.us",
            "AZURE_AUTHORITY_HOST": "login.microsoftonline.us",
        },
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://vault.usgovcloudapi.net",
        "api://AzureADTokenExchangeUSGov",
    ),
    "China": (
        {
            "KEY_VAULT_URL": "https://v.vault.azure.cn",
            "GRAPH_ENDPOINT": "https://microsoftgraph.chinacloudapi.cn",
            "AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/",
        },
        "https://login.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://vault.azure.cn",
        "api://AzureADTokenExchangeChina",
    ),
}


class Cloud:
    """Answers for a whole cloud in the place of the network, and writes down what was asked."""

    def __init__(self, authority: str, vault_resource: str) -> None:
        self.authority = authority
        self.vault_resource = vault_resource
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        url = str(request.url)
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        self.asked.append((str(request.method), url, headers, request.body))
        status, body, extra = self.answer(url, headers)
        response = requests.Response()
        response.status_code, response.url, response.request = status, url, request
        response.raw = io.BytesIO(json.dumps(body).encode())
        response.headers.update({"Content-Type": "application/json", **extra})
        return response

    def answer(self, url: str, headers: Mapping[str, str]) -> tuple[int, object, Mapping[str, str]]:
        tenant = f"{self.authority}/{TENANT}"
        path = urlsplit(url).path
        if path.endswith("/openid-configuration"):
            endpoints = {
                "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                "issuer": f"{tenant}/v2.0",
            }
            return 200, endpoints, {}
        if path.endswith("/oauth2/v2.0/token"):
            return 200, {"access_token": "graph-token", "token_type": "Bearer", "expires_in": 3599}, {}
        if path.startswith("/secrets/"):
            if "authorization" not in headers:
                challenge = f'Bearer authorization="{tenant}", resource="{self.vault_resource}"'
                return 401, {}, {"WWW-Authenticate": challenge}
            return 200, {"value": "made-up", "id": f"{url.partition('?')[0]}/1", "attributes": {"enabled": True}}, {}
        return 200, {"value": []}, {}

    def hosts(self) -> set[str]:
        return {f"https://{urlsplit(url).hostname}" for _, url, _, _ in self.asked}

    def form(self) -> dict[str, list[str]]:
        """Return the fields of the token request."""
        body = next(body for method, url, _, body in self.asked if method == "POST" and url.endswith("/token"))
        return parse_qs(body if isinstance(body, str) else body.decode())


class Login:
    """An identity that gives a token for anything."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        del options
        self.scopes += scopes
        return AccessToken("identity-token", int(time.time()) + 3600)


@pytest.fixture(params=list(CLOUDS))
def cloud_case(request: pytest.FixtureRequest) -> Any:
    return CLOUDS[request.param]


def connected(monkeypatch: pytest.MonkeyPatch, authority: str, resource: str) -> tuple[Cloud, Login]:
    cloud, login = Cloud(authority, resource), Login()
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda _, request, **__: cloud.send(request))
    monkeypatch.setattr(bootstrap, "identity", lambda _: login)
    return cloud, login


def test_federated_calls_the_clouds_entra_and_graph_alone(monkeypatch: pytest.MonkeyPatch, cloud_case: Any) -> None:
    changes, authority, graph, resource, audience = cloud_case
    cloud, login = connected(monkeypatch, authority, resource)
    settings = Settings.from_mapping({**BASE, **changes, "GRAPH_CREDENTIAL": "federated"})

    list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())

    assert cloud.hosts() == {authority, graph}
    assert login.scopes == [f"{audience}/.default"]
    assert cloud.form()["scope"] == [f"{graph}/.default"]
    assert cloud.form()["client_assertion"] == ["identity-token"]


def test_the_graph_token_goes_to_graph_and_the_secret_to_entra_alone(
    monkeypatch: pytest.MonkeyPatch, cloud_case: Any
) -> None:
    changes, authority, graph, resource, _ = cloud_case
    cloud, _ = connected(monkeypatch, authority, resource)
    settings = Settings.from_mapping({**BASE, **changes})
    from due_notices.credentials import AppCredential
    from due_notices.secret import Secret

    monkeypatch.setattr(
        bootstrap, "credential_reader", lambda *_: lambda: AppCredential(Secret("made-up-secret"), "1", None)
    )

    list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())

    with_token = {urlsplit(url).hostname for _, url, headers, _ in cloud.asked if "graph-token" in str(headers)}
    with_secret = {urlsplit(url).hostname for _, url, _, body in cloud.asked if "made-up-secret" in str(body)}
    assert with_token == {urlsplit(graph).hostname}
    assert with_secret == {urlsplit(authority).hostname}
    assert not any("made-up-secret" in url or "graph-token" in url for _, url, _, _ in cloud.asked)


def test_the_vaults_own_resource(cloud_case: Any) -> None:
    changes, authority, _, resource, audience = cloud_case

    assert vault_resource(changes["KEY_VAULT_URL"]) == resource
    assert exchange_audience(authority) == audience
    assert is_azure_vault(changes["KEY_VAULT_URL"])
    assert name_of_vault(changes["KEY_VAULT_URL"]) == "v"


@pytest.mark.parametrize(
    "url", ["https://vault.azure.net.evil.example", "https://127.0.0.1:1", "https://evilvault.azure.net"]
)
def test_a_host_that_only_looks_like_a_vault_is_none(url: str) -> None:
    assert not is_azure_vault(url)
