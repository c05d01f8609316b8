"""Microsoft Graph v1.0: the users of the tenant.

Contract: https://learn.microsoft.com/graph/api/user-list and https://learn.microsoft.com/graph/paging
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.applications import Applications
from local.clock import now
from local.emulated_service import ProblemError, Service
from local.entra import EntraService
from local.graph_filter import FilterError
from local.graph_listing import Directory, ListQuery, PageTokenError, User, rendered
from local.tokens import Caller, Flaw, TokenAuthority, TokenRejectedError, compact_json, new_guid

RESOURCE = "https://graph.microsoft.com"
READ_ROLES = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
MAX_PAGE_SIZE = 999
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

    def __init__(self, status: int, code: str, message: str, request: Request) -> None:
        """Take the code and the message of the error body, and the request for its ids."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.request = request

    def reply(self) -> Response:
        """Return the error as Graph words it."""
        headers = _diagnostic_headers(self.request)
        inner = {
            "date": f"{now():%Y-%m-%dT%H:%M:%S}",
            "request-id": headers["request-id"],
            "client-request-id": headers["client-request-id"],
        }
        body = {"error": {"code": self.code, "message": self.message, "innerError": inner}}
        return JSONResponse(body, status_code=self.status, headers=headers)


class GraphService(Service):
    """Serves `users` to tokens that carry the permission; `directory` controls how they are listed."""

    def __init__(self, base_url: str, tokens: TokenAuthority, entra: EntraService) -> None:
        """Make an empty directory, beside the app registrations of `entra`."""
        self.applications = Applications(entra, self._authenticate, GraphError)
        super().__init__(base_url)
        self._tokens = tokens
        self._audiences = {RESOURCE, f"{RESOURCE}/", base_url, "00000003-0000-0000-c000-000000000000"}
        self.directory = self._empty_directory()

    def reset(self) -> None:
        """Return to the first state: no users."""
        super().reset()
        self.applications.reset()
        self.directory = self._empty_directory()

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
            Route("/v1.0/users('{key}')", self._get_user),
            Route("/v1.0/users/{key}", self._get_user),
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
        key = request.path_params["key"]
        user = self.directory.user(key)
        if user is None:
            message = (
                f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
            )
            raise GraphError(404, "Request_ResourceNotFound", message, request)
        select = _names(request.query_params.get("$select", ""))
        context = {"@odata.context": f"{self.base_url}/v1.0/$metadata#users/$entity"}
        body = compact_json({**context, **rendered(user, select)}).encode()
        return Response(body, media_type=CONTENT_TYPE, headers=_diagnostic_headers(request))

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
        if not caller.roles & READ_ROLES:
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
