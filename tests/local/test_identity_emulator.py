from __future__ import annotations

import datetime as dt
import time

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from local.stack import LocalStack

API = "api-version=2019-08-01"


def test_a_token_speaks_for_the_identity_to_the_resource(
    stack: LocalStack, credential: ManagedIdentityCredential
) -> None:
    token = credential.get_token("https://vault.azure.net/.default")

    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["aud"] == "https://vault.azure.net"
    assert claims["iss"] == f"https://sts.windows.net/{stack.tokens.tenant_id}/"
    assert claims["oid"] == claims["sub"] == stack.managed_identity.principal_id
    assert claims["appid"] == stack.managed_identity.client_id


def test_the_reply_gives_the_expiry_in_epoch_seconds_as_text(stack: LocalStack, http: requests.Session) -> None:
    stack.identity.token_lifetime = dt.timedelta(minutes=5)

    reply = http.get(
        f"{stack.identity.endpoint}?{API}&resource=https://vault.azure.net"
        f"&client_id={stack.managed_identity.client_id}",
        headers={"X-IDENTITY-HEADER": stack.identity.header},
        timeout=5,
    ).json()

    assert isinstance(reply["expires_on"], str)
    assert int(reply["expires_on"]) == pytest.approx(time.time() + 300, abs=5)
    assert reply["token_type"] == "Bearer"


@pytest.mark.parametrize("header", ["", "wrong", "wröng"])
def test_a_wrong_header_is_forbidden(stack: LocalStack, http: requests.Session, header: str) -> None:
    reply = http.get(
        f"{stack.identity.endpoint}?{API}&resource=https://vault.azure.net",
        headers={"X-IDENTITY-HEADER": header.encode("latin-1").decode("latin-1")} if header else {},
        timeout=5,
    )

    assert reply.status_code == 403
    assert reply.json()["statusCode"] == 403


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"{API}&resource=https://vault.azure.net&client_id=nobody", "No User Assigned or Delegated"),
        (f"{API}&resource=https://vault.azure.net", "No User Assigned or Delegated"),
        (f"{API}&resource=https://nowhere.example.com", "AADSTS500011"),
        (f"{API}", "AADSTS500011"),
        ("resource=https://vault.azure.net", "api-version"),
    ],
)
def test_a_request_without_an_answer_is_refused(
    stack: LocalStack, http: requests.Session, query: str, message: str
) -> None:
    reply = http.get(
        f"{stack.identity.endpoint}?{query}", headers={"X-IDENTITY-HEADER": stack.identity.header}, timeout=5
    )

    assert reply.status_code == 400
    assert message in reply.json()["message"]


@pytest.mark.usefixtures("stack")
def test_the_sdk_reports_an_unassigned_identity() -> None:
    with (
        ManagedIdentityCredential(client_id="11111111-1111-1111-1111-111111111111") as credential,
        pytest.raises(ClientAuthenticationError, match="No User Assigned or Delegated Managed Identity"),
    ):
        credential.get_token("https://vault.azure.net/.default")
