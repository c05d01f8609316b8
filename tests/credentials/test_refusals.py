"""Every refusal of the table, provoked on the local stack: who, which code, which id, why, and what fixes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from due_notices import bootstrap
from due_notices.adapters.identity import Identity, IdentityToken, Login
from due_notices.errors import CredentialError, DirectoryError, DueNoticesError
from due_notices.refusals import ENTRA, GRAPH, IDENTITY, OTHERWISE, REFUSALS, VAULT, Refusal, refusal_of
from due_notices.settings import Settings
from local.clock import now
from local.faults import Fault, cut_body
from local.registrations import EntraError
from local.stack import SECRET_NAME, LocalStack
from local.tokens import new_guid
from local.vault import SecretVersion, VaultError
from tests.fakes import MovableClock
from tests.hygiene import secrets_in

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Provoke = Callable[[LocalStack], Mapping[str, str] | None]
"""Makes the stack refuse, and returns settings to change."""


def entra_says(code: int) -> Provoke:
    """Let the token endpoint refuse with a code for which the emulator has no rule of its own."""

    def provoke(stack: LocalStack) -> None:
        reply = EntraError(401, "invalid_client", code, "A refusal of the service.").reply()
        stack.entra.faults.add(Fault(status=401, path="/token", body=bytes(reply.body)))

    return provoke


def vault_says(status: int, inner: str) -> Provoke:
    def provoke(stack: LocalStack) -> None:
        body = bytes(VaultError(status, "Forbidden", "A refusal of the service.", inner=inner).reply().body)
        stack.vault.faults.add(Fault(status=status, body=body))

    return provoke


def vault_is(status: int) -> Provoke:
    def provoke(stack: LocalStack) -> None:
        stack.vault.faults.add(Fault(status=status, headers={"Retry-After": "600"}))

    return provoke


def settings(**changes: str) -> Provoke:
    return lambda _: changes


def federated(**wrong: str) -> Provoke:
    def provoke(stack: LocalStack) -> Mapping[str, str]:
        stack.federate(**wrong)
        return {"GRAPH_CREDENTIAL": "federated"}

    return provoke


def does(work: Callable[[LocalStack], object], **changes: str) -> Provoke:
    def provoke(stack: LocalStack) -> Mapping[str, str]:
        work(stack)
        return changes

    return provoke


CERTIFICATE = {"GRAPH_CREDENTIAL": "certificate"}


def federate_in_the_past(stack: LocalStack) -> None:
    stack.federate()
    stack.identity.token_lifetime = timedelta(hours=-1)


def graph_says(status: int, code: str) -> Provoke:
    def provoke(stack: LocalStack) -> None:
        body = json.dumps({"error": {"code": code, "message": "A refusal of the service."}}).encode()
        stack.graph.faults.add(Fault(status=status, body=body))

    return provoke


def identity_says(status: int) -> Provoke:
    return does(lambda stack: stack.identity.faults.add(Fault(status=status)), GRAPH_CREDENTIAL="federated")


PROVOKED: Mapping[tuple[str, str], Provoke] = {
    (ENTRA, "AADSTS7000215"): does(lambda stack: stack.secret_rotate(store=False)),
    (ENTRA, "AADSTS7000222"): does(lambda stack: stack.secret_rotate(expires_on=now() - timedelta(days=1))),
    (ENTRA, "AADSTS7000216"): does(lambda stack: stack.vault.set_secret(SECRET_NAME, SecretVersion(""))),
    (ENTRA, "AADSTS700016"): settings(GRAPH_CLIENT_ID=new_guid()),
    (ENTRA, "AADSTS7000229"): entra_says(7000229),
    (ENTRA, "AADSTS7000112"): does(lambda stack: stack.entra.change(stack.app.client_id, enabled=False)),
    (ENTRA, "AADSTS90002"): entra_says(90002),
    (ENTRA, "AADSTS53003"): entra_says(53003),
    (ENTRA, "AADSTS500011"): settings(GRAPH_ENDPOINT="https://graph.microsoft.us"),
    (ENTRA, "AADSTS700025"): entra_says(700025),
    (ENTRA, "AADSTS700027"): does(lambda stack: stack.certificate_rotate(register=False), **CERTIFICATE),
    (ENTRA, "AADSTS7000274"): entra_says(7000274),
    (ENTRA, "AADSTS1000502"): entra_says(1000502),
    (ENTRA, "AADSTS7000214"): entra_says(7000214),
    (ENTRA, "AADSTS7000277"): entra_says(7000277),
    (ENTRA, "AADSTS700024"): does(
        federate_in_the_past,
        GRAPH_CREDENTIAL="federated",
    ),
    (ENTRA, "AADSTS700211"): federated(issuer="https://elsewhere.example/v2.0"),
    (ENTRA, "AADSTS700212"): federated(audience="api://AzureADTokenExchangeUSGov"),
    (ENTRA, "AADSTS700213"): federated(subject=new_guid()),
    (ENTRA, "AADSTS70021"): entra_says(70021),
    (ENTRA, OTHERWISE): entra_says(50196),
    (VAULT, "404 SecretNotFound"): does(lambda stack: stack.vault.delete_secret(SECRET_NAME)),
    (VAULT, "403 ForbiddenByRbac"): does(lambda stack: stack.vault.readers.clear()),
    (VAULT, "403 ForbiddenByPolicy"): vault_says(403, "ForbiddenByPolicy"),
    (VAULT, "403 ForbiddenByFirewall"): vault_says(403, "ForbiddenByFirewall"),
    (VAULT, "403 ForbiddenByConnection"): vault_says(403, "ForbiddenByConnection"),
    (VAULT, "403 SecretDisabled"): does(lambda stack: stack.vault.update_secret(SECRET_NAME, enabled=False)),
    (VAULT, "401 Unauthorized"): does(
        lambda stack: stack.vault.faults.add(
            Fault(
                status=401,
                headers={
                    "WWW-Authenticate": f'Bearer authorization="{stack.entra.base_url}/{stack.tokens.tenant_id}", '
                    'resource="https://vault.azure.net"',
                },
            )
        )
    ),
    (VAULT, "429 TooManyRequests"): vault_is(429),
    (VAULT, "no answer"): settings(KEY_VAULT_URL="https://127.0.0.1:1"),
    (VAULT, "other form"): does(lambda stack: stack.vault.faults.add(Fault(status=200, body=b"<html>"))),
    (VAULT, "no certificate"): settings(**CERTIFICATE),
    (VAULT, "409 ObjectIsDeletedButRecoverable"): vault_says(409, "ObjectIsDeletedButRecoverable"),
    (VAULT, "5xx"): vault_is(500),
    (VAULT, OTHERWISE): vault_says(403, "SomethingNew"),
    (IDENTITY, "400"): settings(AZURE_CLIENT_ID=new_guid()),
    (IDENTITY, "403"): identity_says(403),
    (IDENTITY, "429 or 5xx"): identity_says(500),
    (IDENTITY, "no token"): does(
        lambda stack: stack.identity.faults.add(Fault(status=200, body=b"<html>")), GRAPH_CREDENTIAL="federated"
    ),
    (IDENTITY, "no answer"): does(lambda stack: stack.identity.faults.add(Fault(damage=cut_body()))),
    (IDENTITY, OTHERWISE): identity_says(405),
    (GRAPH, "401 InvalidAuthenticationToken"): graph_says(401, "InvalidAuthenticationToken"),
    (GRAPH, "401 Authorization_IdentityNotFound"): graph_says(401, "Authorization_IdentityNotFound"),
    (GRAPH, "400 CredentialInvalidLifetimeAsPerAppPolicy"): graph_says(400, "CredentialInvalidLifetimeAsPerAppPolicy"),
    (GRAPH, "400 CredentialTypeNotAllowedAsPerAppPolicy"): graph_says(400, "CredentialTypeNotAllowedAsPerAppPolicy"),
    (GRAPH, "403 Authorization_RequestDenied"): does(lambda stack: stack.entra.set_roles(stack.app.client_id, ())),
    (GRAPH, "400 Request_UnsupportedQuery"): settings(USER_FILTER="nonsense ge 'x'"),
    (GRAPH, "400 BadRequest"): settings(USER_FILTER="accountEnabled eq true and"),
    (GRAPH, "400 Request_BadRequest"): graph_says(400, "Request_BadRequest"),
    (GRAPH, OTHERWISE): graph_says(400, "SomethingNew"),
}

# Neither a person's login nor a machine without any identity can be emulated; tests of their own have them.
ELSEWHERE = [refusal_of(IDENTITY, "login"), refusal_of(IDENTITY, "none")]

# These come without an id: the service did not answer, or, as the identity endpoint, gives none.
WITHOUT_ID = {(VAULT, "no answer"), (VAULT, "other form"), (VAULT, "no certificate")}


def identified(refusal: Refusal) -> str:
    return f"{refusal.service} {refusal.code}"


def provoked(stack: LocalStack, refusal: Refusal) -> tuple[str, Settings]:
    """Return what a reading of the users says when it is refused."""
    changes = PROVOKED[refusal.service, refusal.code](stack) or {}
    found = Settings.from_mapping({**stack.environ, **changes})
    with pytest.raises(DueNoticesError) as caught:
        list(bootstrap.build_services(found).open_directory().pages())
    return str(caught.value), found


def test_every_refusal_of_the_table_is_provoked() -> None:
    assert PROVOKED.keys() == {(each.service, each.code) for each in REFUSALS if each not in ELSEWHERE}
    assert len(REFUSALS) >= 15


@pytest.mark.parametrize("refusal", [each for each in REFUSALS if each not in ELSEWHERE], ids=identified)
def test_a_refusal_is_one_sentence_with_code_id_cause_and_remedy(stack: LocalStack, refusal: Refusal) -> None:
    text, found = provoked(stack, refusal)

    assert "\n" not in text
    if refusal.service == ENTRA and refusal.code != OTHERWISE:
        assert refusal.code in text
    if re.match(r"[0-9]{3} [A-Z]", refusal.code):
        status, code = refusal.code.split(" ")
        assert status in text
        assert code in text
    if (refusal.service, refusal.code) not in WITHOUT_ID and refusal.service != IDENTITY:
        assert re.search(rf"(correlation|request) id {GUID}", text), text
    values = {"GRAPH_CLIENT_ID": found.client_id, "GRAPH_ENDPOINT": found.graph_endpoint}
    expected = refusal.sentence("", **values, KEY_VAULT_SECRET_NAME=found.secret_name).removeprefix(": ")
    # The vault's name and the caller are filled in too; what is before the first of them is enough.
    assert re.split(r"<[a-z ]+>", expected)[0] in text
    assert secrets_in(text) == []


def test_a_login_of_a_person_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def get_token(self, *scopes: str, **options: object) -> AccessToken:
            del scopes, options
            raise ClientAuthenticationError(
                "AADSTS50173: the grant has expired. Trace ID: x Correlation ID: 9d7ce0f2-5f0a-4b4f-a0a5-6f5b3f4cf8f0"
            )

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: Refused())
    login = Login(Identity(None, "AZURE_CLIENT_ID", "dev"), MovableClock())

    with pytest.raises(CredentialError) as caught:
        IdentityToken(login, "https://vault.azure.net")()

    text = str(caught.value)
    assert "AADSTS50173" in text
    assert "correlation id 9d7ce0f2-5f0a-4b4f-a0a5-6f5b3f4cf8f0" in text
    assert refusal_of(IDENTITY, "login").remedy in text


def test_the_vault_names_the_caller_and_the_command_has_it(stack: LocalStack) -> None:
    text, _ = provoked(stack, refusal_of(VAULT, "403 ForbiddenByRbac"))

    assert f"--assignee {stack.managed_identity.principal_id}" in text


def test_graphs_refusals_are_errors_of_the_directory(stack: LocalStack) -> None:
    for refusal in REFUSALS:
        if refusal.service == GRAPH:
            stack.reset()
            changes = PROVOKED[refusal.service, refusal.code](stack) or {}
            services = bootstrap.build_services(Settings.from_mapping({**stack.environ, **changes}))
            with pytest.raises(DirectoryError):
                list(services.open_directory().pages())


@pytest.mark.parametrize("refusal", REFUSALS, ids=identified)
def test_every_remedy_names_a_command_a_setting_or_a_place(refusal: Refusal) -> None:
    assert re.search(r"`[^`]+`|https://|[A-Z]+_[A-Z_]+|Entra under|private endpoint", refusal.remedy)
    assert refusal.cause[0].islower() or re.match(r"GRAPH_|Graph|Key Vault", refusal.cause)
    assert not refusal.remedy.endswith(".")


def test_commands_of_the_program_exist() -> None:
    from due_notices.commands.main import commands

    named = {
        command
        for refusal in REFUSALS
        for command in re.findall(r"due-notices ([a-z-]+)", refusal.cause + refusal.remedy)
    }

    assert named
    assert named <= set(commands.commands)
