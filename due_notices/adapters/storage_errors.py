"""What the Storage SDKs raise, in the words of the core. Shared by the queue's and the ledger's adapter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)

from due_notices.adapters.connections import Service, distrusted, is_own_answer
from due_notices.adapters.login_errors import NoToken
from due_notices.errors import StorageError

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient
    from azure.storage.queue.aio import QueueClient

NO_SUCH_ROW = frozenset({"ResourceNotFound", "EntityNotFound"})
MISSING = frozenset({"QueueNotFound", "TableNotFound", "ResourceNotFound"})  # Storage's 404s have a code

# The role that an operation needs where there is no connection string.
TO_SEND = "Storage Queue Data Message Sender on the queue"
TO_LOOK = "Storage Queue Data Reader on the queue"
TO_WRITE = "Storage Table Data Contributor on the table"
TO_READ = "Storage Table Data Reader on the table (a run needs Storage Table Data Contributor)"

FOREIGN = (
    "something between here and the service answered: check NOTICE_STORAGE, the proxies on the way (HTTPS_PROXY and "
    "NO_PROXY) and the firewall"
)

# Caps for every request, in seconds. `retry_total=0`: an adapter retries itself, and only what is safe to repeat;
# the queue SDK's own policy puts a message twice when an answer gets lost. Storage never redirects; a proxy with a
# page of its own does.
LIMITS = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 0, "permit_redirects": False}


# The SDKs' own errors, and those of their code when an answer is nonsense.
FAILURES = (
    *(AzureError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, OSError),
    SyntaxError,  # of XML
)


class ForeignAnswer(AzureError):
    """An answer that cannot be the service's own, whatever its status says: it proves nothing about the service."""


def is_foreign(error: AzureError) -> bool:
    """Whether something between here and the service answered."""
    if isinstance(error, ForeignAnswer):
        return True
    if hasattr(error, "index"):
        return False  # of a transaction: its parts are inside the service's answer, and have no such headers
    headers = getattr(getattr(error, "response", None), "headers", None)
    return isinstance(error, HttpResponseError) and headers is not None and not is_own_answer(Service.STORAGE, headers)


def never_arrived(error: AzureError) -> bool:
    """Whether the connection failed before the request left, so that the service cannot have acted on it."""
    return isinstance(error, ServiceRequestTimeoutError) or (
        isinstance(error, ServiceRequestError) and isinstance(error.__cause__, aiohttp.ClientConnectorError)
    )


def status_of(error: AzureError) -> int | None:
    """Return the HTTP status of an answer; None where there was none."""
    return error.status_code if isinstance(error, HttpResponseError) else None


def no_login(error: AzureError) -> bool:
    """Whether the credential gave no token; the status is then the identity endpoint's, if there is one at all."""
    return isinstance(error, ClientAuthenticationError) and status_of(error) not in {401, 403}


def failure(status: int, code: str | None) -> HttpResponseError:
    """Return the error for a refused request, in the class that the SDKs use."""
    error = HttpResponseError(message=f"HTTP {status} {code or ''}".rstrip())
    error.status_code = status
    if code:
        error.error_code = code  # type: ignore[attr-defined]
    return error


def code_of(error: AzureError) -> str:
    """Return the service's own code for an error, or the kind of failure where there was no answer."""
    code = getattr(error, "error_code", None)
    text = str(getattr(code, "value", code))
    if code and re.fullmatch(r"[A-Za-z]{1,80}", text) and not is_foreign(error):
        return text
    if isinstance(error, ForeignAnswer):
        return str(error)
    status = status_of(error)
    return type(error).__name__ if status is None else f"HTTP {status}"


def queue_unusable(error: Exception, queue: QueueClient, role: str) -> StorageError:
    """Return the error for a queue that cannot be used, with the remedy; `role` is what the operation needs."""
    missing = "deploy infra/, or create it with `az storage queue create`; check NOTICE_QUEUE"
    return _unusable(error, f"the queue {queue.queue_name}", missing, role, queue)


def table_unusable(error: Exception, table: TableClient, role: str) -> StorageError:
    """Return the same for the ledger's table."""
    missing = "deploy infra/, or create it with `az storage table create`; check LEDGER_TABLE"
    return _unusable(error, f"the ledger table {table.table_name}", missing, role, table)


def _unusable(error: Exception, what: str, missing: str, role: str, client: QueueClient | TableClient) -> StorageError:
    if not isinstance(error, AzureError):
        return StorageError(f"{what} cannot be used, its answer is not of the service's form: {FOREIGN}")
    if isinstance(error, NoToken):
        return StorageError(f"{what} was not asked: {error.sentence}")
    status, code = status_of(error), code_of(error)
    if elsewhere := FOREIGN if is_foreign(error) else distrusted(error):
        return StorageError(f"{what} cannot be used ({code}): {elsewhere}")
    if no_login(error):
        remedy = (
            "no identity to log in with: on Azure assign the managed identity to the function app and set "
            "NOTICE_STORAGE__clientId; on a laptop run `az login` and set AZURE_TOKEN_CREDENTIALS=dev"
        )
    elif code in MISSING:
        remedy = f"it does not exist: {missing}"
    elif status == 404:  # noqa: PLR2004 (HTTP)
        remedy = FOREIGN
    elif status in {401, 403} and not hasattr(client.credential, "get_token"):
        remedy = (
            "access is refused, and no role helps a connection string: copy the account's own anew into "
            "NOTICE_STORAGE, and check that the account allows keys, and its firewall this network"
        )
    elif status in {401, 403}:
        remedy = f"access is refused: assign the role {role}; a new role takes some minutes; check the firewall, too"
    elif status is None:
        host = urlsplit(client.url).netloc
        remedy = f"no answer from {host}: check NOTICE_STORAGE, the account's firewall and the network"
    else:
        remedy = "the service failed or is overloaded; the next tick tries again"
    return StorageError(f"{what} cannot be used ({code}): {remedy}")
