"""How much of an answer of Graph is read, and for how long."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from due_notices.adapters import graph_http
from due_notices.adapters.graph_http import GraphHttp, parsed
from due_notices.adapters.retries import ONCE, Retries
from due_notices.errors import DirectoryError
from tests.fakes import MovableClock

MIB = 1 << 20
MANY = Retries(attempts=3, first=1.0, longest=120.0)
Answer = Callable[[BaseHTTPRequestHandler], None]


class PassingClock(MovableClock):
    """Ten seconds pass between any two looks at it."""

    def monotonic(self) -> float:
        self.move(seconds=10)
        return super().monotonic()


def token(*, fresh: bool = False) -> str:
    del fresh
    return "a token"


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """Serve that answer; yield the address and the paths asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            paths.append(self.path)
            self.close_connection = True
            self.send_response_only(200)
            try:
                answer(self)
            except OSError:  # the client has gone
                return

        do_POST = do_GET  # noqa: N815 (the library's name)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", paths
        finally:
            server.shutdown()
            thread.join()


def whole(body: bytes, *headers: tuple[str, str]) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for name, value in (*headers, ("request-id", "one"), ("Content-Length", str(len(body)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def _pieces(handler: BaseHTTPRequestHandler, piece: bytes) -> None:
    """Write more of them than any client should wait for."""
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(piece)
        handler.wfile.flush()
        threading.Event().wait(0.002)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    handler.send_header("Content-Length", "1000000000")
    _pieces(handler, b" ")


def trickling_in_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_header("Transfer-Encoding", "chunked")
    _pieces(handler, b"1\r\n \r\n")


def chunks_without_an_end(handler: BaseHTTPRequestHandler) -> None:
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b"%x\r\n%s\r\n" % (MIB, b" " * MIB))


@pytest.mark.parametrize("answer", [trickling, trickling_in_chunks], ids=["of a length", "in chunks"])
def test_an_answer_that_trickles_is_given_up_after_its_time(answer: Answer) -> None:
    clock = PassingClock()
    with answering(answer) as (address, paths):
        graph = GraphHttp(address, token, clock, ONCE)
        with pytest.raises(DirectoryError, match="AnswerTooSlow"):
            graph.get(graph.url("users"))

    assert paths == ["/v1.0/users"]
    assert graph_http.LONGEST_ANSWER <= MovableClock.monotonic(clock) <= graph_http.LONGEST_ANSWER + 60


def test_it_is_asked_for_again_as_long_as_the_run_has_time() -> None:
    with answering(trickling) as (address, paths):
        graph = GraphHttp(address, token, PassingClock(), MANY)
        with pytest.raises(DirectoryError, match="3 times"):
            graph.get(graph.url("users"))
        assert len(paths) == 3

        clock = PassingClock()
        graph = GraphHttp(address, token, clock, MANY)
        with pytest.raises(DirectoryError, match="no time left"):
            graph.read(graph.url("users"), parsed, deadline=60.0)

    assert len(paths) == 4
    assert MovableClock.monotonic(clock) <= 90


def test_a_change_is_not_repeated_when_its_answer_trickles() -> None:
    with answering(trickling) as (address, paths):
        graph = GraphHttp(address, token, PassingClock(), MANY)
        with pytest.raises(DirectoryError, match="may have done what it was asked"):
            graph.post(graph.url("applications"), {})

    assert len(paths) == 1


@pytest.mark.parametrize(
    "answer",
    [
        whole(b" " * (2 * MIB)),
        whole(gzip.compress(b" " * (64 * MIB)), ("Content-Encoding", "gzip")),
        chunks_without_an_end,
    ],
    ids=["plain", "packed", "without an end"],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end_nor_asked_for_again(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_http, "LARGEST_ANSWER", MIB)
    with answering(answer) as (address, paths):
        graph = GraphHttp(address, token, MovableClock(), MANY)
        with pytest.raises(DirectoryError, match=r"larger than 1 MiB .* USER_FILTER"):
            graph.get(graph.url("users"))

    assert len(paths) == 1


def test_a_large_page_is_read_whole() -> None:
    text = b'{"value": "%s"}' % (b"x" * (5 * MIB))
    with answering(whole(gzip.compress(text), ("Content-Encoding", "gzip"))) as (address, _):
        graph = GraphHttp(address, token, MovableClock(), ONCE)

        assert graph.get(graph.url("users")) == {"value": "x" * (5 * MIB)}
