"""App registrations: what proves an app to Entra, and how Entra words its refusals."""

from __future__ import annotations

import datetime as dt
import secrets
import string
from dataclasses import dataclass, field

from cryptography import x509
from starlette.responses import JSONResponse, Response

from local.clock import now
from local.emulated_service import ProblemError
from local.tokens import new_guid

_LETTERS = string.ascii_letters + string.digits + "._-"


def new_secret_text() -> str:
    """Return a random secret in the shape of Entra's: three characters, a digit, `Q~`, and 34 more."""
    text = "".join(secrets.choice(_LETTERS) for _ in range(37))
    return f"{text[:3]}8Q~{text[3:]}"


@dataclass(frozen=True)
class ClientSecret:
    """A password credential of an app registration; without `expires_on` it never expires.

    `accepted_from` is when the token endpoint begins to know it: a new one takes a while to spread.
    """

    value: str = field(repr=False, default_factory=new_secret_text)
    expires_on: dt.datetime | None = None
    key_id: str = field(default_factory=new_guid)
    display_name: str | None = None
    start: dt.datetime = field(default_factory=now)
    accepted_from: dt.datetime | None = None


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens an app registration takes for its own proof."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class AppRegistration:
    """A daemon app and the Graph application permissions that an administrator has granted it."""

    client_id: str = field(default_factory=new_guid)
    object_id: str = field(default_factory=new_guid)
    roles: frozenset[str] = frozenset({"User.Read.All"})
    secrets: tuple[ClientSecret, ...] = ()
    certificates: tuple[x509.Certificate, ...] = ()
    federated: tuple[FederatedCredential, ...] = ()
    enabled: bool = True


class EntraError(ProblemError):
    """An error of the token or discovery endpoint, `code` being the number after AADSTS."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        """Take the OAuth error name, the number and the text without its `AADSTS` prefix."""
        super().__init__(message)
        self.status = status
        self.error = error
        self.code = code
        self.message = message

    def reply(self) -> Response:
        """Return the error as the token endpoint words it."""
        trace, correlation = new_guid(), new_guid()
        timestamp = f"{now():%Y-%m-%d %H:%M:%S}Z"
        body = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.message} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {timestamp}",
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        return JSONResponse(body, status_code=self.status, headers={"x-ms-request-id": trace})
