"""The e-mail part of Azure Communication Services: takes letters, does one operation once, says how it ended.

Contract: https://learn.microsoft.com/rest/api/communication/email and
https://learn.microsoft.com/azure/azure-app-configuration/rest-api-authentication-hmac (the way requests are signed)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.emulated_service import Service

KEY = base64.b64encode(b"made up for the tests").decode()


class CommunicationService(Service):
    """Set `statuses` for what an operation says when it is asked, in turn; the last one stays."""

    def __init__(self, base_url: str) -> None:
        """Serve with nothing sent."""
        super().__init__(base_url)
        self.sent: dict[str, dict[str, Any]] = {}
        self.statuses = ["Running", "Succeeded"]
        self.dropped: dict[str, str] = {}
        self._asked = 0

    def routes(self) -> Sequence[BaseRoute]:
        """Return sending and asking."""
        return [
            Route("/emails:send", self._send, methods=["POST"]),
            Route("/emails/operations/{identifier}", self._status, methods=["GET"]),
        ]

    def error(self, status: int, request: Request) -> Response:
        """Return an error as the service words it."""
        del request
        return JSONResponse({"error": {"code": f"Planned{status}", "message": "planned by a test"}}, status_code=status)

    async def _send(self, request: Request) -> Response:
        if not await _is_signed(request):
            return self.error(401, request)
        identifier = str(uuid.UUID(request.headers["operation-id"]))
        self.sent.setdefault(identifier, await request.json())
        return self._answer(identifier, 202, "Running")

    async def _status(self, request: Request) -> Response:
        if not await _is_signed(request):
            return self.error(401, request)
        status = self.statuses[min(self._asked, len(self.statuses) - 1)]
        self._asked += 1
        return self._answer(request.path_params["identifier"], 200, status)

    def _answer(self, identifier: str, code: int, status: str) -> Response:
        (recipient,) = self.sent[identifier]["recipients"]["to"]
        body: dict[str, Any] = {"id": identifier, "status": status}
        if status != "Running" and recipient["address"] in self.dropped:
            error = {"code": self.dropped[recipient["address"]], "message": f"{recipient['address']} was dropped"}
            body |= {"status": "Failed", "error": error}
        location = f"{self.base_url}/emails/operations/{identifier}?api-version=2025-09-01"
        return JSONResponse(body, code, {"operation-location": location})


async def _is_signed(request: Request) -> bool:
    body = base64.b64encode(hashlib.sha256(await request.body()).digest()).decode()
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    text = f"{request.method}\n{target}\n{request.headers['x-ms-date']};{request.headers['host']};{body}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()
    wanted = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
    return request.headers["x-ms-content-sha256"] == body and request.headers["authorization"] == wanted
