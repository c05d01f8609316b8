"""Whatever the libraries raise comes out as an error of ours: each of their classes has its row here."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import azure.core.exceptions
import azure.data.tables
import azure.identity
import msal
import msal.exceptions
import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from requests import exceptions as requests_exceptions
from requests.adapters import HTTPAdapter

from due_notices.adapters import retries, storage_errors
from due_notices.adapters.graph import GraphDirectory
from due_notices.adapters.key_vault import KeyVault
from due_notices.adapters.msal import GraphToken
from due_notices.adapters.storage_queue import StorageNoticeQueue
from due_notices.adapters.table_ledger import TableLedger
from due_notices.credentials import AppCredential
from due_notices.errors import CredentialError, DirectoryError, DueNoticesError, SendError, StorageError
from due_notices.ports import Claim, ClaimRow
from due_notices.secret import Secret
from tests.fakes import MINE, START, MovableClock

DUE = START.date()
CLAIM = Claim("claim", START, DUE)
ROWS = [ClaimRow("row", "id", "user", has_reference=True, message_hash="hash")]

# The kinds of what a send may end in.
PERHAPS, CERTAINLY_NOT, STOP = "perhaps accepted", "certainly not accepted", "nothing can be sent"


class Response:
    """As much of an answer as the exceptions look at."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.reason = "a reason"
        self.headers: dict[str, str] = {"x-ms-request-id": "0", "request-id": "0"}
        self.content_type = "application/json"

    def text(self, encoding: str | None = None) -> str:
        del encoding
        return json.dumps({"error": {"code": "Planned", "message": "secret-value"}})

    def body(self) -> bytes:
        return self.text().encode()


def http(kind: type[HttpResponseError], status: int | None) -> Callable[[], AzureError]:
    def make() -> AzureError:
        response: Any = None if status is None else Response(status)
        if kind is azure.core.exceptions.TooManyRedirectsError:
            return kind([], response=response)
        if issubclass(kind, azure.data.tables.TableTransactionError):
            return kind(message="secret-value", response=response, error_code="Planned")
        if kind is azure.core.exceptions.ODataV4Error:
            return kind(response)
        return kind("secret-value", response=response)

    return make


def plain(kind: type[AzureError]) -> Callable[[], AzureError]:
    return lambda: kind("secret-value")


def caused(kind: type[AzureError], cause: Exception) -> Callable[[], AzureError]:
    def make() -> AzureError:
        error = kind("secret-value")
        error.__cause__ = cause
        return error

    return make


def connector_error() -> aiohttp.ClientConnectorError:
    key: Any = SimpleNamespace(host="host", port=443, ssl=True)
    return aiohttp.ClientConnectorError(key, OSError("refused"))


CORE = azure.core.exceptions
# Every class, how to make one as it comes, and what a send that meets it ends in.
AZURE_ERRORS: list[tuple[Callable[[], AzureError], str]] = [
    (plain(CORE.AzureError), PERHAPS),
    (plain(CORE.ServiceRequestError), PERHAPS),
    (caused(CORE.ServiceRequestError, aiohttp.ServerDisconnectedError()), PERHAPS),
    (caused(CORE.ServiceRequestError, connector_error()), CERTAINLY_NOT),
    (plain(CORE.ServiceRequestTimeoutError), CERTAINLY_NOT),
    (plain(CORE.ServiceResponseError), PERHAPS),
    (plain(CORE.ServiceResponseTimeoutError), PERHAPS),
    *((http(CORE.HttpResponseError, status), STOP) for status in (401, 402, 403, 404, 405, 408, 409, 410, 412)),
    *((http(CORE.HttpResponseError, status), CERTAINLY_NOT) for status in (400, 413, 429, 503)),
    *((http(CORE.HttpResponseError, status), PERHAPS) for status in (302, 500, 501, 502, 504, 599)),
    (http(CORE.HttpResponseError, None), PERHAPS),
    (http(CORE.DecodeError, None), PERHAPS),
    (http(CORE.DecodeError, 201), PERHAPS),
    (http(CORE.IncompleteReadError, None), PERHAPS),
    (http(CORE.ResourceExistsError, 409), STOP),
    (http(CORE.ResourceNotFoundError, 404), STOP),
    (http(CORE.ClientAuthenticationError, 401), STOP),
    *((http(CORE.ClientAuthenticationError, status), STOP) for status in (None, 400, 403, 500)),
    (http(CORE.ResourceModifiedError, 412), STOP),
    (http(CORE.ResourceNotModifiedError, 304), PERHAPS),
    (http(CORE.TooManyRedirectsError, 302), PERHAPS),
    (http(CORE.ODataV4Error, 500), PERHAPS),
    (plain(azure.identity.CredentialUnavailableError), STOP),
    (http(azure.identity.AuthenticationRequiredError, None), STOP),
    (http(azure.data.tables.TableTransactionError, 400), CERTAINLY_NOT),
    (http(azure.data.tables.RequestTooLargeError, 413), CERTAINLY_NOT),
]
# Raised where a body is streamed, which these clients never do themselves; they need a response to be made.
STREAMING = {"StreamConsumedError", "StreamClosedError", "ResponseNotReadError"}


def classes(module: ModuleType, base: type[BaseException]) -> set[str]:
    return {name for name, kind in vars(module).items() if inspect.isclass(kind) and issubclass(kind, base)}


def made(make: Callable[[], AzureError]) -> AzureError:
    try:
        return make()
    except TypeError:
        return azure.identity.AuthenticationRequiredError(["scope"])


AZURE_CASES = [
    pytest.param(error, kind, id=f"{type(error).__name__}-{storage_errors.code_of(error)}-{number}")
    for number, (make, kind) in enumerate(AZURE_ERRORS)
    for error in [made(make)]
]


def test_the_table_has_every_class() -> None:
    here = {type(made(make)).__name__ for make, _ in AZURE_ERRORS} | STREAMING
    everywhere = (
        classes(CORE, AzureError) | classes(azure.data.tables, AzureError) | classes(azure.identity, AzureError)
    )

    assert everywhere == here


class FailingClient:
    """Stands for a queue's or table's client; every use raises."""

    queue_name = table_name = "the-name"
    credential: object = None
    url = "https://storage.example"

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def post(self, *_: object, **__: object) -> None:
        raise self.error

    async def get_queue_properties(self) -> None:
        raise self.error

    async def get(self, *_: object, **__: object) -> None:
        raise self.error


@pytest.mark.parametrize(("error", "kind"), AZURE_CASES)
async def test_every_error_of_a_send_is_mapped(error: Exception, kind: str) -> None:
    client: Any = FailingClient(error)

    with pytest.raises(DueNoticesError) as caught:
        await StorageNoticeQueue(client, client, client, MovableClock()).send("text")

    if kind == STOP:
        assert type(caught.value) is StorageError
    else:
        assert isinstance(caught.value, SendError)
        assert caught.value.accepted_perhaps is (kind == PERHAPS)
    assert "the-name" in str(caught.value)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize(("error", "kind"), AZURE_CASES)
async def test_a_count_that_fails_is_unknown(error: Exception, kind: str) -> None:
    del kind
    client: Any = FailingClient(error)

    assert set(await StorageNoticeQueue(client, client, client, MovableClock()).waiting()) == {None}


@pytest.mark.parametrize(("error", "kind"), AZURE_CASES)
@pytest.mark.parametrize("method", ["sent", "mark_sent"])
async def test_every_error_of_the_ledger_is_mapped(error: Exception, kind: str, method: str) -> None:
    del kind
    client: Any = FailingClient(error)
    ledger = TableLedger(client, client, MovableClock(), MINE)
    with pytest.raises(StorageError) as caught:
        await (ledger.sent(DUE, (), DUE) if method == "sent" else ledger.mark_sent("p", {"row": "m"}, CLAIM, START))

    assert "the-name" in str(caught.value)
    assert "next tick" in str(caught.value) or "check" in str(caught.value) or "assign" in str(caught.value)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize(("error", "kind"), AZURE_CASES)
async def test_every_error_of_a_claim_is_mapped_or_wins_nothing(error: Exception, kind: str) -> None:
    del kind
    client: Any = FailingClient(error)
    ledger = TableLedger(client, client, MovableClock(), MINE)

    with pytest.raises(StorageError):
        await ledger.claim("p", ROWS, CLAIM, START)


@pytest.mark.parametrize(("error", "kind"), AZURE_CASES)
def test_every_error_of_the_vault_is_mapped(monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str) -> None:
    del kind

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("azure.keyvault.secrets.SecretClient.get_secret", refuse)
    credential: Any = SimpleNamespace(get_token=lambda *_, **__: AccessToken("t", 0))

    with pytest.raises(CredentialError) as caught:
        KeyVault("https://vault.example", credential).read("the-secret")

    assert "https://vault.example" in str(caught.value)
    assert "secret-value" not in str(caught.value)


class Login:
    """Stands for an identity; a connection string has none."""

    async def get_token(self, *_: str) -> None: ...


ROLES = {
    "send": "Storage Queue Data Message Sender",
    "look": "Storage Queue Data Reader",
    "sent": "Storage Table Data Reader",
    "runs": "Storage Table Data Reader",
    "mark_sent": "Storage Table Data Contributor",
    "claim": "Storage Table Data Contributor",
}


async def refusal(operation: str, error: Exception, credential: object) -> str:
    """Return what is said of an operation that meets the error."""
    client: Any = FailingClient(error)
    client.credential = credential
    queue = StorageNoticeQueue(client, client, client, MovableClock())
    ledger = TableLedger(client, client, MovableClock(), MINE)
    if operation == "look":
        return (await queue.look()).queue.problem or ""
    operations: Mapping[str, Callable[[], Awaitable[object]]] = {
        "send": lambda: queue.send("text"),
        "sent": lambda: ledger.sent(DUE, (), DUE),
        "runs": lambda: ledger.runs(START.date()),
        "mark_sent": lambda: ledger.mark_sent("p", {"row": "m"}, CLAIM, START),
        "claim": lambda: ledger.claim("p", ROWS, CLAIM, START),
    }
    with pytest.raises(StorageError) as caught:
        await operations[operation]()
    return str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("operation", list(ROLES))
async def test_the_error_of_a_refused_identity_names_the_role_that_the_operation_needs(
    operation: str, status: int
) -> None:
    told = await refusal(operation, storage_errors.failure(status, "AuthorizationPermissionMismatch"), Login())

    assert f"assign the role {ROLES[operation]} on the " in told


@pytest.mark.parametrize("operation", list(ROLES))
async def test_the_error_of_a_refused_connection_string_says_that_no_role_helps(operation: str) -> None:
    told = await refusal(operation, storage_errors.failure(403, "AuthenticationFailed"), object())

    assert "no role helps a connection string: copy the account's own anew into NOTICE_STORAGE" in told
    assert "Storage" not in told, "no role is named"


@pytest.mark.parametrize("by_identity", [True, False])
async def test_how_the_sdks_clients_log_in_decides_whether_a_role_is_named(by_identity: bool) -> None:  # noqa: FBT001
    login: Any = Login()
    text, url = "AccountName=a;AccountKey=c2VjcmV0", "https://a.example"
    queue = QueueClient(url, "q", login) if by_identity else QueueClient.from_connection_string(text, "q")
    table = TableClient(url, "t", credential=login) if by_identity else TableClient.from_connection_string(text, "t")
    refused = storage_errors.failure(403, "AuthorizationPermissionMismatch")

    async with queue, table:
        for told in (
            storage_errors.queue_unusable(refused, queue, storage_errors.TO_LOOK),
            storage_errors.table_unusable(refused, table, storage_errors.TO_READ),
        ):
            assert ("Data Reader" in str(told)) is by_identity
            assert ("no role helps" in str(told)) is not by_identity


@pytest.mark.parametrize("code", [None, "Planned", "WebsiteNotFound"])
@pytest.mark.parametrize("operation", list(ROLES))
async def test_a_404_that_is_not_the_services_own_says_nothing_of_queue_or_table(
    operation: str, code: str | None
) -> None:
    told = await refusal(operation, storage_errors.failure(404, code), Login())

    assert "something between here and the service answered: check NOTICE_STORAGE" in told
    assert "does not exist" not in told


REQUESTS_ERRORS = sorted(classes(requests_exceptions, requests.RequestException))


def requests_error(name: str) -> Exception:
    kind = getattr(requests_exceptions, name)
    error: Exception = kind("secret-value", "", 0) if name == "JSONDecodeError" else kind("secret-value")
    return error


@pytest.mark.parametrize("name", REQUESTS_ERRORS)
def test_every_error_of_requests_is_mapped_by_the_directory(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests_error(name)

    monkeypatch.setattr(HTTPAdapter, "send", refuse)
    clock = MovableClock()
    token: Any = lambda **_: "token-value"  # noqa: E731 (a stand-in in one line)
    directory = GraphDirectory(
        endpoint="https://graph.example", token=token, attribute=("due",), user_filter="", clock=clock
    )

    with pytest.raises(DirectoryError) as caught:
        list(directory.pages())

    assert "https://graph.example" in str(caught.value)
    assert "secret-value" not in str(caught.value)
    assert len(clock.waits) in {0, retries.GRAPH.attempts - 1}


@pytest.mark.parametrize(
    "error",
    [
        *(requests_error(name) for name in REQUESTS_ERRORS),
        msal.exceptions.MsalServiceError("secret-value", error="x", error_description="y"),
        ValueError("secret-value"),
        json.JSONDecodeError("secret-value", "", 0),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("place", ["__init__", "acquire_token_for_client"])
def test_every_error_of_a_login_is_mapped(monkeypatch: pytest.MonkeyPatch, error: Exception, place: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    if place != "__init__":
        monkeypatch.setattr(msal.ConfidentialClientApplication, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(msal.ConfidentialClientApplication, place, refuse)
    token = GraphToken(
        authority="https://entra.example/tenant",
        client_id="client",
        scope="scope",
        read_credential=lambda: AppCredential(Secret("secret-value"), "1", None),
        clock=MovableClock(),
        instance_discovery=False,
    )

    with pytest.raises(CredentialError) as caught:
        token()

    assert "https://entra.example/tenant" in str(caught.value)
    assert "secret-value" not in str(caught.value)
