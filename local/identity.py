"""The managed-identity endpoint of App Service and Functions.

Contract: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.clock import now
from local.emulated_service import ProblemError, Service
from local.tokens import TokenAuthority, new_guid

API_VERSION = "2019-08-01"
TOKEN_LIFETIME = dt.timedelta(hours=24)
EXCHANGES = frozenset(
    {f"api://AzureADTokenExchange{cloud}" for cloud in ("", "USGov", "China", "France", "Germany", "GovSG")}
)
KNOWN_RESOURCES = frozenset(
    {
        *EXCHANGES,
        "https://graph.microsoft.com",
        "https://management.azure.com",
        "https://storage.azure.com",
        "https://vault.azure.net",
    }
)


@dataclass(frozen=True)
class ManagedIdentity:
    """A user-assigned identity of the function app."""

    client_id: str = field(default_factory=new_guid)
    principal_id: str = field(default_factory=new_guid)


class IdentityError(ProblemError):
    """An answer other than a token."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status, which the body repeats, and the message."""
        super().__init__(message)
        self.status = status
        self.message = message

    def reply(self) -> Response:
        """Return the error as App Service words it."""
        body = {"statusCode": self.status, "message": self.message, "correlationId": new_guid()}
        return JSONResponse(body, status_code=self.status)


class IdentityService(Service):
    """Hands out tokens for the identities assigned to the app, to callers that know the header."""

    def __init__(
        self,
        base_url: str,
        tokens: TokenAuthority,
        identities: Sequence[ManagedIdentity],
        *,
        authority_url: str = "https://login.microsoftonline.com",
        graph_url: str = "https://graph.microsoft.com",
    ) -> None:
        """Serve these identities under a new header value; tokens for `graph_url` are tokens for Microsoft Graph."""
        super().__init__(base_url)
        self._exchange_issuer = f"{authority_url}/{tokens.tenant_id}/v2.0"
        self._graph_url = graph_url
        self.identities = tuple(identities)
        self.header = secrets.token_urlsafe(24)
        self.token_lifetime = TOKEN_LIFETIME
        self._tokens = tokens

    def reset(self) -> None:
        """Return to the first state; the identities stay."""
        super().reset()
        self.token_lifetime = TOKEN_LIFETIME

    @property
    def endpoint(self) -> str:
        """Return the value of `IDENTITY_ENDPOINT`."""
        return f"{self.base_url}/msi/token"

    def routes(self) -> Sequence[BaseRoute]:
        """Serve tokens."""
        return [Route("/msi/token", self._get_token)]

    def error(self, status: int, request: Request) -> Response:
        """Return the error of an outage."""
        del request
        return IdentityError(status, "An unexpected error occurred while fetching the AAD Token.").reply()

    async def _get_token(self, request: Request) -> Response:
        if not _same(request.headers.get("x-identity-header", ""), self.header):
            raise IdentityError(403, "The X-IDENTITY-HEADER header is missing or wrong.")
        query = request.query_params
        if query.get("api-version") != API_VERSION:
            raise IdentityError(400, "The api-version is missing or not supported.")
        resource = query.get("resource", "")
        resource = "https://graph.microsoft.com" if resource.rstrip("/") == self._graph_url else resource
        if resource.rstrip("/") not in KNOWN_RESOURCES:
            message = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
            raise IdentityError(400, message)
        identity = self._identity(query.get("client_id"))
        expires = now() + self.token_lifetime
        token = self._tokens.issue(
            audience=resource,
            object_id=identity.principal_id,
            app_id=identity.client_id,
            lifetime=self.token_lifetime,
            issuer=self._exchange_issuer if resource in EXCHANGES else None,
        )
        return JSONResponse(
            {
                "access_token": token,
                "expires_on": str(int(expires.timestamp())),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }
        )

    def _identity(self, client_id: str | None) -> ManagedIdentity:
        for identity in self.identities:
            if client_id is not None and identity.client_id.lower() == client_id.lower():
                return identity
        # Without a client id the platform means the system-assigned identity, which this app has not got.
        raise IdentityError(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        )


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())
