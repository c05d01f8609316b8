"""Key Vault: the secrets of one vault.

Reading and writing are emulated with the authentication challenge and its errors. A secret is a list of
versions, the newest last, to which writing appends.
Contract: https://learn.microsoft.com/rest/api/keyvault/secrets
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.clock import now
from local.emulated_service import ProblemError, Service
from local.tokens import Caller, Flaw, TokenAuthority, TokenRejectedError, new_guid

RESOURCE = "https://vault.azure.net"
RECOVERABLE_DAYS = 90


@dataclass(frozen=True)
class SecretVersion:
    """One version of a secret, with the attributes that the service keeps for it."""

    value: str = field(repr=False)
    version: str = field(default_factory=lambda: uuid.uuid4().hex)
    enabled: bool = True
    not_before: dt.datetime | None = None
    expires_on: dt.datetime | None = None
    created_on: dt.datetime = field(default_factory=now)
    updated_on: dt.datetime = field(default_factory=now)
    content_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class VaultError(ProblemError):
    """An error of the vault; `inner` is the code that says more than the outer one."""

    def __init__(
        self, status: int, code: str, message: str, *, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the code and the message of the error body."""
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.error: dict[str, object] = {"code": code, "message": message}
        if inner:
            self.error["innererror"] = {"code": inner}

    def reply(self) -> Response:
        """Return the error as Key Vault words it."""
        headers = {"x-ms-request-id": new_guid(), **(self.headers or {})}
        return JSONResponse({"error": self.error}, status_code=self.status, headers=headers)


class VaultService(Service):
    """A vault with role-based access, by object id: `readers` may get secrets, `officers` may list and set them too."""

    def __init__(self, base_url: str, tokens: TokenAuthority, authority_url: str) -> None:
        """Make an empty vault whose challenge sends callers to the authority."""
        super().__init__(base_url)
        self.readers: set[str] = set()
        self.officers: set[str] = set()
        self._tokens = tokens
        self._authority_url = authority_url
        self._secrets: dict[str, list[SecretVersion]] = {}

    def reset(self) -> None:
        """Return to the first state: no secrets, no readers."""
        super().reset()
        self.readers.clear()
        self.officers.clear()
        self._secrets.clear()

    def set_secret(self, name: str, version: SecretVersion) -> SecretVersion:
        """Add a version; it becomes the current one."""
        self._secrets.setdefault(name.lower(), []).append(version)
        return version

    def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return the versions of a secret, the current one last; none if there is no such secret."""
        return tuple(self._secrets.get(name.lower(), ()))

    def update_secret(self, name: str, **attributes: Any) -> SecretVersion:
        """Change attributes of a secret's current version, for instance `enabled=False`."""
        versions = self._secrets[name.lower()]
        versions[-1] = replace(versions[-1], **{"updated_on": now(), **attributes})
        return versions[-1]

    def delete_secret(self, name: str) -> None:
        """Remove a secret with all its versions."""
        del self._secrets[name.lower()]

    def routes(self) -> Sequence[BaseRoute]:
        """Serve a secret's current version, any version by its id, the list of versions, and new versions."""
        return [
            Route("/secrets/{name}", self._set_secret, methods=["PUT"]),
            Route("/secrets/{name}/versions", self._list_versions),
            Route("/secrets/{name}", self._get_secret),
            Route("/secrets/{name}/", self._get_secret),
            Route("/secrets/{name}/{version}", self._get_secret),
        ]

    def error(self, status: int, request: Request) -> Response:
        """Return an error whose code is the name of the status."""
        del request
        return VaultError(status, HTTPStatus(status).phrase.replace(" ", ""), "A planned fault.").reply()

    async def _get_secret(self, request: Request) -> Response:
        caller = self._authenticated(request)
        if not request.query_params.get("api-version"):
            raise VaultError(400, "BadParameter", "api-version must be specified")
        name = request.path_params["name"]
        # The vault authorises before it looks: a caller without a role cannot find out which names exist.
        if caller.object_id not in self.readers | self.officers:
            raise self._forbidden(caller, name, "getSecret")
        found = self._find(name, request.path_params.get("version", ""))
        if not found.enabled:
            message = "Operation get is not allowed on a disabled secret."
            raise VaultError(403, "Forbidden", message, inner="SecretDisabled")
        return JSONResponse(self._bundle(name, found), headers=_service_headers(request))

    async def _set_secret(self, request: Request) -> Response:
        name = self._officer(request, "setSecret")
        body = await request.json()
        attributes = body.get("attributes") or {}
        version = SecretVersion(
            body["value"],
            enabled=attributes.get("enabled", True),
            not_before=_moment(attributes.get("nbf")),
            expires_on=_moment(attributes.get("exp")),
            content_type=body.get("contentType"),
            tags=body.get("tags") or {},
        )
        return JSONResponse(self._bundle(name, self.set_secret(name, version)), headers=_service_headers(request))

    async def _list_versions(self, request: Request) -> Response:
        name = self._officer(request, "readMetadata")
        if not self.versions(name):
            self._find(name, "")
        bundles = [self._bundle(name, version) for version in self.versions(name)]
        for bundle in bundles:
            del bundle["value"]
        return JSONResponse({"value": bundles, "nextLink": None}, headers=_service_headers(request))

    def _officer(self, request: Request, action: str) -> str:
        caller = self._authenticated(request)
        name: str = request.path_params["name"]
        if caller.object_id not in self.officers:
            raise self._forbidden(caller, name, action)
        return name

    def _authenticated(self, request: Request) -> Caller:
        try:
            return self._tokens.check(request.headers.get("authorization"), {RESOURCE})
        except TokenRejectedError as rejected:
            challenge = f'Bearer authorization="{self._authority_url}/{self._tokens.tenant_id}", resource="{RESOURCE}"'
            raise VaultError(
                401, "Unauthorized", _rejection(rejected), headers={"WWW-Authenticate": challenge}
            ) from rejected

    def _find(self, name: str, version: str) -> SecretVersion:
        for candidate in reversed(self.versions(name)):
            if version in ("", candidate.version):
                return candidate
        wanted = f"{name}/{version}" if version else name
        raise VaultError(
            404,
            "SecretNotFound",
            f"A secret with (name/id) {wanted} was not found in this key vault. If you recently deleted this secret "
            "you may be able to recover it using the correct recovery command. For help resolving this issue, "
            "please see https://go.microsoft.com/fwlink/?linkid=2125182",
        )

    def _forbidden(self, caller: Caller, name: str, action: str) -> VaultError:
        resource = "/subscriptions/local/resourcegroups/local/providers/microsoft.keyvault/vaults/local"
        message = (
            "Caller is not authorized to perform action on resource.\r\n"
            "If role assignments, deny assignments or role definitions were changed recently, "
            "please observe propagation time.\r\n"
            f"Caller: appid={caller.app_id};oid={caller.object_id};iss={caller.issuer}\r\n"
            f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}/action'\r\n"
            f"Resource: '{resource}/secrets/{name}'\r\n"
            "Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\n"
            "Vault: local;location=local\r\n"
        )
        return VaultError(403, "Forbidden", message, inner="ForbiddenByRbac")

    def _bundle(self, name: str, secret: SecretVersion) -> dict[str, object]:
        attributes = {
            "enabled": secret.enabled,
            "nbf": _epoch(secret.not_before),
            "exp": _epoch(secret.expires_on),
            "created": _epoch(secret.created_on),
            "updated": _epoch(secret.updated_on),
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": RECOVERABLE_DAYS,
        }
        bundle = {
            "value": secret.value,
            "contentType": secret.content_type,
            "id": f"{self.base_url}/secrets/{name}/{secret.version}",
            "attributes": {key: value for key, value in attributes.items() if value is not None},
            "tags": dict(secret.tags) or None,
        }
        return {key: value for key, value in bundle.items() if value is not None}


def _epoch(moment: dt.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _moment(epoch: int | None) -> dt.datetime | None:
    return None if epoch is None else dt.datetime.fromtimestamp(epoch, dt.UTC)


def _service_headers(request: Request) -> dict[str, str]:
    headers = {"x-ms-request-id": new_guid(), "x-ms-keyvault-region": "local", "Cache-Control": "no-cache"}
    client_id = request.headers.get("x-ms-client-request-id")
    return headers if client_id is None else {**headers, "x-ms-client-request-id": client_id}


def _rejection(rejected: TokenRejectedError) -> str:
    messages = {
        Flaw.MISSING: "AKV10000: Request is missing a Bearer or PoP token.",
        Flaw.MALFORMED: "AKV10000: The token is malformed.",
        Flaw.SIGNATURE: "[BearerReadAccessTokenFailed] Error validating token: the signature is invalid.",
        Flaw.EXPIRED: "[BearerReadAccessTokenFailed] Error validating token: the token is expired.",
        Flaw.ISSUER: "AKV10032: Invalid issuer.",
        Flaw.AUDIENCE: f"AKV10022: Invalid audience. Expected {RESOURCE}, found: {rejected.audience}.",
    }
    return messages[rejected.flaw]
