"""Gets Microsoft Graph tokens with MSAL client credentials, and survives a rotated secret."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msal
import requests
from msal.exceptions import MsalError

from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.secret import StoredSecret

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_WRONG_SECRET, _EXPIRED_SECRET = 7000215, 7000222
_REMEDIES: Mapping[int, str] = {
    _WRONG_SECRET: (
        "the secret in the vault is not one of the app registration's: store a new one as the secret's newest version"
    ),
    _EXPIRED_SECRET: "the client secret has expired: make a new one and store it as the secret's newest version",
    700016: "no app with GRAPH_CLIENT_ID is known in this tenant: check GRAPH_CLIENT_ID and GRAPH_TENANT_ID",
    90002: "there is no such tenant: check GRAPH_TENANT_ID and AZURE_AUTHORITY_HOST",
    7000112: "the app registration is disabled: enable its service principal in Entra",
    53003: "a Conditional Access policy for workload identities blocks the app: exclude it, or allow its network",
}
_TIMEOUT = 10  # seconds for each request; MSAL's own default is to wait for ever


class GraphToken:
    """Tokens for Microsoft Graph: one long-lived MSAL application, whose cache answers nearly every call."""

    def __init__(
        self,
        *,
        authority: str,
        client_id: str,
        scope: str,
        read_secret: Callable[[], StoredSecret],
        clock: Clock,
        instance_discovery: bool,
    ) -> None:
        """Take what a login needs; nothing is sent yet."""
        self._authority = authority
        self._client_id = client_id
        self._scopes = [scope]
        self._read_secret = read_secret
        self._clock = clock
        self._instance_discovery = instance_discovery
        self._secret: StoredSecret | None = None
        self._app: msal.ConfidentialClientApplication | None = None
        # A cold cache would let each thread send a request of its own.
        self._lock = threading.Lock()

    @property
    def secret_days_left(self) -> int | None:
        """Whole days until the secret last read expires, negative afterwards; None where nothing is known."""
        if self._secret is None or self._secret.expires_on is None:
            return None
        return (self._secret.expires_on - self._clock.now()) // timedelta(days=1)

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token that is good for some minutes, a new one if `fresh`. Raises CredentialError."""
        with self._lock:
            if fresh and self._app is not None:
                self._app.remove_tokens_for_client()
            cached_secret = self._app is not None
            result = self._acquire()
            if cached_secret and _codes(result) & {_WRONG_SECRET, _EXPIRED_SECRET}:
                # Rotated since it was read. A new application also forgets what MSAL remembers of the failure.
                self._app = None
                result = self._acquire()
            if "access_token" not in result:
                raise CredentialError(self._refused(result))
            return str(result["access_token"])

    def _acquire(self) -> dict[str, Any]:
        try:
            if self._app is None:
                self._secret = self._read_secret()
                self._app = msal.ConfidentialClientApplication(
                    self._client_id,
                    client_credential=self._secret.value.reveal(),
                    authority=self._authority,
                    instance_discovery=self._instance_discovery,
                    timeout=_TIMEOUT,
                )
            result: dict[str, Any] = self._app.acquire_token_for_client(scopes=self._scopes)
        except (requests.RequestException, MsalError, ValueError) as error:
            message = (
                f"Entra at {self._authority} gave no token ({type(error).__name__}): check GRAPH_TENANT_ID, "
                "AZURE_AUTHORITY_HOST and the network; if Entra is down the next tick tries again"
            )
            raise CredentialError(message) from error
        return result

    def _refused(self, result: Mapping[str, Any]) -> str:
        codes = sorted(_codes(result))
        remedy = next(
            (_REMEDIES[code] for code in codes if code in _REMEDIES),
            "look the code up in Microsoft's list of Entra error codes",
        )
        named = ", ".join(f"AADSTS{code}" for code in codes) or str(result.get("error"))
        return (
            f"Entra at {self._authority} refused the login of app {self._client_id} ({named}): {remedy} "
            f"(correlation id {result.get('correlation_id')})"
        )


def _codes(result: Mapping[str, Any]) -> set[int]:
    codes = result.get("error_codes")
    return {code for code in codes if isinstance(code, int)} if isinstance(codes, list) else set()
