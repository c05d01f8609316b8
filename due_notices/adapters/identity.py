"""Gets tokens of the managed identity, or of a person's own login."""

from __future__ import annotations

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from due_notices.adapters.login_errors import not_logged_in
from due_notices.errors import CredentialError


class IdentityToken:
    """Tokens of one identity for one resource. The credential keeps them as long as they are good."""

    def __init__(self, credential: TokenCredential, resource: str) -> None:
        """Take the credential and the resource (`https://vault.azure.net`); nothing is sent yet."""
        self._credential = credential
        self._resource = resource

    def __call__(self) -> str:
        """Return a token. Raises CredentialError."""
        try:
            return self._credential.get_token(f"{self._resource}/.default").token
        except CredentialError:
            raise
        except (AzureError, ValueError, TypeError, AttributeError, KeyError) as error:
            # An identity endpoint that answers nonsense makes the SDK fail in its own code.
            raise not_logged_in(error, self._resource) from error
