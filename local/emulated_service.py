"""What the emulated services have in common: routes, planned faults and a record of the requests."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Message, Receive, Scope, Send

from local.clock import now
from local.faults import Faults, Reply

RECORDED_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "client-request-id",
        "connection",
        "consistencylevel",
        "content-type",
        "prefer",
        "user-agent",
        "x-ms-client-request-id",
        "x-ms-throttle-priority",
    }
)
"""Nothing that could carry a token or a secret is in this list."""


@dataclass(frozen=True)
class RecordedRequest:
    """A request that a service has answered, without its credentials and body."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int


class ProblemError(Exception, ABC):
    """Raised by a route to answer with an error of the service."""

    @abstractmethod
    def reply(self) -> Response:
        """Return the error as the service words it."""


class PlannedCutError(Exception):
    """Ends an answer in the middle: the server closes the connection of a handler that fails."""


class Service(ABC):
    """One emulated service: an ASGI application on a port of its own.

    `faults` may be added to and `requests` read at any time, from any thread. `clock` is what its answers' Date header
    shows.
    """

    def __init__(self, base_url: str) -> None:
        """Serve `routes` under this URL, which has no path."""
        self.base_url = base_url
        self.faults = Faults()
        self.requests: list[RecordedRequest] = []
        self.clock = now
        self._app = Starlette(routes=self.routes(), exception_handlers={ProblemError: _answer})

    def reset(self) -> None:
        """Return to the first state: no planned faults, no recorded requests, nothing set up."""
        self.faults.clear()
        self.requests.clear()
        self.clock = now

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Return the resources of the service."""

    @abstractmethod
    def error(self, status: int, request: Request) -> Response:
        """Return the service's usual answer with this status, for planned faults."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as planned or else as the routes do."""
        await _send(await self.reply(scope, receive), send)

    async def reply(self, scope: Scope, receive: Receive) -> Reply:
        """Return the answer to a request: a client's, or one inside a batch."""
        request = Request(scope)
        due = self.faults.due(request.url.path)
        planned = next((fault for fault in due if fault.status is not None), None)
        if planned is not None and planned.status is not None:
            usual = self.error(planned.status, request)
            body = bytes(usual.body) if planned.body is None else planned.body
            headers = {} if planned.foreign else usual.headers
            reply = Reply(planned.status, {**headers, **planned.headers}, body)
        else:
            reply = await _captured(self._app, scope, receive)
        for fault in due:
            if fault.damage is not None:
                reply = fault.damage(reply, self.base_url + _target(scope))
        self._record(request, reply.status)
        await asyncio.sleep(sum(fault.delay for fault in due))
        date = {} if "date" in reply.headers else {"date": format_datetime(self.clock(), usegmt=True)}
        return replace(reply, headers={**reply.headers, **date})

    def _record(self, request: Request, status: int) -> None:
        self.requests.append(
            RecordedRequest(
                method=request.method,
                path=request.url.path,
                query=dict(parse_qsl(request.url.query, keep_blank_values=True)),
                headers={name: value for name, value in request.headers.items() if name in RECORDED_HEADERS},
                status=status,
            )
        )


async def _answer(request: Request, problem: Exception) -> Response:
    del request
    if isinstance(problem, ProblemError):
        return problem.reply()
    raise problem


async def _captured(app: Starlette, scope: Scope, receive: Receive) -> Reply:
    """Run the application and keep its answer."""
    start: Message = {}
    body: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.append(message.get("body", b""))

    await app(scope, receive, keep)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], headers, body[0] if len(body) == 1 else b"".join(body))


async def _send(reply: Reply, send: Send) -> None:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    headers["content-length"] = str(len(reply.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if reply.cut_after is None:
        await send({"type": "http.response.body", "body": reply.body})
        return
    await send({"type": "http.response.body", "body": reply.body[: reply.cut_after], "more_body": True})
    raise PlannedCutError


def _target(scope: Scope) -> str:
    """Return path and query as they were sent."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return (path + b"?" + query if query else path).decode("latin-1")


def is_unplanned(record: logging.LogRecord) -> bool:
    """Keep, as a log filter, what went wrong in an emulator, without planned cuts and the server's end."""
    return not (record.exc_info and isinstance(record.exc_info[1], PlannedCutError | asyncio.CancelledError))
