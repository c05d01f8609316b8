"""Microsoft Graph v1.0: the passwords of app registrations.

Contract: https://learn.microsoft.com/graph/api/application-addpassword, -removepassword and -list.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.clock import now
from local.emulated_service import ProblemError
from local.entra import EntraService
from local.registrations import AppRegistration, ClientSecret
from local.tokens import Caller

DEFAULT_LIFETIME = dt.timedelta(days=730)

Refuse = Callable[[int, str, str, Request], ProblemError]
"""Makes Graph's error with this status, code and message."""


class Applications:
    """The `applications` resource, for its `owners` (object ids).

    `unknown_for` answers the next so many writes with 404, as a replica does that has not heard of the app;
    `spread` is how long the token endpoint takes to know a new password.
    """

    def __init__(
        self,
        entra: EntraService,
        authorize: Callable[[Request], Caller],
        refuse: Refuse,
        headers: Callable[[Request], dict[str, str]],
    ) -> None:
        """Serve the apps of an Entra; `authorize` is Graph's check of the token, `headers` are those of its answers."""
        self.owners: set[str] = set()
        self.unknown_for = 0
        self.spread = dt.timedelta()
        self._entra = entra
        self._authorize = authorize
        self._refuse = refuse
        self._headers = headers

    def reset(self) -> None:
        """Return to the first state: no app has an owner."""
        self.owners.clear()
        self.unknown_for = 0
        self.spread = dt.timedelta()

    def routes(self) -> Sequence[BaseRoute]:
        """Serve the list by app id, and the two actions."""
        return [
            Route("/v1.0/applications", self._list),
            Route("/v1.0/applications/{key}/addPassword", self._add, methods=["POST"]),
            Route("/v1.0/applications/{key}/removePassword", self._remove, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        self._owner(request)
        wanted = re.fullmatch(r"appId eq '([0-9a-fA-F-]{36})'", request.query_params.get("$filter", ""))
        if wanted is None:
            raise self._refuse(400, "Request_UnsupportedQuery", "Only a filter on appId is emulated.", request)
        app = self._entra.find(wanted[1])
        return JSONResponse({"value": [] if app is None else [_shown(app)]}, headers=self._headers(request))

    async def _add(self, request: Request) -> Response:
        app = self._app(request)
        asked = (await request.json()).get("passwordCredential") or {}
        ends = asked.get("endDateTime")
        secret = ClientSecret(
            display_name=asked.get("displayName"),
            expires_on=dt.datetime.fromisoformat(ends) if ends else now() + DEFAULT_LIFETIME,
            accepted_from=now() + self.spread if self.spread else None,
        )
        self._entra.add_secret(app.client_id, secret)
        return JSONResponse({**_credential(secret), "secretText": secret.value}, headers=self._headers(request))

    async def _remove(self, request: Request) -> Response:
        app = self._app(request)
        key_id = (await request.json()).get("keyId")
        left = [secret for secret in app.secrets if secret.key_id != key_id]
        if len(left) == len(app.secrets):
            message = f"No password credential found with keyId '{key_id}'."
            raise self._refuse(400, "Request_BadRequest", message, request)
        self._entra.set_secrets(app.client_id, left)
        return Response(status_code=204, headers=self._headers(request))

    def _app(self, request: Request) -> AppRegistration:
        self._owner(request)
        key = request.path_params["key"]
        app = next((each for each in self._entra.apps if _object_id(each) == key), None)
        if app is None or self.unknown_for > 0:
            self.unknown_for -= 1
            message = (
                f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
            )
            raise self._refuse(404, "Request_ResourceNotFound", message, request)
        return app

    def _owner(self, request: Request) -> None:
        caller = self._authorize(request)
        if caller.object_id not in self.owners:
            message = "Insufficient privileges to complete the operation."
            raise self._refuse(403, "Authorization_RequestDenied", message, request)


def _object_id(app: AppRegistration) -> str:
    """Return the id of the application object, which is another one than that of the service principal."""
    return f"a{app.object_id[1:]}"


def _shown(app: AppRegistration) -> dict[str, object]:
    passwords = [_credential(secret) for secret in app.secrets]
    return {"id": _object_id(app), "appId": app.client_id, "passwordCredentials": passwords}


def _credential(secret: ClientSecret) -> dict[str, object]:
    return {
        "customKeyIdentifier": None,
        "displayName": secret.display_name,
        "endDateTime": None if secret.expires_on is None else f"{secret.expires_on:%Y-%m-%dT%H:%M:%SZ}",
        "hint": secret.value[:3],
        "keyId": secret.key_id,
        "secretText": None,
        "startDateTime": f"{secret.start:%Y-%m-%dT%H:%M:%S.%fZ}",
    }
