from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import msal
import pytest
import requests

from local.clock import now
from local.registrations import ClientSecret
from local.stack import LocalStack

GRAPH = ["https://graph.microsoft.com/.default"]
Daemon = Callable[..., msal.ConfidentialClientApplication]


def test_the_secret_buys_a_token_for_graph(stack: LocalStack, daemon: Daemon) -> None:
    secret = stack.secret_rotate()

    result = daemon(secret.value).acquire_token_for_client(GRAPH)

    claims = jwt.decode(result["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "https://graph.microsoft.com"
    assert claims["iss"] == f"https://sts.windows.net/{stack.tokens.tenant_id}/"
    assert claims["appid"] == stack.app.client_id
    assert claims["tid"] == stack.tokens.tenant_id
    assert claims["roles"] == ["User.Read.All"]
    assert result["expires_in"] == 3599


def test_the_emulated_graph_is_the_same_resource(stack: LocalStack, daemon: Daemon) -> None:
    secret = stack.secret_rotate()

    result = daemon(secret.value).acquire_token_for_client([f"{stack.graph.base_url}/.default"])

    assert jwt.decode(result["access_token"], options={"verify_signature": False})["aud"] == GRAPH[0][:-9]


def test_the_published_key_proves_the_signature(stack: LocalStack, http: requests.Session, daemon: Daemon) -> None:
    tenant = f"{stack.entra.base_url}/{stack.tokens.tenant_id}"
    configuration = http.get(f"{tenant}/v2.0/.well-known/openid-configuration", timeout=5).json()
    keys = jwt.PyJWKSet.from_dict(http.get(configuration["jwks_uri"], timeout=5).json())
    token = daemon(stack.secret_rotate().value).acquire_token_for_client(GRAPH)["access_token"]

    claims = jwt.decode(
        token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["RS256"], audience=GRAPH[0][:-9]
    )

    assert claims["sub"] == stack.app.object_id


def test_instance_discovery_names_the_emulator(stack: LocalStack, http: requests.Session) -> None:
    reply = http.get(f"{stack.entra.base_url}/common/discovery/instance?api-version=1.1", timeout=5).json()

    assert reply["tenant_discovery_endpoint"].startswith(f"{stack.entra.base_url}/{stack.tokens.tenant_id}/")
    assert reply["metadata"][0]["aliases"] == [stack.entra.base_url.removeprefix("https://")]


def test_a_tenant_is_known_by_its_domain_too(stack: LocalStack, daemon: Daemon) -> None:
    secret = stack.secret_rotate()

    assert "access_token" in daemon(secret.value, tenant="contoso.onmicrosoft.com").acquire_token_for_client(GRAPH)


def test_the_token_life_can_be_shortened(stack: LocalStack, daemon: Daemon) -> None:
    stack.entra.token_lifetime = dt.timedelta(seconds=400)

    result = daemon(stack.secret_rotate().value).acquire_token_for_client(GRAPH)

    assert result["expires_in"] == 400


@pytest.mark.parametrize(
    ("spoil", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": None}, 401, "invalid_client", 7000216),
        ({"client_id": str(uuid.UUID(int=1))}, 400, "unauthorized_client", 700016),
        ({"client_id": None}, 400, "invalid_request", 900144),
        ({"scope": "https://graph.microsoft.com/User.Read.All"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://graph.microsoft.com/.default openid"}, 400, "invalid_scope", 70011),
        ({"scope": "https://nowhere.example.com/.default"}, 400, "invalid_resource", 500011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_a_wrong_request_gets_the_error_of_the_service(
    stack: LocalStack,
    http: requests.Session,
    spoil: Mapping[str, str | None],
    status: int,
    error: str,
    code: int,
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": stack.app.client_id,
        "client_secret": stack.secret_rotate().value,
        "scope": GRAPH[0],
    }

    reply = http.post(
        f"{stack.entra.base_url}/{stack.tokens.tenant_id}/oauth2/v2.0/token", data={**form, **spoil}, timeout=5
    )

    body = reply.json()
    assert reply.status_code == status
    assert body["error"] == error
    assert body["error_codes"] == [code]
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert body["error_uri"].endswith(f"code={code}")
    assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()


def test_msal_returns_the_error_of_a_wrong_secret(daemon: Daemon) -> None:
    result = daemon("wrong").acquire_token_for_client(GRAPH)

    assert result["error"] == "invalid_client"
    assert result["error_codes"] == [7000215]


def test_an_expired_secret_is_distinguished_from_a_wrong_one(stack: LocalStack, daemon: Daemon) -> None:
    secret = stack.secret_rotate(expires_on=now() - dt.timedelta(days=1))

    assert daemon(secret.value).acquire_token_for_client(GRAPH)["error_codes"] == [7000222]


def test_an_unknown_tenant_has_no_configuration(daemon: Daemon) -> None:
    with pytest.raises(ValueError, match="authority configuration"):
        daemon("any", tenant=str(uuid.UUID(int=2)))


def test_two_secrets_are_good_while_both_are_registered(stack: LocalStack, daemon: Daemon) -> None:
    old = stack.secret_rotate()
    new = stack.secret_rotate(keep_old=True)
    further = stack.entra.add_secret(stack.app.client_id, ClientSecret())

    for secret in (old, new, further):
        assert "access_token" in daemon(secret.value).acquire_token_for_client(GRAPH)


def test_the_granted_roles_are_in_the_next_token(stack: LocalStack, daemon: Daemon) -> None:
    stack.entra.set_roles(stack.app.client_id, ())

    result: dict[str, Any] = daemon(stack.secret_rotate().value).acquire_token_for_client(GRAPH)

    assert "roles" not in jwt.decode(result["access_token"], options={"verify_signature": False})
