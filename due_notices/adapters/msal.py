"""Gets Microsoft Graph tokens with MSAL client credentials, and survives a rotated credential."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msal
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from due_notices.adapters.connections import Service, Skew, distrusted, hush, is_own_answer, session_to
from due_notices.clouds import cloud_of_authority
from due_notices.credentials import AppCredential, Certificate, CredentialEnd, ExpiryWarning
from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.refusals import ENTRA, not_its_own, refusal_of
from due_notices.secret import Secret

_T = TypeVar("_T")
_TIMEOUT = 10  # seconds for each request; MSAL's own default is to wait for ever
_LEAST = timedelta(minutes=1)  # a token that is good for less is not handed out
_REST = timedelta(minutes=1)  # the token in hand serves as long before MSAL is asked again, whatever it answers
_LOOK_AGAIN = timedelta(minutes=50)  # so old a credential near its end is looked for anew: once in an hourly run


class _Session(requests.Session):
    """MSAL's connections: with time-outs, without redirects (the request holds the credential), not too patient.

    A session of MSAL's own would wait for ever, and sleep through any Retry-After of the discovery document.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last: requests.Response | None = None
        self.skew: Skew | None = None
        once = Retry(total=1, connect=1, read=False, status=0, respect_retry_after_header=False)
        self.mount("https://", HTTPAdapter(max_retries=once))

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        self.last = None
        self.last = super().request(*arguments, **{**options, "timeout": _TIMEOUT, "allow_redirects": False})
        if self.skew is not None:
            self.skew.look(self.last.headers)
        return self.last


@dataclass(frozen=True, slots=True)
class _Held:
    """The last token, kept besides MSAL's cache: that one gives an aging token only if Entra answers well."""

    text: str
    good_until: datetime


class GraphToken:
    """Tokens for Microsoft Graph: one long-lived MSAL application, whose cache answers nearly every call.

    The credential is read when a token is needed and none is there, again when Entra refuses it as one that may
    have been rotated, and again in each run while its end is near. A failure of vault or Entra is none as long
    as the last token is good.
    """

    def __init__(
        self,
        *,
        authority: str,
        client_id: str,
        scope: str,
        read_credential: Callable[[], AppCredential],
        clock: Clock,
        instance_discovery: bool,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Take what a login needs; nothing is sent yet. `names` fill the commands in refusals."""
        hush()
        self._authority = authority
        self._client_id = client_id
        self._scopes = [scope]
        self._read_credential = read_credential
        self._clock = clock
        self._instance_discovery = instance_discovery
        self._names = {"GRAPH_CLIENT_ID": client_id, **(names or {})}
        self._credential: AppCredential | None = None
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._session = _Session()
        self._session.skew = self._skew = Skew(Service.ENTRA, clock)
        session_to(authority, self._session)
        self._app: msal.ConfidentialClientApplication | None = None
        self._held: _Held | None = None
        self._ask_from = datetime.min.replace(tzinfo=UTC)
        # A cold cache would let each thread send a request of its own.
        self._lock = threading.Lock()

    @property
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential last read is good; None before it was read, or where it has no end of its own."""
        if self._credential is None or self._credential.life is None:
            return None
        return self._credential.life.end(self._clock.now())

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about the credential last read; None before it was read."""
        if self._credential is None or self._credential.life is None:
            return None
        return self._credential.life.warning(self._clock.now())

    @property
    def clock_ahead(self) -> timedelta | None:
        """How far this machine's clock is ahead of Entra's by its last answer."""
        return self._skew.ahead

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token that is good for some minutes, a new one if `fresh`. Raises CredentialError."""
        with self._lock:
            if fresh:
                self._forget_tokens()
            held = self._held
            if held is not None and self._clock.now() < self._ask_from:
                return held.text
            try:
                held = self._ask()
            except CredentialError:
                # What failed is forgotten, so that the next try begins anew: MSAL answers some failures from memory.
                if held is None or self._clock.now() + _LEAST > held.good_until:
                    self._app = self._held = None
                    raise
            self._held, self._ask_from = held, min(self._clock.now() + _REST, held.good_until - _LEAST)
            return held.text

    def _forget_tokens(self) -> None:
        """Begin anew with the credential in hand: MSAL's own forgetting asks the network, and may leave some."""
        known, self._app, self._held = self._app is not None, None, None
        if known and self._credential is not None:
            self._app = self._build(self._credential)

    def _ask(self) -> _Held:
        """Return a token of the cache or of Entra, with a credential read anew where the one in hand is refused."""
        known = self._app is not None
        app = self._application()
        result = self._acquire(app)
        if known and any(refusal_of(ENTRA, code).rotated for code in _codes(result)):
            # Rotated since it was read. A new application also forgets what MSAL remembers of the failure.
            self._app = self._build(self._read())
            result = self._acquire(self._app)
        if "access_token" not in result:
            raise self._refused(result)
        return self._guarded(lambda: self._held_of(result))

    def _held_of(self, result: Mapping[str, Any]) -> _Held:
        token = result["access_token"]
        if not isinstance(token, str) or not token:
            raise TypeError("a token is a text")
        return _Held(token, self._clock.now() + timedelta(seconds=int(result["expires_in"])))

    def _application(self) -> msal.ConfidentialClientApplication:
        if self._app is None:
            self._app = self._build(self._read())
        elif self.credential_warning is not None and self._clock.now() - self._read_at >= _LOOK_AGAIN:
            self._look_again()
        return self._app

    def _look_again(self) -> None:
        """Take a newer version where there is one: a warning must not outlive the rotation it asked for."""
        before = self._credential
        try:
            found = self._read()
        except CredentialError:
            self._read_at = self._clock.now()
            return
        if before is None or found.version != before.version:
            self._app = self._build(found)

    def _read(self) -> AppCredential:
        credential = self._read_credential()
        self._credential, self._read_at = credential, self._clock.now()
        return credential

    def _build(self, credential: AppCredential) -> msal.ConfidentialClientApplication:
        return self._guarded(
            lambda: msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=_for_msal(credential),
                authority=self._authority,
                # Of a host that MSAL knows the question asks nothing, and fails where that address is not reached.
                instance_discovery=self._instance_discovery and cloud_of_authority(self._authority) is None,
                azure_region=msal.ConfidentialClientApplication.DISABLE_MSAL_FORCE_REGION,
                http_client=self._session,
            )
        )

    def _acquire(self, app: msal.ConfidentialClientApplication) -> Mapping[str, Any]:
        def acquire() -> Mapping[str, Any]:
            result = app.acquire_token_for_client(scopes=self._scopes)
            if not isinstance(result, dict):
                raise TypeError("an answer is an object")
            return result

        return self._guarded(acquire)

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Do what touches MSAL. Raises CredentialError, whatever MSAL raises: it fails in its own code, too."""
        self._session.last = None
        try:
            return work()
        except CredentialError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> CredentialError:
        answer = self._session.last
        if answer is not None:
            # MSAL turns an answer that it does not expect into an error that says nothing of it.
            if not is_own_answer(Service.ENTRA, answer.headers):
                return CredentialError(not_its_own("Entra", self._authority, answer.status_code))
            found = _json(answer)
            if _codes(found):
                return self._refused(found)
        said = f"Entra at {self._authority} gave no token ({_outage(error)})"
        remedy = distrusted(error) or (
            "check GRAPH_TENANT_ID, AZURE_AUTHORITY_HOST and the network; if Entra is down the next tick tries again"
        )
        return CredentialError(f"{said}: {remedy}")

    def _refused(self, result: Mapping[str, Any]) -> CredentialError:
        codes, answer = _codes(result), self._session.last
        if not codes and answer is not None and not is_own_answer(Service.ENTRA, answer.headers):
            return CredentialError(not_its_own("Entra", self._authority, answer.status_code))
        # Only what has the form that it should have is repeated: a description may echo what it was sent.
        named = ", ".join(codes) or _matching(r"[a-z_]{1,60}", result.get("error"), "no code")
        identifier = _matching(r"[0-9A-Fa-f-]{36}", result.get("correlation_id"), "unknown")
        said = (
            f"Entra at {self._authority} refused the login of app {self._client_id} ({named}, correlation id "
            f"{identifier})"
        )
        refusal = refusal_of(ENTRA, *codes)
        sentence = refusal.sentence(said, **self._names)
        proof = self._credential.proof if self._credential else None
        if refusal.rotated and isinstance(proof, Secret) and proof.oddity:
            sentence = f"{sentence}. What is in the vault cannot be it: {proof.oddity}"
        return CredentialError(sentence, code=codes[0] if codes else "")


def _for_msal(credential: AppCredential) -> str | dict[str, object]:
    """Return a credential in the form of `client_credential`.

    For a certificate without a given thumbprint MSAL signs with PS256 and names it by x5t#S256; from the chain it
    sends the first certificate (x5c), which is what subject-name-and-issuer trust looks at.
    """
    match credential.proof:
        case Secret() as secret:
            return secret.reveal()
        case Certificate() as certificate:
            return {"private_key": certificate.private_key.reveal(), "public_certificate": certificate.chain}
        case assertion:
            return {"client_assertion": assertion}


def _codes(result: Mapping[str, Any]) -> list[str]:
    """Return Entra's numbers as people know them: AADSTS700016."""
    codes = result.get("error_codes")
    if isinstance(codes, list):
        return [f"AADSTS{code}" for code in codes if type(code) is int]
    return re.findall(r"AADSTS[0-9]{4,8}", str(result.get("error_description")))[:1]


def _json(answer: requests.Response) -> Mapping[str, Any]:
    """Return the object in an answer; empty for anything else."""
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _matching(pattern: str, found: object, otherwise: str) -> str:
    return found if isinstance(found, str) and re.fullmatch(pattern, found) else otherwise


def _outage(error: Exception) -> str:
    """Return the kind of failure, with the HTTP status where MSAL says it."""
    found = re.match(r"HTTP Error: [0-9]{3}", str(error))
    return f"{type(error).__name__}, {found[0]}" if found else type(error).__name__
