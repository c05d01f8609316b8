"""The way to a token: managed identity, vault, client secret, Entra. What fails says why, and what to do."""

from __future__ import annotations

import contextlib
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msal
import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.adapters.key_vault import KeyVault
from due_notices.adapters.msal import GraphToken
from due_notices.credentials import AppCredential, CredentialEnd, CredentialKind
from due_notices.errors import CredentialError
from due_notices.secret import Secret
from due_notices.settings import Settings
from local.clock import now
from local.faults import Fault
from local.registrations import EntraError
from local.stack import SECRET_NAME, LocalStack
from local.tokens import new_guid
from local.vault import SecretVersion
from tests.adapters.conftest import MakeToken
from tests.fakes import START, MovableClock

pytestmark = pytest.mark.usefixtures("sdk_waits")


def counts(stack: LocalStack) -> tuple[int, int]:
    """Return how many tokens and secrets were asked for."""
    secrets = sum(request.path.startswith("/secrets/") and request.status == 200 for request in stack.vault.requests)
    return sum(request.path.endswith("/token") for request in stack.entra.requests), secrets


def failure(stack: LocalStack, token: Callable[[], str], *hints: str) -> CredentialError:
    """Return the error after looking for the hints, and for what must never be in it."""
    with pytest.raises(CredentialError) as caught:
        token()
    text = str(caught.value)
    for hint in hints:
        assert hint in text
    everything = "".join(traceback.format_exception(caught.value))
    for version in stack.vault.versions(SECRET_NAME):
        assert version.value not in everything
    assert "eyJ" not in everything
    assert stack.identity.header not in everything
    assert "\n" not in text
    return caught.value


def test_msal_is_asked_once_a_minute_however_many_pages_there_are(
    make_token: MakeToken, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, asked = make_token(), list[str]()
    acquire = GraphToken._acquire

    def counted(self: GraphToken, app: msal.ConfidentialClientApplication) -> Mapping[str, Any]:
        asked.append("once")
        return acquire(self, app)

    monkeypatch.setattr(GraphToken, "_acquire", counted)
    tokens = {token() for _ in range(3)}
    assert (len(tokens), len(asked)) == (1, 1)

    clock.move(seconds=61)
    assert {token()} == tokens
    assert len(asked) == 2
    assert token(fresh=True) not in tokens
    assert len(asked) == 3


def test_one_token_request_and_one_secret_serve_many_calls(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()

    tokens = {token() for _ in range(200)}

    assert len(tokens) == 1
    assert counts(stack) == (1, 1)


def test_nothing_is_sent_before_the_first_call(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()

    assert token.credential_end is None
    assert not [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests]


def test_many_threads_with_a_cold_cache_send_one_token_request(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    together = threading.Barrier(8)

    def call(_: int) -> str:
        together.wait()
        return token()

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(call, range(8)))

    assert len(tokens) == 1
    assert counts(stack) == (1, 1)


def test_a_fresh_token_is_another_one(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    first = token()

    second = token(fresh=True)

    assert second != first
    assert token() == second
    assert counts(stack) == (2, 1)


def test_the_first_call_may_ask_for_a_fresh_one(stack: LocalStack, make_token: MakeToken) -> None:
    assert make_token()(fresh=True)
    assert counts(stack) == (1, 1)


def test_a_secret_rotated_in_the_middle_needs_no_restart(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    token()

    stack.secret_rotate()

    assert token(fresh=True)
    assert counts(stack)[1] == 2


def test_a_secret_that_expired_in_the_middle_is_read_again(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    token()
    app = stack.entra.app(stack.app.client_id)
    (old,) = app.secrets
    stack.secret_rotate()
    stack.entra.add_secret(stack.app.client_id, replace(old, expires_on=now() - timedelta(days=1)))

    assert token(fresh=True)


def test_a_wrong_secret_heals_at_the_next_call_after_the_vault_was_corrected(
    stack: LocalStack, make_token: MakeToken
) -> None:
    stack.secret_rotate(store=False)
    token = make_token()
    failure(stack, token, "AADSTS7000215")

    stack.secret_rotate()

    assert token()


def test_a_wrong_secret_is_named_with_its_remedy(stack: LocalStack, make_token: MakeToken) -> None:
    stack.secret_rotate(store=False)

    failure(stack, make_token(), "AADSTS7000215", "not one of the app registration's", "store a new one", "correlation")

    assert counts(stack) == (1, 1)


def test_a_wrong_secret_is_read_again_once_only(stack: LocalStack, make_token: MakeToken) -> None:
    token = make_token()
    token()
    stack.secret_rotate(store=False)

    failure(stack, lambda: token(fresh=True), "AADSTS7000215")

    assert counts(stack) == (3, 2)


def test_an_expired_secret_is_named_with_its_remedy(stack: LocalStack, make_token: MakeToken) -> None:
    stack.secret_rotate(expires_on=now() - timedelta(days=1))

    failure(stack, make_token(), "AADSTS7000222", "has expired", "make a new one and store it")


def test_an_unknown_app_is_named_with_the_settings(stack: LocalStack, make_token: MakeToken) -> None:
    unknown = new_guid()

    failure(stack, make_token(GRAPH_CLIENT_ID=unknown), "AADSTS700016", unknown, "GRAPH_CLIENT_ID", "GRAPH_TENANT_ID")


def test_an_unknown_tenant_is_named_with_the_settings(stack: LocalStack, make_token: MakeToken) -> None:
    unknown = new_guid()

    failure(stack, make_token(GRAPH_TENANT_ID=unknown), unknown, "GRAPH_TENANT_ID", "AZURE_AUTHORITY_HOST")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503),
        Fault(status=429, headers={"Retry-After": "3600"}),
        Fault(status=429, body=b"<html>Too many requests</html>"),
        Fault(status=200, body=b"<html>Sign in to the hotel's network</html>"),
        Fault(status=200, body=b"[]"),
        Fault(status=200, body=b"{}"),
    ],
    ids=lambda fault: f"{fault.status} {fault.body!r}",
)
@pytest.mark.parametrize("path", ["/token", "/.well-known/"])
def test_an_entra_that_fails_is_named_by_its_address(
    stack: LocalStack, make_token: MakeToken, fault: Fault, path: str
) -> None:
    stack.entra.faults.add(replace(fault, path=path))

    failure(stack, make_token(), stack.entra.base_url)


def test_an_entra_that_failed_at_first_serves_the_next_call(stack: LocalStack, make_token: MakeToken) -> None:
    stack.entra.faults.add(Fault(status=503, path="/.well-known/", times=1))
    token = make_token()
    failure(stack, token)

    assert token()


def test_an_entra_that_does_not_answer_is_named_with_its_setting(stack: LocalStack, make_token: MakeToken) -> None:
    failure(
        stack, make_token(AZURE_AUTHORITY_HOST="https://127.0.0.1:1"), "https://127.0.0.1:1", "AZURE_AUTHORITY_HOST"
    )


# The vault.


def test_a_vault_that_refuses_the_identity_is_named_with_the_role(stack: LocalStack, make_token: MakeToken) -> None:
    stack.vault.readers.clear()

    failure(stack, make_token(), stack.vault.base_url, "ForbiddenByRbac", "Key Vault Secrets User", SECRET_NAME)


def test_a_secret_that_is_not_there_is_named_with_its_setting(stack: LocalStack, make_token: MakeToken) -> None:
    failure(
        stack,
        make_token(KEY_VAULT_SECRET_NAME="another"),
        stack.vault.base_url,
        "SecretNotFound",
        "'another'",
        "KEY_VAULT_SECRET_NAME",
    )


def test_a_disabled_secret_is_named_with_its_remedy(stack: LocalStack, make_token: MakeToken) -> None:
    stack.vault.update_secret(SECRET_NAME, enabled=False)

    failure(stack, make_token(), "SecretDisabled", "enable the secret")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "2"}, {"Retry-After": "3600"}])
def test_a_vault_that_goes_on_failing_is_given_up_soon(
    stack: LocalStack, make_token: MakeToken, sdk_waits: list[float], status: int, headers: dict[str, str]
) -> None:
    stack.vault.faults.add(Fault(status=status, headers=headers))

    failure(stack, make_token(), stack.vault.base_url, f"answered {status}", "try again")

    assert sum(sdk_waits) < 30
    assert len(stack.vault.requests) <= 3


def test_a_vault_that_fails_once_is_asked_again(stack: LocalStack, make_token: MakeToken) -> None:
    stack.vault.faults.add(Fault(status=503, headers={"Retry-After": "0"}, on_request=2))

    assert make_token()()


def test_a_vault_that_answers_nonsense_is_named_by_its_address(stack: LocalStack, make_token: MakeToken) -> None:
    stack.vault.faults.add(Fault(status=200, body=b"<html>", headers={"Content-Type": "application/json"}))

    failure(stack, make_token(), stack.vault.base_url)


def test_a_vault_that_does_not_answer_is_named_with_its_setting(stack: LocalStack, make_token: MakeToken) -> None:
    failure(stack, make_token(KEY_VAULT_URL="https://127.0.0.1:1"), "https://127.0.0.1:1", "KEY_VAULT_URL", "firewall")


# The managed identity.


def test_a_machine_without_a_managed_identity_is_an_error_with_the_remedy(
    stack: LocalStack, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch, refused_addresses: list[str]
) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    monkeypatch.delenv("IDENTITY_HEADER")

    failure(stack, make_token(), stack.vault.base_url, "managed identity", "AZURE_CLIENT_ID", "az login")

    # What every Azure machine has at this address is looked for, and not there.
    assert set(refused_addresses) == {"169.254.169.254"}
    refused_addresses.clear()


def test_an_identity_that_is_not_assigned_is_named_with_its_setting(stack: LocalStack, make_token: MakeToken) -> None:
    failure(stack, make_token(AZURE_CLIENT_ID=new_guid()), stack.vault.base_url, "AZURE_CLIENT_ID", "assign")


def test_an_identity_endpoint_that_does_not_know_the_caller_is_an_error(
    stack: LocalStack, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    failure(stack, make_token(), stack.vault.base_url, "identity")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"access_token":"t"}', b"null"])
def test_an_identity_endpoint_that_answers_nonsense_is_an_error(
    stack: LocalStack, make_token: MakeToken, body: bytes
) -> None:
    stack.identity.faults.add(Fault(status=200, body=body, headers={"Content-Type": "application/json"}))

    failure(stack, make_token(), stack.vault.base_url)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_identity_endpoint_that_refuses_is_an_error(stack: LocalStack, make_token: MakeToken, status: int) -> None:
    stack.identity.faults.add(Fault(status=status))

    failure(stack, make_token(), stack.vault.base_url)


# The days that are left.


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=30), 30),
        (timedelta(days=30, seconds=-1), 29),
        (timedelta(hours=3), 0),
        (timedelta(hours=-3), -1),
    ],
)
def test_the_days_until_the_secret_expires_are_counted(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock, left: timedelta, days: int
) -> None:
    clock.move_to(now().replace(microsecond=0) + timedelta(days=60))
    stack.secret_rotate(expires_on=clock.now() + left)
    token = make_token()
    token()

    assert token.credential_end is not None
    assert token.credential_end.days_left == days


def test_a_secret_that_never_expires_has_no_days(stack: LocalStack, make_token: MakeToken) -> None:
    stack.secret_rotate()
    token = make_token()
    token()

    assert token.credential_end == CredentialEnd(CredentialKind.SECRET, None)


def test_the_days_are_those_of_the_secret_in_use(stack: LocalStack, make_token: MakeToken, clock: MovableClock) -> None:
    assert clock.now() == START
    later = datetime(2027, 5, 1, tzinfo=UTC)
    stack.secret_rotate(expires_on=later)
    token: GraphToken = make_token()
    token()
    stack.secret_rotate(expires_on=later + timedelta(days=100))

    token(fresh=True)

    assert token.credential_end is not None
    assert token.credential_end.days_left == (later + timedelta(days=100) - START).days


# Answers that are not the service's, and answers that are odd.


@pytest.mark.parametrize("status", [302, 403, 407, 502])
def test_an_answer_of_a_proxy_says_nothing_about_the_vault(
    stack: LocalStack, make_token: MakeToken, status: int
) -> None:
    stack.vault.faults.add(Fault(status=status, body=b"<html>Blocked</html>", foreign=True))

    failure(stack, make_token(), f"HTTP {status} came instead of an answer of Key Vault", "HTTPS_PROXY")


@pytest.mark.parametrize("status", [302, 403, 407, 502])
@pytest.mark.parametrize("path", ["openid-configuration", "/token"])
def test_an_answer_of_a_proxy_says_nothing_about_entra(
    stack: LocalStack, make_token: MakeToken, status: int, path: str
) -> None:
    stack.entra.faults.add(Fault(status=status, body=b"<html>Blocked</html>", path=path, foreign=True))

    failure(stack, make_token(), f"HTTP {status} came instead of an answer of Entra", "HTTPS_PROXY")


def test_a_tenant_that_the_cloud_does_not_know_is_named_by_its_code(stack: LocalStack, make_token: MakeToken) -> None:
    reply = EntraError(400, "invalid_tenant", 90002, "AADSTS90002: Tenant not found.").reply()
    stack.entra.faults.add(Fault(status=400, body=bytes(reply.body), path="openid-configuration"))

    error = failure(stack, make_token(), "AADSTS90002", "GRAPH_TENANT_ID")

    assert error.code == "AADSTS90002"


def test_an_answer_that_echoes_what_it_was_sent_is_not_repeated(stack: LocalStack, make_token: MakeToken) -> None:
    secret = stack.vault.versions(SECRET_NAME)[0].value
    body = {"error": secret, "error_description": secret, "correlation_id": secret, "error_codes": [secret]}
    stack.entra.faults.add(Fault(status=401, body=json.dumps(body).encode(), path="/token"))

    failure(stack, make_token(), "refused the login", "correlation id unknown")


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_in": "soon"},
        {"expires_in": None},
        {"access_token": None},
        {"access_token": 5},
        {"expires_in": [1]},
        {"refresh_in": "1800"},
        {"expires_in": 10**30},
    ],
)
def test_a_damaged_token_answer_is_a_sentence(
    stack: LocalStack, make_token: MakeToken, fields: dict[str, object]
) -> None:
    body = {"access_token": "made-up-token", "token_type": "Bearer", "expires_in": 3599, **fields}
    stack.entra.faults.add(Fault(status=200, body=json.dumps(body).encode(), path="/token"))

    error = failure(stack, make_token(), "gave no token")

    assert "made-up-token" not in str(error)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("8a6f3c1e-0000-4000-8000-000000000001", "is a GUID"),
        ("made-up-secret\n", "ends with a line break"),
        ('"made-up-secret"', "is in quotes"),
    ],
)
def test_a_secret_that_is_refused_is_said_by_its_shape(
    stack: LocalStack, make_token: MakeToken, value: str, says: str
) -> None:
    stack.vault.set_secret(SECRET_NAME, SecretVersion(value))

    failure(stack, make_token(), "AADSTS7000215", says)


_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=4)
_FIELDS = st.sampled_from(
    ["access_token", "expires_in", "refresh_in", "error", "error_codes", "error_description", "correlation_id", "x"]
)


@given(
    body=st.binary(max_size=80) | st.dictionaries(_FIELDS, _VALUES).map(json.dumps), status=st.sampled_from([200, 400])
)
def test_any_answer_of_entra_is_a_token_or_a_sentence(
    stack: LocalStack, clock: MovableClock, body: bytes | str, status: int
) -> None:
    stack.entra.faults.clear()
    content = body if isinstance(body, bytes) else body.encode()
    stack.entra.faults.add(Fault(status=status, body=content, path="/token"))
    credential = AppCredential(Secret("made-up"), "1", None)
    token = bootstrap.graph_token_by(Settings.from_mapping(stack.environ), clock, lambda: credential)

    with contextlib.suppress(CredentialError):
        assert isinstance(token(), str)


@given(
    body=st.binary(max_size=80)
    | st.dictionaries(st.sampled_from(["value", "id", "attributes"]), _VALUES).map(json.dumps)
)
def test_any_answer_of_the_vault_is_a_secret_or_a_sentence(stack: LocalStack, body: bytes | str) -> None:
    stack.vault.faults.clear()
    content = body if isinstance(body, bytes) else body.encode()
    stack.vault.faults.add(Fault(status=200, body=content, headers={"Content-Type": "application/json"}))
    settings = Settings.from_mapping(stack.environ)
    vault = KeyVault(stack.vault.base_url, bootstrap.identity(settings))

    for ask in (lambda: vault.read(SECRET_NAME), lambda: vault.versions(SECRET_NAME)):
        with contextlib.suppress(CredentialError):
            ask()
