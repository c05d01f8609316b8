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
from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS
from urllib3 import HTTPResponse

from due_notices import bootstrap
from due_notices.clouds import (
    CLOUDS as TABLE,
)
from due_notices.clouds import (
    cloud_of_authority,
    cloud_of_vault,
    exchange_audience,
    name_of_vault,
    vault_resource,
)
from due_notices.credentials import AppCredential
from due_notices.errors import SettingsError
from due_notices.secret import Secret
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
    "France": (
        {
            "KEY_VAULT_URL": "https://v.vault.sovcloud-api.fr",
            "GRAPH_ENDPOINT": "https://graph.svc.sovcloud.fr",
            "AZURE_AUTHORITY_HOST": "login.sovcloud-identity.fr",
        },
        "https://login.sovcloud-identity.fr",
        "https://graph.svc.sovcloud.fr",
        "https://vault.sovcloud-api.fr",
        "api://AzureADTokenExchangeFrance",
    ),
    "Germany": (
        {
            "KEY_VAULT_URL": "https://v.vault.sovcloud-api.de",
            "GRAPH_ENDPOINT": "https://graph.svc.sovcloud.de",
            "AZURE_AUTHORITY_HOST": "login.sovcloud-identity.de",
        },
        "https://login.sovcloud-identity.de",
        "https://graph.svc.sovcloud.de",
        "https://vault.sovcloud-api.de",
        "api://AzureADTokenExchangeGermany",
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
        response.raw = HTTPResponse(io.BytesIO(json.dumps(body).encode()), preload_content=False)
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
            return (
                200,
                {"value": "made-up", "id": f"{url.partition('?')[0]}/1", "attributes": {"enabled": True}},
                {"x-ms-request-id": "1"},
            )
        return 200, {"value": []}, {"request-id": "1"}

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
    assert cloud_of_vault(changes["KEY_VAULT_URL"]) == cloud_of_authority(authority)
    assert name_of_vault(changes["KEY_VAULT_URL"]) == "v"


@pytest.mark.parametrize(
    "url", ["https://vault.azure.net.evil.example", "https://127.0.0.1:1", "https://evilvault.azure.net"]
)
def test_a_host_that_only_looks_like_a_vault_is_none(url: str) -> None:
    assert cloud_of_vault(url) is None


def test_every_host_that_msal_knows_is_of_one_cloud() -> None:
    hosts = [host for cloud in TABLE for host in cloud.authorities]

    assert set(hosts) == WELL_KNOWN_AUTHORITY_HOSTS
    assert len(set(hosts)) == len(hosts)


@pytest.mark.parametrize("host", sorted(WELL_KNOWN_AUTHORITY_HOSTS))
def test_each_host_has_its_own_clouds_audience(host: str) -> None:
    other = {"us": "USGov", "cn": "China", "fr": "France", "sg": "GovSG"}
    ending = "Germany" if host == "login.sovcloud-identity.de" else other.get(host.rpartition(".")[2], "")
    ending = "USGov" if host == "login.usgovcloudapi.net" else ending

    assert exchange_audience(f"https://{host}") == f"api://AzureADTokenExchange{ending}"


def test_names_differ_from_cloud_to_cloud() -> None:
    for names in (
        [graph for cloud in TABLE for graph in cloud.graphs],
        [cloud.vault_domain for cloud in TABLE],
        [domain for cloud in TABLE for domain in cloud.initial_domains],
    ):
        assert len(set(names)) == len(names)


def test_a_login_and_a_graph_of_two_clouds_are_a_problem_before_any_call() -> None:
    with pytest.raises(
        SettingsError, match=r"GRAPH_ENDPOINT: .* US Government.*AZURE_AUTHORITY_HOST.* the public cloud"
    ):
        Settings.from_mapping({**BASE, **CLOUDS["public"][0], "GRAPH_ENDPOINT": "https://graph.microsoft.us"})


def test_a_vault_of_another_cloud_is_warned_of() -> None:
    changes = {**CLOUDS["US Government"][0], "KEY_VAULT_URL": "https://v.vault.azure.net"}

    warnings = Settings.from_mapping({**BASE, **changes, "NOTICE_SCHEDULE": "0 0 * * * *"}).warnings

    assert [warning.partition(":")[0] for warning in warnings] == ["KEY_VAULT_URL"]


# With production's own value of INSTANCE_DISCOVERY, which the local stack cannot have.


class Unreachable(Cloud):
    """A cloud whose login is well, but for the address that MSAL asks when it forgets tokens or was refused."""

    def __init__(self, authority: str, vault_resource: str) -> None:
        super().__init__(authority, vault_resource)
        self.refusals = 0

    def answer(self, url: str, headers: Mapping[str, str]) -> tuple[int, object, Mapping[str, str]]:
        if urlsplit(url).path == "/common/discovery/instance":
            raise requests.ConnectionError("not reachable")
        if urlsplit(url).path.endswith("/token") and self.refusals:
            self.refusals -= 1
            refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: …", "error_codes": [7000215]}
            return 401, refusal, {"x-ms-request-id": "1"}
        return super().answer(url, headers)


def test_a_new_token_needs_no_other_address_than_the_logins(monkeypatch: pytest.MonkeyPatch, cloud_case: Any) -> None:
    changes, authority, graph, resource, _ = cloud_case
    cloud = Unreachable(authority, resource)
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda _, request, **__: cloud.send(request))
    monkeypatch.setattr(bootstrap, "identity", lambda _: Login())
    settings = Settings.from_mapping({**BASE, **changes, "GRAPH_CREDENTIAL": "federated"})
    token = bootstrap.graph_token(settings, MovableClock())

    assert settings.instance_discovery
    assert token() == token(fresh=True) == "graph-token"
    assert graph not in cloud.hosts()


def test_a_rotated_secret_needs_no_other_address_than_the_logins(
    monkeypatch: pytest.MonkeyPatch, cloud_case: Any
) -> None:
    changes, authority, _, resource, _ = cloud_case
    cloud = Unreachable(authority, resource)
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda _, request, **__: cloud.send(request))
    settings = Settings.from_mapping({**BASE, **changes})
    read: list[str] = []

    def read_secret() -> AppCredential:
        read.append("")
        return AppCredential(Secret(f"made-up-{len(read)}"), "1", None)

    token = bootstrap.graph_token_by(settings, MovableClock(), read_secret)
    token()
    cloud.refusals = 1

    assert token(fresh=True) == "graph-token"
    assert len(read) == 2
    assert [body for _, url, _, body in cloud.asked if url.endswith("/token")][-1].count("made-up-2")


def test_a_forced_region_of_the_environment_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    changes, authority, graph, resource, _ = CLOUDS["public"]
    cloud, _ = connected(monkeypatch, authority, resource)
    settings = Settings.from_mapping({**BASE, **changes, "GRAPH_CREDENTIAL": "federated"})

    list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())

    assert cloud.hosts() == {authority, graph}
