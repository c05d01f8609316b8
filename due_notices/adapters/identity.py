"""Gets tokens of the managed identity, or of a person's own login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from due_notices.adapters.login_errors import not_logged_in
from due_notices.errors import CredentialError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# The identity endpoint is on the same machine. The SDK's defaults wait for minutes, and as long as any Retry-After.
_LIMITS: Mapping[str, Any] = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1, "retry_status": 0}


def login(client_id: str | None, *, developer: bool) -> TokenCredential:
    """Return the managed identity (None: the system-assigned one), or the developer's own login."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    return DefaultAzureCredential() if developer else ManagedIdentityCredential(client_id=client_id, **_LIMITS)


def async_login(client_id: str | None, *, developer: bool) -> AsyncTokenCredential:
    """Return the same for asynchronous clients."""
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    return DefaultAzureCredential() if developer else ManagedIdentityCredential(client_id=client_id, **_LIMITS)


class IdentityToken:
    """Tokens of one identity for one resource. The credential keeps them as long as they are good."""

    def __init__(self, credential: TokenCredential, resource: str) -> None:
        """Take the credential and the resource (`https://vault.azure.net`); nothing is sent yet."""
        self._credential = credential
        self._resource = resource

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token. Raises CredentialError. The credential alone knows when it needs a `fresh` one."""
        del fresh
        try:
            return self._credential.get_token(f"{self._resource}/.default").token
        except CredentialError:
            raise
        except (AzureError, ValueError, TypeError, AttributeError, KeyError) as error:
            # An identity endpoint that answers nonsense makes the SDK fail in its own code.
            raise not_logged_in(error, self._resource) from error
