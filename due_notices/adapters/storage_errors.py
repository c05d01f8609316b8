"""What the Storage SDKs raise, in the words of the core. Shared by the queue's and the ledger's adapter."""

from __future__ import annotations

import aiohttp
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)

from due_notices.errors import StorageError

ATTEMPTS = 4
BUSY = frozenset({429, 503})  # the service says that it did not do it
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})

# Caps for every request, in seconds. `retry_total=0`: an adapter retries itself, and only what is safe to repeat;
# the queue SDK's own policy puts a message twice when an answer gets lost.
LIMITS = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 0}


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
    """Return the error for a refused request, told like the SDKs' own."""
    error = HttpResponseError(message=f"HTTP {status} {code or ''}".rstrip())
    error.status_code = status
    if code:
        error.error_code = code  # type: ignore[attr-defined]
    return error


def code_of(error: AzureError) -> str:
    """Return the service's own code for an error, or the kind of failure where there was no answer."""
    code = getattr(error, "error_code", None)
    if code:
        return str(getattr(code, "value", code))
    status = status_of(error)
    return type(error).__name__ if status is None else f"HTTP {status}"


def unusable(error: AzureError, what: str, *, missing: str, role: str) -> StorageError:
    """Return the error for a queue or table (`what`) that cannot be used, with the remedy."""
    status, code = status_of(error), code_of(error)
    if no_login(error):
        remedy = (
            "no identity to log in with: on Azure assign the managed identity to the function app and set "
            "NOTICE_STORAGE__clientId; on a laptop run `az login` and set AZURE_TOKEN_CREDENTIALS=dev"
        )
    elif status == 404:  # noqa: PLR2004 (HTTP)
        remedy = f"it does not exist: {missing}"
    elif status in {401, 403}:
        remedy = f"access is refused: assign the role {role}, or correct NOTICE_STORAGE; a new role takes some minutes"
    elif status is None:
        remedy = "no answer: check NOTICE_STORAGE, the account's firewall and the network"
    else:
        remedy = "the service is unwell; the next tick tries again"
    return StorageError(f"{what} cannot be used ({code}): {remedy}")
