"""Opens the queues, and says what keeps them from being used."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueClient
from notices import Event
from sender import SettingsError

# For every request, in seconds: by itself the SDK is silent for minutes where an account does not answer.
LIMITS: Any = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1, "initial_backoff": 1, "increment_base": 1}


def open_queue(name: str, environ: Mapping[str, str]) -> QueueClient:
    """Open a queue by connection string, or by its endpoint and one's own identity. Raises SettingsError."""
    connection_string = environ.get("NOTICE_STORAGE")
    endpoint = environ.get("NOTICE_STORAGE__queueServiceUri")
    try:
        if connection_string:
            return QueueClient.from_connection_string(connection_string, name, **LIMITS)
        if endpoint:
            from azure.identity import DefaultAzureCredential

            return QueueClient(endpoint, name, credential=DefaultAzureCredential(), **LIMITS)
    except ValueError:  # whose text may hold a part of the setting
        raise SettingsError(
            "NOTICE_STORAGE or NOTICE_STORAGE__queueServiceUri is malformed: copy it again from the storage account"
        ) from None
    raise SettingsError(
        "no setting says where the queue is: set NOTICE_STORAGE to the storage account's connection string, or "
        "NOTICE_STORAGE__queueServiceUri to https://<account>.queue.core.windows.net and log in with `az login`"
    )


def to_poison(poison: QueueClient) -> Callable[[Event], None]:
    """Return what puts a notice on the poison queue, for ever, as the program wrote it."""

    def put(event: Event) -> None:
        import json

        poison.send_message(base64.b64encode(json.dumps(event).encode()).decode(), time_to_live=-1)

    return put


def is_gone(error: HttpResponseError) -> bool:
    """Whether a message could not be deleted because another worker has it by now, or has finished it."""
    return isinstance(error, ResourceNotFoundError) or error.error_code in {"PopReceiptMismatch", "MessageNotFound"}  # type: ignore[attr-defined]


def remedy(error: AzureError, name: str) -> str:
    """Say what keeps the queue from being used, and what to do."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ResourceNotFoundError):
        found = f"it or {name}-poison does not exist: make both with `az storage queue create`, or correct NOTICE_QUEUE"
    elif isinstance(error, ClientAuthenticationError) or status in {401, 403}:
        found = "access is refused: correct NOTICE_STORAGE, or `az login` and assign the roles that README.md names"
    elif status is None:
        found = "no answer: check NOTICE_STORAGE, the account's firewall and the network"
    elif status < 500:  # noqa: PLR2004 (HTTP)
        found = "the request is refused: check NOTICE_QUEUE and NOTICE_STORAGE"
    else:
        found = "the service failed or is overloaded: try again later"
    return f"the queue {name} cannot be used ({status or type(error).__name__}): {found}"
