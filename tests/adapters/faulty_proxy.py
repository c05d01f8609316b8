"""A proxy before Azurite that does what networks and busy services do: swallow answers, refuse, hang.

It forwards each request as it is, so that signatures hold, and treats it as planned:

    proxy.plan(Step.ANSWER_LOST, method="POST", path="/messages")
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

HANG_SECONDS = 3.0


class Step(Enum):
    """What becomes of one request."""

    PASS = auto()
    REQUEST_LOST = auto()  # the connection ends before the service sees anything
    ANSWER_LOST = auto()  # the service does it, and the connection ends without an answer
    ANSWER_LATE = auto()  # the service does it, and the answer comes after the client has given up
    REFUSED_503 = auto()  # the service says that it is busy, and did nothing
    REFUSED_429 = auto()
    REFUSED_500 = auto()  # the service says that something went wrong, and did nothing
    DONE_500 = auto()  # the service says that something went wrong, and did it

    OTHER_TENANT = auto()  # the service wants the login of another tenant than it was shown

    GATEWAY_503 = auto()  # a proxy on the way passes it on, and answers 503 with a page of its own
    BLOCKED_403 = auto()  # a proxy on the way refuses with a page of its own
    NOT_FOUND = auto()  # a proxy on the way knows no such address
    PAGE = auto()  # a proxy on the way answers 200 with a page of its own
    REDIRECTED = auto()  # a proxy on the way redirects to another address
    EMPTY_CREATED = auto()  # the status of a message that was put, and nothing else
    EMPTY_ACCEPTED = auto()  # the status of a transaction, and nothing else


_STATUS = {
    Step.REFUSED_503: 503,
    Step.REFUSED_429: 429,
    Step.REFUSED_500: 500,
    Step.DONE_500: 500,
    Step.OTHER_TENANT: 401,
    Step.GATEWAY_503: 503,
    Step.BLOCKED_403: 403,
    Step.NOT_FOUND: 404,
    Step.PAGE: 200,
    Step.REDIRECTED: 302,
    Step.EMPTY_CREATED: 201,
    Step.EMPTY_ACCEPTED: 202,
}
_NOT_FORWARDED = {Step.REQUEST_LOST, *_STATUS} - {Step.DONE_500, Step.GATEWAY_503}
_FOREIGN = {Step.NOT_FOUND, Step.GATEWAY_503, Step.BLOCKED_403}
OTHER_TENANT = "0dd0dd00-0000-4000-8000-000000000001"


@dataclass
class _Plan:
    steps: list[Step]
    method: str
    path: str


@dataclass
class FaultyProxy:
    """Forwards to `port`; `seen` and `forwarded` tell the methods and paths of the requests.

    With `nulls` a table's answers have null for each selected column that a row lacks, as Azure's have: Azurite
    leaves it out.
    """

    port: int
    nulls: bool = False
    seen: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)
    url_port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    _plans: list[_Plan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, *steps: Step, method: str = "", path: str = "") -> None:
        """Take these steps, one for each fitting request from now on; afterwards all is well again."""
        self._plans.append(_Plan(list(steps), method, path))

    def next_step(self, method: str, path: str) -> Step:
        """Return the step for a request."""
        with self._lock:
            self.seen.append(f"{method} {path}")
            for plan in self._plans:
                if plan.steps and plan.method in method and plan.path in path:
                    return plan.steps.pop(0)
            return Step.PASS

    def count(self, method: str, path: str) -> int:
        """Return how many fitting requests arrived."""
        return sum(entry.startswith(method) and path in entry for entry in self.seen)


class _Handler(BaseHTTPRequestHandler):
    proxy: ClassVar[FaultyProxy]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client has gone
            self.close_connection = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        step = self.proxy.next_step(self.command, self.path)
        answer = None if step in _NOT_FORWARDED else self._forward(body)
        if step in {Step.REQUEST_LOST, Step.ANSWER_LOST, Step.ANSWER_LATE}:
            if step is Step.ANSWER_LATE:
                self.proxy.ended.wait(HANG_SECONDS)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif step in _STATUS or answer is None:
            headers = [] if step in _FOREIGN else [("x-ms-error-code", "Planned")]
            if step is Step.OTHER_TENANT:
                place = f"https://login.microsoftonline.com/{OTHER_TENANT}/oauth2/authorize"
                challenge = f"Bearer authorization_uri={place} resource_id=https://storage.azure.com"
                headers.append(("WWW-Authenticate", challenge))
            self._reply(_STATUS[step], headers, b"<html>" if step in _FOREIGN else b"")
        else:
            self._reply(*answer)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        self.proxy.forwarded.append(f"{self.command} {self.path}")
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=10)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.putheader("Connection", "close")
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            if self.proxy.nulls and answer.status == 200:
                content = _with_nulls(self.path, content)
            return answer.status, answer.getheaders(), content
        finally:
            connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "keep-alive"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815 (the library's names)


def _with_nulls(path: str, content: bytes) -> bytes:
    selected = parse_qs(urlsplit(path).query).get("$select", [""])[0].split(",")
    if selected == [""]:
        return content
    answer = json.loads(content)
    absent = dict.fromkeys(selected)
    if "value" in answer:
        answer["value"] = [{**absent, **row} for row in answer["value"]]
    else:
        answer = {**absent, **answer}
    return json.dumps(answer).encode()


@contextmanager
def faulty_proxy(port: int, *, nulls: bool = False) -> Iterator[FaultyProxy]:
    """Run a proxy before this port of the machine."""
    proxy = FaultyProxy(port, nulls)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.url_port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="faulty-proxy")
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
