"""What the local stack refuses, asked without MSAL: assertions that no honest client makes, writes without a right."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local.app_certificates import AppCertificate, issue_app_certificate
from local.assertions import thumbprint
from local.stack import SECRET_NAME, LocalStack

Post = Callable[[str], requests.Response]


@pytest.fixture
def post(stack: LocalStack) -> Post:
    """Return a function that asks for a token with an assertion."""

    def ask(assertion: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": stack.app.client_id,
            "scope": "https://graph.microsoft.com/.default",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return requests.post(f"{stack.entra.base_url}/{stack.tokens.tenant_id}/oauth2/v2.0/token", form, timeout=10)

    return ask


def claims(stack: LocalStack, **changes: Any) -> dict[str, Any]:
    return {
        "aud": f"{stack.entra.base_url}/{stack.tokens.tenant_id}/oauth2/v2.0/token",
        "iss": stack.app.client_id,
        "sub": stack.app.client_id,
        "jti": str(uuid.uuid4()),
        "exp": int(time.time()) + 600,
        **changes,
    }


def signed(made: AppCertificate, body: dict[str, Any], *, algorithm: str = "PS256", **header: Any) -> str:
    headers = {"x5t#S256": thumbprint(made.certificate), **header}
    return jwt.encode(body, made.key, algorithm=algorithm, headers=headers)


def code(response: requests.Response) -> int:
    assert response.status_code == 401
    (found,) = response.json()["error_codes"]
    return int(found)


def test_an_honest_assertion_is_taken(stack: LocalStack, post: Post) -> None:
    made = stack.certificate_rotate()

    assert post(signed(made, claims(stack))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": int(time.time()) - 60}, 700024),
        ({"aud": "https://elsewhere.example/token"}, 700027),
        ({"sub": "somebody-else"}, 700027),
        ({"jti": None}, 700027),
        ({"exp": None}, 700027),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    stack: LocalStack, post: Post, changes: dict[str, Any], expected: int
) -> None:
    made = stack.certificate_rotate()
    body = {name: value for name, value in claims(stack, **changes).items() if value is not None}

    assert code(post(signed(made, body))) == expected


def test_an_assertion_signed_by_another_key_is_refused(stack: LocalStack, post: Post) -> None:
    made = stack.certificate_rotate()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert code(post(signed(AppCertificate(made.certificate, other, made.authority), claims(stack)))) == 700027


def test_another_algorithm_is_refused(stack: LocalStack, post: Post) -> None:
    made = stack.certificate_rotate()

    assert code(post(signed(made, claims(stack), algorithm="RS256"))) == 700027


def test_a_chain_that_is_not_the_named_certificates_is_refused(stack: LocalStack, post: Post) -> None:
    made, stranger = stack.certificate_rotate(), issue_app_certificate(timedelta(days=1))
    chain = [base64.b64encode(stranger.certificate.public_bytes(Encoding.DER)).decode()]

    assert code(post(signed(made, claims(stack), x5c=chain))) == 700027


@pytest.mark.parametrize("assertion", ["", "x.y.z", "no token"])
def test_what_is_no_token_is_refused(post: Post, assertion: str) -> None:
    assert code(post(assertion)) in {50027, 7000216}


def test_a_federated_assertion_of_another_authority_is_refused(stack: LocalStack, post: Post) -> None:
    trust = stack.federate()
    forged = jwt.encode(
        {"iss": trust.issuer, "sub": trust.subject, "aud": trust.audience, "exp": int(time.time()) + 600},
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        algorithm="RS256",
    )

    assert code(post(forged)) == 50013


def test_an_ordinary_token_of_the_identity_is_no_assertion(stack: LocalStack, post: Post) -> None:
    stack.federate()
    query = {"api-version": "2019-08-01", "resource": "https://vault.azure.net"}
    header = {"X-IDENTITY-HEADER": stack.identity.header}
    token = requests.get(stack.identity.endpoint, query, headers=header, timeout=10)
    assert token.status_code == 400  # which identity, it did not say

    query["client_id"] = stack.managed_identity.client_id
    token = requests.get(stack.identity.endpoint, query, headers=header, timeout=10)

    assert code(post(token.json()["access_token"])) == 700211


def test_who_may_read_the_vault_may_not_write(stack: LocalStack) -> None:
    from azure.core.exceptions import HttpResponseError
    from azure.identity import ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient

    credential = ManagedIdentityCredential(client_id=stack.managed_identity.client_id)
    client = SecretClient(stack.vault.base_url, credential, verify_challenge_resource=False, retry_total=0)

    with pytest.raises(HttpResponseError) as write:
        client.set_secret(SECRET_NAME, "mine")
    with pytest.raises(HttpResponseError) as listing:
        list(client.list_properties_of_secret_versions(SECRET_NAME))

    assert write.value.status_code == listing.value.status_code == 403
    assert len(stack.vault.versions(SECRET_NAME)) == 1
