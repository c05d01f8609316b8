"""Reads secrets from Azure Key Vault."""

from __future__ import annotations

from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.identity import CredentialUnavailableError
from azure.keyvault.secrets import SecretClient

from due_notices.errors import CredentialError
from due_notices.secret import Secret, StoredSecret

# The client checks that a vault's challenge asks for a token of the vault's own cloud. Elsewhere (the local
# stack, a private cloud) there is no such relation to check.
_VAULT_DOMAINS = (".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net")


class KeyVault:
    """One vault, read with the caller's identity. Each call ends within about 30 seconds."""

    def __init__(self, url: str, credential: TokenCredential) -> None:
        """Take the vault's URL; nothing is sent yet."""
        self._url = url
        self._client = SecretClient(
            vault_url=url,
            credential=credential,
            verify_challenge_resource=(urlsplit(url).hostname or "").endswith(_VAULT_DOMAINS),
            retry_total=2,
            retry_backoff_max=5,
            connection_timeout=5,
            read_timeout=10,
            timeout=30,
        )

    def read(self, name: str) -> StoredSecret:
        """Return the newest version of a secret. Raises CredentialError."""
        try:
            found = self._client.get_secret(name)
        except ResourceNotFoundError as error:
            message = (
                f"the vault {self._url} has no secret {name!r} ({_code(error)}): store it there, or correct "
                "KEY_VAULT_SECRET_NAME"
            )
            raise CredentialError(message) from error
        except CredentialUnavailableError as error:
            message = (
                f"no identity to open the vault {self._url} with (CredentialUnavailable): on Azure assign the managed "
                "identity to the function app and set AZURE_CLIENT_ID to its client id; on a laptop run `az login` "
                "and set AZURE_TOKEN_CREDENTIALS=dev"
            )
            raise CredentialError(message) from error
        except ClientAuthenticationError as error:
            message = (
                f"the vault {self._url} or the identity endpoint refused the login ({_code(error)}): check that "
                "AZURE_CLIENT_ID is the client id of an identity assigned to the function app, of the vault's tenant"
            )
            raise CredentialError(message) from error
        except HttpResponseError as error:
            raise CredentialError(self._refused(name, error)) from error
        except (AzureError, ValueError) as error:
            message = (
                f"the vault {self._url} does not answer ({type(error).__name__}): check KEY_VAULT_URL, the vault's "
                "firewall and the network"
            )
            raise CredentialError(message) from error
        properties = found.properties
        return StoredSecret(
            value=Secret(found.value or ""),
            version=properties.version or "",
            expires_on=properties.expires_on,
            not_before=properties.not_before,
        )

    def _refused(self, name: str, error: HttpResponseError) -> str:
        if error.status_code == 403:  # noqa: PLR2004 (HTTP)
            return (
                f"the vault {self._url} does not let this identity read the secret {name!r} ({_code(error)}): assign "
                "the role Key Vault Secrets User on the vault, enable the secret, and allow the caller's network; a "
                "new role can take some minutes to count"
            )
        return f"the vault {self._url} answered {error.status_code} ({_code(error)}); try again, or ask Azure's status"


def _code(error: HttpResponseError) -> str:
    """Return the service's own code; an inner one (`ForbiddenByRbac`) says more than its outer."""
    inner = getattr(error.error, "innererror", None)
    codes = (getattr(error.error, "code", None), inner.get("code") if isinstance(inner, dict) else None)
    return "/".join(str(code) for code in codes if code) or f"HTTP {error.status_code}"
