"""The identity endpoint: what it refuses is its own, in the three ways that it is asked, and is asked again."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping

import pytest
from azure.core.pipeline.transport import HttpTransport
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.adapters import identity
from due_notices.adapters.identity import AsyncLogin, Identity, Login
from due_notices.adapters.login_errors import NoToken
from due_notices.commands.status.gather import PATIENCE
from due_notices.errors import CredentialError
from due_notices.settings import Settings
from local.faults import Fault
from local.stack import LocalStack
from local.tokens import new_guid
from tests.adapters.conftest import MakeToken
from tests.fakes import MovableClock

SCOPE = "https://storage.azure.com/.default"
RESOURCE = {"vault": "https://vault.azure.net", "federation": "api://AzureADTokenExchange"}


@pytest.fixture
def login(stack: LocalStack, clock: MovableClock) -> Login:
    return Login(Identity(stack.managed_identity.client_id, "AZURE_CLIENT_ID"), clock)


def asked_synchronously(login: Login, runner: asyncio.Runner) -> str:
    del runner
    return login.get_token(SCOPE).token


def asked_asynchronously(login: Login, runner: asyncio.Runner) -> str:
    return runner.run(AsyncLogin(login).get_token(SCOPE)).token


Ask = Callable[[Login, asyncio.Runner], str]
both_ways = pytest.mark.parametrize("ask", [asked_synchronously, asked_asynchronously])


def answer(**fields: object) -> bytes:
    good = {"access_token": "made-up-token", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
    return json.dumps({name: value for name, value in {**good, **fields}.items() if value != "absent"}).encode()


@both_ways
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_fails_for_a_moment_is_asked_again_within_seconds(
    stack: LocalStack, login: Login, runner: asyncio.Runner, clock: MovableClock, ask: Ask, status: int
) -> None:
    stack.identity.faults.add(Fault(status=status, headers={"Retry-After": "3600"}, times=2))

    assert ask(login, runner)
    assert len(stack.identity.requests) == 3
    assert sum(clock.waits) < 10


@both_ways
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_fails_for_longer_does_not_say_to_assign_an_identity(
    stack: LocalStack, login: Login, runner: asyncio.Runner, ask: Ask, status: int
) -> None:
    stack.identity.faults.add(Fault(status=status))

    with pytest.raises(NoToken) as refused:
        ask(login, runner)

    assert f"HTTP {status}" in refused.value.sentence
    assert "the assigned identity is not the cause" in refused.value.sentence
    assert "az functionapp identity assign" not in refused.value.sentence


@both_ways
@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_refusal_is_not_asked_again(
    stack: LocalStack, login: Login, runner: asyncio.Runner, clock: MovableClock, ask: Ask, status: int
) -> None:
    stack.identity.faults.add(Fault(status=status))

    with pytest.raises(NoToken, match=f"identity endpoint .*HTTP {status}"):
        ask(login, runner)

    assert (len(stack.identity.requests), clock.waits) == (1, [])


@both_ways
@pytest.mark.parametrize(
    "body",
    [
        answer(expires_on="12/01/2026 08:00:00 +00:00"),
        answer(access_token=None),
        answer(access_token=5),
        answer(expires_on="absent"),
        answer(expires_on=None),
        answer(expires_on=[]),
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
    ],
)
def test_an_answer_that_is_no_token_is_one_sentence_about_the_endpoint(
    stack: LocalStack, login: Login, runner: asyncio.Runner, ask: Ask, body: bytes
) -> None:
    stack.identity.faults.add(Fault(status=200, body=body, headers={"Content-Type": "application/json"}))

    with pytest.raises(NoToken, match=r"identity endpoint .* holds no token") as refused:
        ask(login, runner)

    assert "made-up-token" not in refused.value.sentence
    assert "\n" not in refused.value.sentence


@given(body=st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_answer_is_a_token_or_a_sentence(stack: LocalStack, clock: MovableClock, body: bytes | str) -> None:
    stack.identity.faults.clear()
    stack.identity.faults.add(Fault(status=200, body=body if isinstance(body, bytes) else body.encode()))

    with pytest.raises(NoToken):
        Login(Identity(None, "AZURE_CLIENT_ID"), clock).get_token(SCOPE)


def test_an_endpoint_that_hangs_is_given_up_before_an_operator_stops_waiting(
    stack: LocalStack, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = identity._TIMEOUTS["connection_timeout"], identity._TIMEOUTS["read_timeout"]
    tries = 1 + identity._LIMITS["retry_total"]
    monkeypatch.setattr(identity, "_TIMEOUTS", {"connection_timeout": 0.2, "read_timeout": 0.2})
    monkeypatch.setattr(HttpTransport, "sleep", lambda *_: None)
    stack.identity.faults.add(Fault(delay=2))
    began = time.monotonic()

    with pytest.raises(NoToken, match=r"identity endpoint .*: it does not answer"):
        login.get_token(SCOPE)

    assert time.monotonic() - began < 1.5
    assert tries * max(asked) < PATIENCE.total_seconds()


def test_a_token_in_hand_serves_while_the_endpoint_fails(stack: LocalStack, clock: MovableClock) -> None:
    login = Login(Identity(stack.managed_identity.client_id, "AZURE_CLIENT_ID"), clock)
    first = login.get_token(SCOPE)
    login._credential = None  # as after a failure for another resource
    clock.move_to(clock.now().fromtimestamp(first.expires_on - 120, clock.now().tzinfo))
    stack.identity.faults.add(Fault(status=500))

    assert login.get_token(SCOPE).token == first.token

    clock.move(seconds=90)
    with pytest.raises(NoToken):
        login.get_token(SCOPE)


# In each of the three ways.


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("way", ["vault", "federation"])
def test_the_endpoints_refusal_is_never_the_vaults_or_graphs(
    stack: LocalStack, make_token: MakeToken, status: int, way: str
) -> None:
    stack.federate()
    stack.identity.faults.add(Fault(status=status))
    changes: Mapping[str, str] = {"GRAPH_CREDENTIAL": "federated"} if way == "federation" else {}

    with pytest.raises(CredentialError) as refused:
        make_token(**changes)()

    text = str(refused.value)
    assert f"identity endpoint gave AZURE_CLIENT_ID {stack.managed_identity.client_id} no token" in text
    assert RESOURCE[way] in text
    assert not any(word in text for word in ("Key Vault Secrets User", "Graph", "Entra at"))


def test_an_identity_that_is_not_assigned_is_named_with_the_setting_and_the_whole_command(
    stack: LocalStack, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "func-notices")
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "rg-notices")
    stranger = new_guid()

    with pytest.raises(CredentialError) as refused:
        make_token(AZURE_CLIENT_ID=stranger)()

    text = str(refused.value)
    assert "correct AZURE_CLIENT_ID" in text
    assert f"clientId=='{stranger}'" in text
    assert "-n func-notices -g rg-notices" in text
    assert "<" not in text
    del stack


# Who logs in.


@pytest.mark.parametrize("kind", ["", "ManagedIdentityCredential", "managedidentitycredential", "prod"])
async def test_storage_logs_in_as_its_own_identity_whatever_the_kind(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for name, value in stack.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", kind)
    url = "https://127.0.0.1:1"
    changes = {
        "NOTICE_STORAGE": "",
        "NOTICE_STORAGE__queueServiceUri": url,
        "NOTICE_STORAGE__tableServiceUri": url,
        "NOTICE_STORAGE__clientId": stack.operator.client_id,
        "AZURE_TOKEN_CREDENTIALS": kind,
    }
    settings = Settings.from_mapping({**stack.environ, **changes})

    async with bootstrap.storage_clients(settings) as clients:
        assert clients.login is not None
        await clients.login.get_token(SCOPE)

    assert {request.query["client_id"] for request in stack.identity.requests} == {stack.operator.client_id}


# Where it is asked.


def test_the_endpoint_is_asked_through_no_proxy(
    stack: LocalStack, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")

    assert login.get_token(SCOPE).token
    del stack


# What is logged.


@pytest.mark.parametrize(
    "body", [answer(expires_on="absent"), answer(expires_on="x"), b'{"access_token": "made-up-token", "expires_on']
)
def test_no_log_line_holds_a_token(
    stack: LocalStack, login: Login, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    stack.identity.faults.add(Fault(status=200, body=body))

    with caplog.at_level(logging.DEBUG), pytest.raises(NoToken) as refused:
        login.get_token(SCOPE)

    assert "made-up-token" not in caplog.text + refused.value.sentence
    assert not [record for record in caplog.records if record.name.startswith(("azure.identity", "msal"))]


def test_the_bodies_of_damaged_answers_of_entra_are_not_logged(
    stack: LocalStack, make_token: MakeToken, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"token_type": "Bearer", "access_token": "made-up-token'
    stack.entra.faults.add(Fault(status=200, body=body, path="/token"))

    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialError) as refused:
        make_token()()

    assert "made-up-token" not in caplog.text + str(refused.value)
