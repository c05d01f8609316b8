"""Gets tokens of the managed identity, or of a person's own login: built in this one place for all services.

azure-identity's synchronous and asynchronous credentials raise other classes for the same answer, and the
synchronous one answers again with an error that it remembers. So there is one way here: the synchronous credential,
in a thread for asynchronous clients, made anew for each try, with a look at what the identity endpoint really said.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CredentialUnavailableError

from due_notices.adapters.connections import hush, sdk_options
from due_notices.adapters.login_errors import NoToken
from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.refusals import IDENTITY, refusal_of

PAUSES = (1.0, 3.0)  # seconds before the second and the third try; one call in ten was seen to fail for days
_LEAST = 60  # seconds; a token in hand that is good for longer serves while the endpoint fails
# The identity endpoint is on the same machine. The SDK's defaults wait for minutes, and as long as any Retry-After. An
# endpoint that hangs is given up after two tries, before an operator who waits for `status` gives up.
_TIMEOUTS: Mapping[str, Any] = {"connection_timeout": 5, "read_timeout": 6}
_LIMITS: Mapping[str, Any] = {"retry_total": 1, "retry_status": 0}
_MANAGED = "managedidentitycredential"
_TOO_MANY, _SERVER_ERRORS, _OK = 429, range(500, 600), 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logs in. `kind` is AZURE_TOKEN_CREDENTIALS, empty for the managed identity.

    `client_id` None is the system-assigned identity; `setting` is where the client id is set. `names` fill the
    commands in refusals.
    """

    client_id: str | None
    setting: str
    kind: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def managed(self) -> bool:
        """Whether it is the managed identity alone, without another login to fall back on."""
        return self.kind.lower() in {"", _MANAGED}


class _Watched(RequestsTransport):  # type: ignore[misc] # azure-core hands its classes out untyped
    """Connections to the identity endpoint, through no proxy; keeps what was answered last, but for its body."""

    def __init__(self) -> None:
        # Trust as for any service; no proxy, since a token travels in clear on this machine and nowhere else.
        super().__init__(**{**sdk_options("https://localhost"), **_TIMEOUTS, "proxies": {}})
        self.asked = False
        self.status: int | None = None
        self.is_json = False

    def send(self, request: Any, **options: Any) -> Any:
        """Send, and look at the answer."""
        self.asked, self.status, self.is_json = True, None, False
        response = super().send(request, **{**options, "proxies": {}})
        self.status = response.status_code
        try:
            self.is_json = isinstance(json.loads(response.body()), dict)
        except (ValueError, RecursionError):
            self.is_json = False
        return response


class Login:
    """Tokens of one identity, for any resource, for synchronous clients of the SDKs. Raises NoToken."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        """Take who logs in; nothing is sent yet."""
        hush()
        self._identity = identity
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._transport: _Watched | None = None
        self._held: dict[tuple[object, ...], AccessToken] = {}

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for a resource; what fails for the moment is asked again within seconds."""
        key = (*scopes, options.get("tenant_id"))
        with self._lock:
            for pause in (*PAUSES, None):
                try:
                    found = self._ask(*scopes, **options)
                except NoToken:
                    held = self._held.get(key)
                    if held is not None and held.expires_on - self._clock.now().timestamp() > _LEAST:
                        return held
                    if pause is None or not self._passes():
                        raise
                    self._clock.sleep(pause)
                else:
                    self._held[key] = found
                    return found
        raise AssertionError

    def _ask(self, *scopes: str, **options: Any) -> AccessToken:
        if self._credential is None:
            self._credential, self._transport = _credential(self._identity)
        try:
            found = self._credential.get_token(*scopes, **options)
            if isinstance(found.token, str) and found.token and isinstance(found.expires_on, int):
                return found
            raise ValueError("no token")  # noqa: TRY301 (as the SDK should have)
        except Exception as error:
            # An endpoint that answers nonsense makes the SDK fail in its own code, in any way.
            sentence = self._sentence(error, scopes[0].removesuffix("/.default") if scopes else "nothing")
            self._credential = None  # it would replay some failures from memory
            raise NoToken(sentence) from error

    def _passes(self) -> bool:
        """Whether what failed may succeed in a moment."""
        status = self._transport.status if self._transport else None
        return status == _TOO_MANY or status in _SERVER_ERRORS

    def _sentence(self, error: Exception, resource: str) -> str:
        seen, who = self._transport, self._identity
        whose = f"{who.setting} {who.client_id}" if who.client_id else "the system-assigned identity"
        names = {"setting": who.setting, "client id": who.client_id or f"<{who.setting}>", **who.names}
        if not who.managed:
            details = ", ".join(_details(error))
            said = f"no login of yours gave a token for {resource} ({details})"
            return refusal_of(IDENTITY, "login").sentence(said, **names)
        if seen is None or not seen.asked or (isinstance(error, CredentialUnavailableError) and seen.status is None):
            said = f"no managed identity to get a token for {resource} with ({type(error).__name__})"
            return refusal_of(IDENTITY, "none").sentence(said, **names)
        said = f"the platform's identity endpoint gave {whose} no token for {resource}"
        if seen.status is None:
            return refusal_of(IDENTITY, "no answer").sentence(f"{said} ({type(error).__name__})", **names)
        answered = f"{said} (HTTP {seen.status})"
        if seen.status == _TOO_MANY or seen.status in _SERVER_ERRORS:
            return refusal_of(IDENTITY, "429 or 5xx").sentence(answered, **names)
        if seen.status == _OK or not seen.is_json:
            return refusal_of(IDENTITY, "no token").sentence(answered, **names)
        return refusal_of(IDENTITY, f"{seen.status}").sentence(answered, **names)


class AsyncLogin:
    """The same for asynchronous clients."""

    def __init__(self, login: Login) -> None:
        """Take the login."""
        self._login = login

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for a resource. Raises NoToken."""
        return await asyncio.to_thread(self._login.get_token, *scopes, **options)

    async def close(self) -> None:
        """Do nothing; connections end with the process."""

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(self, *reason: object) -> None:
        """Close it."""
        await self.close()


def _credential(identity: Identity) -> tuple[TokenCredential, _Watched | None]:
    """Return azure-identity's credential, and the connections that a managed identity alone uses."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if identity.managed:
        transport = _Watched()
        return ManagedIdentityCredential(client_id=identity.client_id, transport=transport, **_LIMITS), transport
    own = {"managed_identity_client_id": identity.client_id} if identity.client_id else {}
    return DefaultAzureCredential(**own, **_TIMEOUTS, **_LIMITS), None


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
        except NoToken as error:
            raise CredentialError(error.sentence) from error
        except AzureError as error:
            said = f"no token for {self._resource} ({type(error).__name__})"
            raise CredentialError(refusal_of(IDENTITY, "login").sentence(said)) from error


def _details(error: Exception) -> list[str]:
    """Return what identifies a refusal in azure-identity's text, of which nothing else is repeated."""
    text = str(error)
    found = [type(error).__name__, *re.findall(r"AADSTS[0-9]{4,8}", text)[:1]]
    found += [f"correlation id {one}" for one in re.findall(r"[Cc]orrelation ?[Ii][Dd]:? ([0-9a-fA-F-]{36})", text)[:1]]
    return found
