"""Secret, certificate, federated: each verified for real by the local stack, each rotated without a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest

from due_notices.adapters.certificates import certificate_of
from due_notices.credentials import ExpiryLevel
from due_notices.errors import CredentialError
from due_notices.secret import Secret, StoredSecret
from local.app_certificates import issue_app_certificate
from local.assertions import AssertionChecks, thumbprint
from local.clock import now
from local.faults import Fault
from local.registrations import AppRegistration
from local.stack import SECRET_NAME, LocalStack
from local.vault import SecretVersion
from tests.credentials.conftest import MakeToken
from tests.fakes import MovableClock

CERTIFICATE = {"GRAPH_CREDENTIAL": "certificate"}
PRIVATE = "PRIVATE KEY-----"
FEDERATED = {"GRAPH_CREDENTIAL": "federated", "KEY_VAULT_URL": ""}


def token_requests(stack: LocalStack) -> int:
    return sum(request.path.endswith("/token") for request in stack.entra.requests)


def reads(stack: LocalStack) -> int:
    return sum(request.path.startswith("/secrets/") and request.status == 200 for request in stack.vault.requests)


def refused(call: Callable[[], str], *hints: str) -> None:
    with pytest.raises(CredentialError) as caught:
        call()
    for hint in hints:
        assert hint in str(caught.value)


# A certificate.


@pytest.mark.parametrize("pem", [False, True], ids=["PKCS#12", "PEM"])
def test_a_certificate_of_the_vault_buys_a_token(stack: LocalStack, make_token: MakeToken, *, pem: bool) -> None:
    stack.certificate_rotate(pem=pem)
    stack.entra.set_secrets(stack.app.client_id, ())

    assert make_token(**CERTIFICATE)()


def test_a_certificate_rotated_in_the_middle_needs_no_restart(stack: LocalStack, make_token: MakeToken) -> None:
    stack.certificate_rotate()
    token = make_token(**CERTIFICATE)
    token()

    stack.certificate_rotate(pem=True)

    assert token(fresh=True)
    assert reads(stack) == 2


def test_the_assertion_names_the_certificate_by_sha_256_and_carries_it(
    stack: LocalStack, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stack.certificate_rotate()
    seen: list[str] = []
    check = AssertionChecks._check_certificate

    def listen(self: AssertionChecks, app: AppRegistration, assertion: str, header: dict[str, object]) -> None:
        seen.append(assertion)
        check(self, app, assertion, header)

    monkeypatch.setattr(AssertionChecks, "_check_certificate", listen)

    make_token(**CERTIFICATE)()

    header = jwt.get_unverified_header(seen[0])
    assert header["alg"] == "PS256"
    assert header["x5t#S256"].rstrip("=") == thumbprint(made.certificate)
    assert "x5t" not in header
    assert len(header["x5c"]) == 1


def test_the_days_left_are_those_of_the_certificate(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock
) -> None:
    clock.move_to(now() + timedelta(days=100))
    stack.certificate_rotate(lasts=timedelta(days=110))
    token = make_token(**CERTIFICATE)
    token()

    assert token.credential_end is not None
    assert token.credential_end.days_left in {9, 10}
    assert token.credential_warning is not None
    assert token.credential_warning.level is ExpiryLevel.DAYS_14


@pytest.mark.parametrize(
    ("spoil", "hints"),
    [
        (lambda stack: stack.certificate_rotate(register=False), ("AADSTS700027", "not one of the app registration's")),
        (lambda stack: stack.certificate_rotate(lasts=timedelta(days=-1)), ("AADSTS700027", "expired")),
    ],
)
def test_a_certificate_that_does_not_serve(
    stack: LocalStack, make_token: MakeToken, spoil: Callable[[LocalStack], object], hints: tuple[str, ...]
) -> None:
    spoil(stack)

    refused(make_token(**CERTIFICATE), *hints, "az ad app credential reset", SECRET_NAME)


def test_a_certificate_without_its_chain_and_a_stranger_in_between_serve(
    stack: LocalStack, make_token: MakeToken
) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made, stranger = stack.certificate_rotate(), issue_app_certificate(timedelta(days=9))
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The stranger first: the own certificate is found by its key, not by its place.
    parts = [stranger.certificate.public_bytes(Encoding.PEM), made.certificate.public_bytes(Encoding.PEM), key]
    stack.vault.set_secret(SECRET_NAME, SecretVersion(b"".join(parts).decode()))

    assert make_token(**CERTIFICATE)()


def spoiled_values() -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    one, other = issue_app_certificate(timedelta(days=9)), issue_app_certificate(timedelta(days=9))
    key = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    elliptic = ec.generate_private_key(ec.SECP256R1())
    return {
        "empty": "",
        "a password": "no certificate at all",
        "base64 of nothing known": "AAAA",
        "cut off": one.stored().value[:500],
        "key alone": key,
        "certificate alone": one.certificate.public_bytes(Encoding.PEM).decode(),
        "another's certificate": key + other.certificate.public_bytes(Encoding.PEM).decode(),
        "elliptic": elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        + one.certificate.public_bytes(Encoding.PEM).decode(),
        "damaged key": "\n".join(("-----BEGIN " + PRIVATE, "AAAA", "-----END " + PRIVATE, "")),
    }


@pytest.mark.parametrize("kind", list(spoiled_values()))
def test_what_is_no_certificate_is_said_to_be_none(stack: LocalStack, make_token: MakeToken, kind: str) -> None:
    value = spoiled_values()[kind]
    stack.vault.set_secret(SECRET_NAME, SecretVersion(value))

    with pytest.raises(CredentialError) as caught:
        make_token(**CERTIFICATE)()

    assert "not a certificate with its private key" in str(caught.value)
    assert caught.value.__cause__ is None  # the library's words may quote what it could not read
    assert not value or value not in str(caught.value)


# No secret at all.


def test_the_managed_identity_itself_buys_a_token(stack: LocalStack, make_token: MakeToken) -> None:
    stack.federate()

    token = make_token(**FEDERATED)

    assert token()
    assert token.credential_end is None
    assert token.credential_warning is None
    assert not stack.vault.requests


def test_an_assertion_is_asked_for_only_when_a_token_is(stack: LocalStack, make_token: MakeToken) -> None:
    stack.federate()
    token = make_token(**FEDERATED)

    tokens = {token() for _ in range(50)}

    assert len(tokens) == 1
    assert len(stack.identity.requests) == 1
    assert stack.identity.requests[0].query["resource"] == "api://AzureADTokenExchange"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"issuer": "https://elsewhere.example/v2.0"}, "AADSTS700211"),
        ({"subject": "00000000-0000-0000-0000-000000000000"}, "AADSTS700213"),
        ({"audience": "api://AzureADTokenExchangeChina"}, "AADSTS700212"),
    ],
)
def test_a_trust_that_does_not_fit_is_refused(
    stack: LocalStack, make_token: MakeToken, wrong: dict[str, str], code: str
) -> None:
    stack.federate(**wrong)

    refused(make_token(**FEDERATED), code, "az ad app federated-credential list --id", stack.app.client_id)


def test_a_trust_that_is_corrected_after_a_refusal_serves_at_once(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token(**FEDERATED)
    refused(token, "AADSTS700211")

    stack.federate()

    assert token()


def test_an_expired_assertion_is_refused(stack: LocalStack, make_token: MakeToken) -> None:
    stack.federate()
    stack.identity.token_lifetime = timedelta(seconds=-60)

    refused(make_token(**FEDERATED), "AADSTS700024", "clock")


def test_an_identity_that_is_not_there_is_named(stack: LocalStack, make_token: MakeToken) -> None:
    stack.federate()

    refused(
        make_token(**FEDERATED, AZURE_CLIENT_ID="00000000-0000-0000-0000-000000000001"),
        "api://AzureADTokenExchange",
        "identity endpoint",
        "az functionapp identity assign",
    )


# What fails while a token is good.


def test_a_vault_outage_does_not_stop_who_has_a_token(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    first = token()
    stack.vault.faults.add(Fault(status=503, headers={"Retry-After": "0"}))

    assert {token() for _ in range(20)} == {first}
    assert reads(stack) == 1


def test_the_vault_is_not_asked_before_a_token_is_needed(stack: LocalStack, make_token: MakeToken) -> None:
    make_token()

    assert not stack.vault.requests


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_outage_of_entra_does_not_stop_an_aging_token(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock, status: int
) -> None:
    stack.entra.token_lifetime = timedelta(seconds=240)  # MSAL takes less than five minutes for nothing
    token = make_token()
    first = token()
    stack.entra.faults.add(Fault(status=status, path="/token"))

    assert token() == first
    clock.move(seconds=170)
    assert token() == first
    clock.move(seconds=20)  # less than a minute is left
    refused(token, "Entra")


def test_after_a_failure_entra_is_left_alone_for_a_minute(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock
) -> None:
    stack.entra.token_lifetime = timedelta(seconds=299)
    token = make_token()
    first = token()
    stack.entra.faults.add(Fault(status=401, path="/token"))
    before = token_requests(stack)

    assert {token() for _ in range(10)} == {first}
    assert token_requests(stack) - before <= 2
    clock.move(seconds=61)
    asked = token_requests(stack)
    assert token() == first
    assert token_requests(stack) > asked


def test_a_rotation_during_a_vault_outage_does_not_stop_an_aging_token(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock
) -> None:
    stack.entra.token_lifetime = timedelta(seconds=240)
    token = make_token()
    first = token()
    stack.secret_rotate()
    stack.vault.faults.add(Fault(status=503, headers={"Retry-After": "0"}))

    assert token() == first
    stack.vault.faults.clear()
    clock.move(seconds=61)
    assert token() != first


def test_a_token_that_graph_refused_is_not_kept(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    token()
    stack.entra.faults.add(Fault(status=503, path="/token"))

    refused(lambda: token(fresh=True), "Entra")


# A warning must not outlive the rotation that it asked for.


def test_a_newer_secret_is_looked_for_while_the_end_is_near(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock
) -> None:
    stack.vault.update_secret(SECRET_NAME, expires_on=clock.now() + timedelta(days=5))
    token = make_token()
    token()
    stack.secret_rotate(keep_old=True)
    stack.vault.update_secret(SECRET_NAME, expires_on=clock.now() + timedelta(days=200))

    token()
    before = token.credential_warning
    clock.move(hours=1)
    token()

    assert before is not None
    assert token.credential_warning is None
    assert reads(stack) == 2


def test_a_good_secret_is_not_looked_for_again(stack: LocalStack, make_token: MakeToken, clock: MovableClock) -> None:
    stack.vault.update_secret(SECRET_NAME, expires_on=clock.now() + timedelta(days=90))
    token = make_token()
    token()

    clock.move(hours=20)
    token()

    assert reads(stack) == 1


def test_looking_for_a_newer_secret_may_fail(stack: LocalStack, make_token: MakeToken, clock: MovableClock) -> None:
    stack.vault.update_secret(SECRET_NAME, expires_on=clock.now() + timedelta(days=5))
    token = make_token()
    first = token()
    stack.vault.faults.add(Fault(status=503, headers={"Retry-After": "0"}))

    clock.move(hours=1)

    assert token() == first
    asked = len(stack.vault.requests)
    assert token() == first
    assert len(stack.vault.requests) == asked  # not at every page


def test_the_chain_is_handed_over_from_the_own_certificate_upwards() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    made, stranger = issue_app_certificate(timedelta(days=9)), issue_app_certificate(timedelta(days=9))
    stored = made.stored(pem=True).value
    mixed = stranger.authority.public_bytes(Encoding.PEM).decode() + stored

    for text in (stored, mixed, made.stored().value):
        found = certificate_of(StoredSecret(Secret(text), "1", None, None), "name")
        assert found.chain.encode() == b"".join(
            each.public_bytes(Encoding.PEM) for each in (made.certificate, made.authority)
        )
        assert found.expires_on == made.certificate.not_valid_after_utc
