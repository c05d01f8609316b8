"""Microsoft Graph v1.0: the users of the tenant.

Contract: https://learn.microsoft.com/graph/api/user-list and https://learn.microsoft.com/graph/paging
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message

from local.applications import Applications
from local.clock import now
from local.emulated_service import ProblemError, Service
from local.entra import EntraService
from local.graph_changes import (
    ChangeError,
    WriteQuota,
    batch_answer,
    batch_requests,
    changed_user,
    failed_dependency,
)
from local.graph_filter import FilterError
from local.graph_listing import Directory, ListQuery, PageTokenError, User, rendered
from local.tokens import Caller, Flaw, TokenAuthority, TokenRejectedError, compact_json, new_guid

RESOURCE = "https://graph.microsoft.com"
READ_ROLES = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
WRITE_ROLES = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
MAX_PAGE_SIZE = 999
FAILED = 400
SMALL_PAGE = 20
KNOWN_OPTIONS = frozenset({"$select", "$filter", "$top", "$count", "$skiptoken"})
CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
DIAGNOSTIC = '{"ServerInfo":{"DataCenter":"Local","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"LOCAL"}}'

REJECTIONS: Mapping[Flaw, str] = {
    Flaw.MISSING: "Access token is empty.",
    Flaw.MALFORMED: "IDX14100: JWT is not well formed.",
    Flaw.SIGNATURE: "Access token validation failure. Invalid signature.",
    Flaw.EXPIRED: "Lifetime validation failed, the token is expired.",
    Flaw.ISSUER: "Access token validation failure. Invalid issuer.",
    Flaw.AUDIENCE: "Access token validation failure. Invalid audience.",
}
USUAL_CODES: Mapping[int, str] = {
    401: "InvalidAuthenticationToken",
    403: "Authorization_RequestDenied",
    404: "Request_ResourceNotFound",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class GraphError(ProblemError):
    """An error in Graph's form."""

    def __init__(
        self, status: int, code: str, message: str, request: Request, more: Mapping[str, str] | None = None
    ) -> None:
        """Take the code and the message of the error body, the request for its ids, and more headers."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.request = request
        self.more = more or {}

    def reply(self) -> Response:
        """Return the error as Graph words it."""
        headers = {**_diagnostic_headers(self.request), **self.more}
        inner = {
            "date": f"{now():%Y-%m-%dT%H:%M:%S}",
            "request-id": headers["request-id"],
            "client-request-id": headers["client-request-id"],
        }
        body = {"error": {"code": self.code, "message": self.message, "innerError": inner}}
        return JSONResponse(body, status_code=self.status, headers=headers)


class GraphService(Service):
    """Serves `users` to tokens that carry the permission; `directory` controls how they are listed.

    `writers` are people (object ids) who may read and write users with a login of their own; of the users in
    `externally_owned` (ids) Exchange or a sync owns the on-premises attributes.
    """

    def __init__(self, base_url: str, tokens: TokenAuthority, entra: EntraService) -> None:
        """Make an empty directory, beside the app registrations of `entra`."""
        self.applications = Applications(entra, self._authenticate, GraphError, _diagnostic_headers)
        super().__init__(base_url)
        self.counts = True  # a tenant of Azure AD B2C does not
        self._tokens = tokens
        self._audiences = {RESOURCE, f"{RESOURCE}/", base_url, "00000003-0000-0000-c000-000000000000"}
        self.directory = self._empty_directory()
        self.writers: set[str] = set()
        self.externally_owned: set[str] = set()
        self.write_quota = WriteQuota()

    def reset(self) -> None:
        """Return to the first state: no users."""
        super().reset()
        self.applications.reset()
        self.directory = self._empty_directory()
        self.writers.clear()
        self.externally_owned.clear()
        self.write_quota = WriteQuota()
        self.counts = True

    @property
    def users(self) -> Sequence[User]:
        """Return the users; setting them ends the listings under way."""
        return self.directory.users

    @users.setter
    def users(self, users: Iterable[User]) -> None:
        self.directory.users = users

    def routes(self) -> Sequence[BaseRoute]:
        """Serve the users and refuse every other resource."""
        return [
            Route("/v1.0/users", self._list_users),
            Route("/v1.0/users/$count", self._count_users),
            Route("/v1.0/users/{key}", self._get_user),
            Route("/v1.0/users('{key}')", self._get_user),
            Route("/v1.0/users/{key}", self._change_user, methods=["PATCH"]),
            Route("/v1.0/users('{key}')", self._change_user, methods=["PATCH"]),
            Route("/v1.0/$batch", self._batch, methods=["POST"]),
            *self.applications.routes(),
            Route("/{version}/{segment:path}", self._unknown, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        ]

    def error(self, status: int, request: Request) -> Response:
        """Return an error with the code that usually goes with the status."""
        code = USUAL_CODES.get(status, HTTPStatus(status).phrase.replace(" ", ""))
        return GraphError(status, code, "A planned fault.", request).reply()

    def _empty_directory(self) -> Directory:
        return Directory(f"{self.base_url}/v1.0/users")

    async def _list_users(self, request: Request) -> Response:
        self._authorize(request)
        query = _list_query(request)
        token = request.query_params.get("$skiptoken")
        try:
            body = self.directory.first_page(query) if token is None else self.directory.next_page(token, query)
        except FilterError as error:
            raise GraphError(400, error.code, error.message, request) from error
        except PageTokenError as error:
            code = "Directory_ExpiredPageToken" if error.expired else "DirectoryPageTokenNotFoundException"
            raise GraphError(400, code, "The specified page token value has expired.", request) from error
        return Response(body, media_type=CONTENT_TYPE, headers=_page_headers(request, query))

    async def _get_user(self, request: Request) -> Response:
        self._authorize(request)
        user = self._existing(request)
        select = self.directory.spelt(_names(request.query_params.get("$select", "")))
        context = {"@odata.context": f"{self.base_url}/v1.0/$metadata#users/$entity"}
        body = compact_json({**context, **rendered(user, select)}).encode()
        return Response(body, media_type=CONTENT_TYPE, headers=_diagnostic_headers(request))

    async def _count_users(self, request: Request) -> Response:
        self._authorize(request)
        if request.headers.get("consistencylevel", "").lower() != "eventual" or not self.counts:
            message = "$count is not currently supported without the header ConsistencyLevel: eventual."
            raise GraphError(400, "Request_BadRequest", message, request)
        query = ListQuery(parameters=(), filter=request.query_params.get("$filter", ""), advanced=True)
        try:
            count = self.directory.count(query)
        except FilterError as error:
            raise GraphError(400, error.code, error.message, request) from error
        return Response(str(count), media_type="text/plain", headers=_diagnostic_headers(request))

    async def _change_user(self, request: Request) -> Response:
        caller = self._authenticate(request)
        if not caller.roles & WRITE_ROLES and caller.object_id not in self.writers:
            message = "Insufficient privileges to complete the operation."
            raise GraphError(403, "Authorization_RequestDenied", message, request)
        user = self._existing(request)
        wait = self.write_quota.seconds_to_wait()
        if wait:
            raise GraphError(429, "TooManyRequests", "Too many requests.", request, {"Retry-After": str(wait)})
        try:
            body = await _json(request)
            external = user["id"] in self.externally_owned
            after = changed_user(user, body, self.directory.extensions, external)
        except ChangeError as error:
            raise GraphError(400, error.code, error.message, request) from error
        self.directory.replace(str(user["id"]), after)
        return Response(status_code=204, headers=_diagnostic_headers(request))

    async def _batch(self, request: Request) -> Response:
        self._authenticate(request)
        try:
            asked = batch_requests(await _json(request))
        except ChangeError as error:
            raise GraphError(400, error.code, error.message, request) from error
        done: dict[str, dict[str, Any]] = {}
        for each in asked:
            failed = [key for key in each.get("dependsOn") or () if key not in done or done[key]["status"] >= FAILED]
            done[each["id"]] = failed_dependency(each["id"]) if failed else await self._inner(request, each)
        answers = list(done.values())
        # In no promised order: https://learn.microsoft.com/graph/json-batching
        body = compact_json({"responses": answers[1:] + answers[:1]}).encode()
        return Response(body, media_type="application/json", headers=_diagnostic_headers(request))

    async def _inner(self, request: Request, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of a batch, under the batch's own login, and meet the faults planned for it."""
        path, _, query = str(asked["url"]).partition("?")
        path = "/v1.0/" + path.removeprefix("/")
        headers = {name.lower(): str(value) for name, value in (asked.get("headers") or {}).items()}
        headers["authorization"] = request.headers["authorization"]
        body = b"" if asked.get("body") is None else json.dumps(asked["body"]).encode()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {
            **request.scope,
            "method": str(asked["method"]).upper(),
            "path": unquote(path),
            "raw_path": quote(path, safe="/$%'()").encode(),
            "query_string": quote(query, safe="%$=&,'():/").encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
        for made_by_routing in ("path_params", "endpoint", "route", "router", "state"):
            scope.pop(made_by_routing, None)
        reply = await self.reply(scope, receive)
        return batch_answer(str(asked["id"]), reply.status, reply.headers, reply.body)

    def _existing(self, request: Request) -> User:
        key = request.path_params["key"]
        user = self.directory.user(key)
        if user is None:
            message = (
                f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
            )
            raise GraphError(404, "Request_ResourceNotFound", message, request)
        return user

    async def _unknown(self, request: Request) -> Response:
        version, segment = request.path_params["version"], request.path_params["segment"].partition("/")[0]
        if version not in ("v1.0", "beta"):
            raise GraphError(400, "BadRequest", f"Invalid version: {version}.", request)
        raise GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.", request)

    def _authenticate(self, request: Request) -> Caller:
        try:
            return self._tokens.check(request.headers.get("authorization"), self._audiences)
        except TokenRejectedError as rejected:
            raise GraphError(401, "InvalidAuthenticationToken", REJECTIONS[rejected.flaw], request) from rejected

    def _authorize(self, request: Request) -> None:
        caller = self._authenticate(request)
        if not caller.roles & READ_ROLES and caller.object_id not in self.writers:
            message = "Insufficient privileges to complete the operation."
            raise GraphError(403, "Authorization_RequestDenied", message, request)


def _list_query(request: Request) -> ListQuery:
    options = dict(request.query_params)
    for name in options:
        if name == "$skip":
            raise GraphError(400, "Request_UnsupportedQuery", "'$skip' is not supported by the service.", request)
        if name.startswith("$") and name not in KNOWN_OPTIONS:
            message = f"The query parameter '{name}' is not supported here."
            raise GraphError(400, "Request_UnsupportedQuery", message, request)
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
    return ListQuery(
        parameters=tuple((name, value) for name, value in options.items() if name != "$skiptoken"),
        select=_names(options.get("$select", "")),
        filter=options.get("$filter", ""),
        page_size=_page_size(request, options.get("$top", "100")),
        # Without the header `$count=true` is silently ignored.
        advanced=eventual and options.get("$count", "").lower() == "true",
    )


def _page_size(request: Request, top: str) -> int:
    if not (top.isascii() and top.isdigit()):
        message = (
            f"Invalid value '{top}' for $top query option found. "
            "The $top query option requires a non-negative integer value."
        )
        raise GraphError(400, "BadRequest", message, request)
    if not 1 <= int(top) <= MAX_PAGE_SIZE:
        message = f"Invalid page size specified: '{top}'. Must be between 1 and {MAX_PAGE_SIZE} inclusive."
        raise GraphError(400, "Request_UnsupportedQuery", message, request)
    return int(top)


async def _json(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _page_headers(request: Request, query: ListQuery) -> dict[str, str]:
    units = 2 - bool(query.select) - (query.page_size < SMALL_PAGE)
    return {**_diagnostic_headers(request), "x-ms-resource-unit": str(max(units, 1))}


def _diagnostic_headers(request: Request) -> dict[str, str]:
    request_id = new_guid()
    return {
        "request-id": request_id,
        "client-request-id": request.headers.get("client-request-id", request_id),
        "x-ms-ags-diagnostic": DIAGNOSTIC,
        "odata-version": "4.0",
        "Cache-Control": "no-cache",
    }
