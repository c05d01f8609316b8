"""For every service alike: answers that are not its own, however much they look like it, and its Retry-After."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.adapters.connections import http_date
from due_notices.adapters.identity import Identity, Login
from due_notices.adapters.key_vault import KeyVault
from due_notices.adapters.login_errors import NoToken
from due_notices.adapters.retries import retry_after
from due_notices.adapters.storage_errors import FOREIGN, is_foreign
from due_notices.errors import CredentialError, DirectoryError, DueNoticesError
from due_notices.secret import Secret
from due_notices.settings import Settings
from local.faults import Fault
from local.stack import SECRET_NAME, LocalStack
from tests.adapters.conftest import MakeDirectory, MakeToken
from tests.adapters.test_storage_pipeline import OWN, asked, saying
from tests.fakes import MovableClock

pytestmark = pytest.mark.usefixtures("sdk_waits")
CLOSE = "Connection: close"
JSON = {"Content-Type": "application/json"}
OF_OTHERS = {
    "a page": (200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    "a page that calls itself JSON": (200, b"<html>Sign in</html>", JSON),
    "a login": (302, b"", {"Location": "https://127.0.0.1:1/login"}),
    "nothing": (200, b"", {}),
    "no content": (204, b"", {}),
    "another service's JSON": (200, b'{"status": "ok"}', JSON),
    "another service's refusal": (400, b'{"error": {"code": "BadRequest", "message": "x"}}', JSON),
    "an empty list": (200, b'{"value": []}', JSON),
    "null": (200, b"null", JSON),
    "a list cut off": (200, b'{"value": [{"id": "a"', JSON),
}
of_others = pytest.mark.parametrize(("status", "body", "headers"), OF_OTHERS.values(), ids=list(OF_OTHERS))
CLAIMS = ("User.Read.All", "Key Vault Secrets", "az keyvault", "knows no", "is not JSON", "does not exist", "role")


@pytest.fixture
def vault(stack: LocalStack) -> KeyVault:
    return KeyVault(stack.vault.base_url, bootstrap.identity(Settings.from_mapping(stack.environ)))


@of_others
def test_an_answer_that_is_not_the_services_own_is_recognised(
    stack: LocalStack,
    make_directory: MakeDirectory,
    make_token: MakeToken,
    vault: KeyVault,
    status: int,
    body: bytes,
    headers: dict[str, str],
) -> None:
    directory, ends = make_directory(), datetime(2027, 1, 1, tzinfo=UTC)
    secret = Secret("made-up")
    questions: list[tuple[Any, str, Callable[[], object]]] = [
        (stack.graph, "Graph", lambda: list(directory.pages())),
        (stack.graph, "Graph", lambda: directory.user("user-00001")),
        (stack.entra, "Entra", make_token()),
        (stack.vault, "Key Vault", lambda: vault.read(SECRET_NAME)),
        (stack.vault, "Key Vault", lambda: vault.versions(SECRET_NAME)),
        (stack.vault, "Key Vault", lambda: vault.store(SECRET_NAME, secret, expires_on=ends, tags={})),
    ]
    for service, name, ask in questions:
        stack.reset()
        path = "/token" if service is stack.entra else ""
        service.faults.add(Fault(status=status, body=body, headers=headers, path=path, foreign=True))

        with pytest.raises(DueNoticesError) as refused:
            ask()

        text = str(refused.value)
        assert f"HTTP {status} came instead of an answer of {name}" in text
        assert not any(claim in text for claim in CLAIMS)


@pytest.mark.parametrize("success", [200, 201, 202])
@pytest.mark.parametrize("body", [b'{"value":[]}', b"<MessageId>one</MessageId>", b"<html>", b""])
async def test_an_answer_that_is_not_storages_own_is_recognised(success: int, body: bytes) -> None:
    async with asked(saying(f"{success} Fine", body, CLOSE)) as (pipeline, address, _):
        for ask in (pipeline.get(address, {}), pipeline.post(address, b"", {}, success=success)):
            with pytest.raises(AzureError) as refused:
                await ask
            assert is_foreign(refused.value)


async def test_a_redirect_by_storage_is_not_followed() -> None:
    async with asked(saying("302 Found", b"", "Location: http://127.0.0.1:1/", OWN)) as (pipeline, address, heads):
        with pytest.raises(AzureError):
            await pipeline.get(address, {})
    assert len(heads) == 1


async def test_an_answer_that_is_not_the_queues_own_is_no_empty_queue(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for answer in (
        saying("200 OK", b"<html>Sign in</html>", CLOSE),
        saying("204 No Content", b"", CLOSE),
        saying("302 Found", b"", CLOSE, "Location: http://127.0.0.1:1/"),
    ):
        async with asked(answer) as (_, address, _heads):
            account = f"AccountName=a;AccountKey=bWFkZS11cA==;QueueEndpoint={address}/a;TableEndpoint={address}/a"
            settings = Settings.from_mapping({**stack.environ, "NOTICE_STORAGE": account})
            async with bootstrap.open_storage(settings, SystemClock()) as storage:
                looks = await storage.queue.look()
        assert FOREIGN in (looks.queue.problem or "")
        assert looks.queue.count is None


# The service's own answers, but not whole.


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"value": "made-up-se', b'{"id": "x"}'])
def test_a_damaged_answer_of_the_vault_is_no_missing_vault_and_no_empty_secret(
    stack: LocalStack, vault: KeyVault, body: bytes
) -> None:
    stack.vault.faults.add(Fault(status=200, body=body, headers=JSON))

    with pytest.raises(CredentialError, match="did not arrive whole, or is not of the form") as refused:
        vault.read(SECRET_NAME)

    assert "made-up-se" not in str(refused.value)
    assert "does not exist" not in str(refused.value)


@pytest.mark.parametrize("foreign", [True, False])
@pytest.mark.parametrize("body", [b"<html>", b'{"keyId": "k", "secre', b"[]"])
def test_a_change_is_not_repeated_when_its_answer_says_nothing(
    stack: LocalStack, make_directory: MakeDirectory, body: bytes, *, foreign: bool
) -> None:
    graph = make_directory()._graph
    stack.graph.faults.add(Fault(status=200, body=body, path="addPassword", foreign=foreign))

    with pytest.raises(DirectoryError, match="it may have done what it was asked"):
        graph.post(graph.url("/applications/a/addPassword"), {})

    assert sum("addPassword" in request.path for request in stack.graph.requests) == 1


# How long a service asks to wait.

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
RETRY_AFTER: dict[str, float | None] = {
    "5": 5,
    " 5 ": 5,
    "0": 0,
    "45.5": 45.5,
    "5, 10": 10,
    "5 ,10": 10,
    "99999999999": 99999999999,
    "1" * 400: float("inf"),
    "Wed, 21 Oct 2026 07:29:00 GMT": 60,
    "Wednesday, 21-Oct-26 07:29:00 GMT": 60,
    "Wed Oct 21 07:29:00 2026": 60,
    "Thu Oct  1 07:29:00 2026": 0,
    "Wed, 21 Oct 2026 07:29:00 -0000": 60,
    "Wed, 21 Oct 2020 07:28:00 GMT": 0,
    "Wed, 99 Oct 99999 07:28:00 GMT": None,
    "-5": None,
    "+5": None,
    "5,,10": None,
    "1e3": None,
    "inf": None,
    "nan": None,
    "5s": None,
    "": None,
    " ": None,
    "soon": None,
}


@pytest.mark.parametrize("text", RETRY_AFTER)
@pytest.mark.parametrize("date", [DATE, "Wednesday, 21-Oct-26 07:28:00 GMT", "Wed Oct 21 07:28:00 2026"])
def test_retry_after_is_read_in_every_form(text: str, date: str) -> None:
    assert retry_after({"Retry-After": text, "Date": date}) == RETRY_AFTER[text]


def test_retry_after_with_a_date_says_nothing_without_the_services_date() -> None:
    assert retry_after({"Retry-After": DATE}) is None
    assert retry_after({}) is None


def test_a_date_without_a_zone_is_in_utc_whatever_this_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")

    assert http_date("Wed Oct 21 07:28:00 2026") == datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [(text, seconds) for text, seconds in RETRY_AFTER.items() if text == text.strip()]
)
def test_the_vaults_retry_after_is_obeyed_unless_it_is_too_long_for_a_run(
    stack: LocalStack, vault: KeyVault, sdk_waits: list[float], text: str, seconds: float | None
) -> None:
    stack.vault.faults.add(Fault(status=503, headers={"Retry-After": text, "date": DATE}))

    with pytest.raises(CredentialError, match="answered 503"):
        vault.read(SECRET_NAME)

    if seconds and seconds > 5:
        assert sdk_waits == []
    elif seconds:
        assert sdk_waits == [seconds, seconds]
    else:
        assert len(sdk_waits) >= 1
        assert sum(sdk_waits) < 10


@pytest.mark.parametrize("text", ["0", "3600", "5, 10", "45.5", "-5", "nan", DATE])
def test_no_retry_after_of_entra_or_the_identity_endpoint_holds_a_run_up(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock, sdk_waits: list[float], text: str
) -> None:
    login = Login(Identity(stack.managed_identity.client_id, "AZURE_CLIENT_ID"), clock)
    stack.entra.faults.add(Fault(status=503, headers={"Retry-After": text, "date": DATE}, path="/token"))
    with pytest.raises(CredentialError, match="Entra at"):
        make_token()()
    stack.identity.faults.add(Fault(status=503, headers={"Retry-After": text, "date": DATE}))
    with pytest.raises(NoToken, match="the endpoint is overloaded or failing"):
        login.get_token("https://vault.azure.net/.default")

    assert sum(sdk_waits) + sum(clock.waits) < 10


def test_users_of_the_right_form_are_taken_from_graph_alone(stack: LocalStack, make_directory: MakeDirectory) -> None:
    page = json.dumps({"value": [{"id": "a", "userPrincipalName": "a@example.com"}]}).encode()
    stack.graph.faults.add(Fault(status=200, body=page, headers=JSON, foreign=True, times=2))
    directory = make_directory()

    assert [page.user(0) for page in directory.pages() if len(page)] == []  # Graph's own at the third try: no users
    assert directory.requests == 3
