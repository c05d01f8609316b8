from __future__ import annotations

import datetime as dt

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from local.clock import now
from local.stack import SECRET_NAME, LocalStack
from local.tokens import TokenAuthority
from local.vault import SecretVersion

HOUR = dt.timedelta(hours=1)


def test_a_request_without_a_token_is_challenged(stack: LocalStack, http: requests.Session) -> None:
    reply = http.get(f"{stack.vault.base_url}/secrets/{SECRET_NAME}?api-version=7.4", timeout=5)

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == (
        f'Bearer authorization="{stack.entra.base_url}/{stack.tokens.tenant_id}", resource="https://vault.azure.net"'
    )
    assert reply.json()["error"]["code"] == "Unauthorized"


def test_the_sdk_answers_the_challenge_once_per_vault(stack: LocalStack, secrets: SecretClient) -> None:
    for _ in range(3):
        secrets.get_secret(SECRET_NAME)

    statuses = [request.status for request in stack.vault.requests]
    assert statuses in ([401, 200, 200, 200], [200, 200, 200])
    assert len(stack.identity.requests) == 1


def test_a_secret_comes_with_all_its_attributes(stack: LocalStack, secrets: SecretClient) -> None:
    start, end = (moment.replace(microsecond=0) for moment in (now() - HOUR, now() + HOUR))
    stored = stack.vault.set_secret(
        "other",
        SecretVersion("made up", not_before=start, expires_on=end, content_type="text/plain", tags={"owner": "tests"}),
    )

    found = secrets.get_secret("other")

    assert found.value == "made up"
    assert found.properties.version == stored.version
    assert found.properties.enabled
    assert found.properties.not_before == start
    assert found.properties.expires_on == end
    assert found.properties.created_on == stored.created_on.replace(microsecond=0)
    assert found.properties.content_type == "text/plain"
    assert found.properties.tags == {"owner": "tests"}
    assert found.properties.vault_url == stack.vault.base_url


def test_the_newest_version_is_current_and_older_ones_have_their_id(stack: LocalStack, secrets: SecretClient) -> None:
    first = stack.vault.set_secret("other", SecretVersion("first"))
    stack.vault.set_secret("other", SecretVersion("second"))

    assert secrets.get_secret("other").value == "second"
    assert secrets.get_secret("other", first.version).value == "first"


@pytest.mark.parametrize("lifetime", [{"expires_on": now() - HOUR}, {"not_before": now() + HOUR}])
def test_a_secret_out_of_its_lifetime_is_still_returned(
    stack: LocalStack, secrets: SecretClient, lifetime: dict[str, dt.datetime]
) -> None:
    stack.vault.update_secret(SECRET_NAME, **lifetime)

    assert secrets.get_secret(SECRET_NAME).value


def test_a_disabled_secret_is_forbidden(stack: LocalStack, secrets: SecretClient) -> None:
    stack.vault.update_secret(SECRET_NAME, enabled=False)

    with pytest.raises(HttpResponseError) as caught:
        secrets.get_secret(SECRET_NAME)

    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "Forbidden"
    assert caught.value.error.innererror == {"code": "SecretDisabled"}


def test_an_unknown_secret_is_not_found(stack: LocalStack, secrets: SecretClient) -> None:
    for name, version in (("unknown", None), (SECRET_NAME, "0" * 32)):
        with pytest.raises(ResourceNotFoundError, match="was not found in this key vault") as caught:
            secrets.get_secret(name, version)
        assert caught.value.error is not None
        assert caught.value.error.code == "SecretNotFound"

    stack.vault.delete_secret(SECRET_NAME)
    with pytest.raises(ResourceNotFoundError):
        secrets.get_secret(SECRET_NAME)


def test_a_caller_without_a_role_is_forbidden_and_named(stack: LocalStack, secrets: SecretClient) -> None:
    stack.vault.readers.clear()

    with pytest.raises(HttpResponseError) as caught:
        secrets.get_secret("unknown")

    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.innererror == {"code": "ForbiddenByRbac"}
    assert f"oid={stack.managed_identity.principal_id};" in str(caught.value)


@pytest.mark.parametrize(
    ("audience", "lifetime", "message"),
    [
        ("https://graph.microsoft.com", HOUR, "AKV10022: Invalid audience"),
        ("https://vault.azure.net/", HOUR, "AKV10022: Invalid audience"),
        ("https://vault.azure.net", -HOUR, "expired"),
    ],
)
def test_a_token_that_is_not_good_for_the_vault_is_unauthorized(
    stack: LocalStack, http: requests.Session, audience: str, lifetime: dt.timedelta, message: str
) -> None:
    identity = stack.managed_identity
    token = stack.tokens.issue(
        audience=audience, object_id=identity.principal_id, app_id=identity.client_id, lifetime=lifetime
    )

    reply = http.get(
        f"{stack.vault.base_url}/secrets/{SECRET_NAME}?api-version=7.4",
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )

    assert reply.status_code == 401
    assert message in reply.json()["error"]["message"]


def test_a_token_of_another_issuer_is_unauthorized(stack: LocalStack, http: requests.Session) -> None:
    identity = stack.managed_identity
    forger = TokenAuthority(stack.tokens.tenant_id)
    token = forger.issue(
        audience="https://vault.azure.net", object_id=identity.principal_id, app_id=identity.client_id, lifetime=HOUR
    )

    reply = http.get(
        f"{stack.vault.base_url}/secrets/{SECRET_NAME}?api-version=7.4",
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )

    assert reply.status_code == 401
    assert "signature" in reply.json()["error"]["message"]


def test_the_api_version_is_required(stack: LocalStack, http: requests.Session) -> None:
    identity = stack.managed_identity
    token = stack.tokens.issue(
        audience="https://vault.azure.net", object_id=identity.principal_id, app_id=identity.client_id, lifetime=HOUR
    )

    reply = http.get(
        f"{stack.vault.base_url}/secrets/{SECRET_NAME}", headers={"Authorization": f"Bearer {token}"}, timeout=5
    )

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "BadParameter"


def test_the_sdk_gives_up_when_the_identity_has_no_token(stack: LocalStack, secrets: SecretClient) -> None:
    stack.identity.identities = ()
    try:
        with pytest.raises(ClientAuthenticationError):
            secrets.get_secret(SECRET_NAME)
    finally:
        stack.identity.identities = (stack.managed_identity,)
