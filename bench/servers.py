"""Two servers that are never the bottleneck: pages of users from memory, and storage that answers after a while.

Each speaks as much HTTP/1.1 as its clients need, on asyncio's bare protocol. `python -m bench.servers` runs both
in a process of their own, says on standard output where they are, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bench.customers import PAGE_SIZE, customers
from bench.steady import FullTable

Answer = Callable[[str, str, bytes], bytes]


class Http(asyncio.Protocol):
    """Keeps connections alive, and answers each request after `delay` seconds."""

    def __init__(self, answer: Answer, delay: float) -> None:
        """Take what makes an answer of method, target and body."""
        self._answer = answer
        self._delay = delay
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio's own promise)
        transport.set_write_buffer_limits(high=4 << 20)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has arrived."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            found = re.search(rb"(?i)content-length: *([0-9]+)", head)
            size = int(found[1]) if found else 0
            if len(self._received) < end + 4 + size:
                return
            body = self._received[end + 4 : end + 4 + size]
            self._received = self._received[end + 4 + size :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            asyncio.get_running_loop().call_later(self._delay, self._send, self._answer(method, target, body))

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def reply(status: str, body: bytes, content_type: str, headers: str = "") -> bytes:
    """Return an HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


class GraphPages:
    """`/v1.0/users`, rendered beforehand."""

    def __init__(self, users: int, share: float, base: str) -> None:
        """Render the users, of whom `share` are owed a notice today; next links begin with `base`."""
        self.requests = 0
        self._base = base
        self._answers = self._pages(json.dumps(user["graph"]).encode() for user in customers(users, share))

    def __call__(self, method: str, target: str, body: bytes) -> bytes:
        """Answer a request."""
        del method, body
        parts = urlsplit(target)
        if parts.path == "/counts":
            return reply("200 OK", json.dumps({"graph": self.requests}).encode(), "application/json")
        self.requests += 1
        return self._answers[int(parse_qs(parts.query).get("page", ["0"])[0])]

    def _pages(self, users: Iterable[bytes]) -> list[bytes]:
        """Return the answers of the list of users, each with the link to the next."""
        pages: list[bytes] = []
        rest = iter(users)
        page, follows = list(itertools.islice(rest, PAGE_SIZE)), list(itertools.islice(rest, PAGE_SIZE))
        while True:
            link = f'"@odata.nextLink":"{self._base}/v1.0/users?page={len(pages) + 1}",' if follows else ""
            body = b"{" + link.encode() + b'"value":[' + b",".join(page) + b"]}"
            pages.append(reply("200 OK", body, "application/json"))
            if not follows:
                return pages
            page, follows = follows, list(itertools.islice(rest, PAGE_SIZE))


class StorageSink:
    """A queue that takes every message and a table that takes every transaction and is empty, or full beforehand."""

    def __init__(self, table: FullTable) -> None:
        """Begin with nothing counted."""
        self._table = table
        self.counts: Counter[str] = Counter()

    def __call__(self, method: str, target: str, body: bytes) -> bytes:
        """Answer a request."""
        path = urlsplit(target).path
        if path == "/counts":
            return reply("200 OK", json.dumps(self.counts).encode(), "application/json")
        if path.endswith("$batch"):
            return self._transaction(body)
        if path.endswith("/messages"):
            self.counts["messages"] += 1
            number = self.counts["messages"]
            xml = (
                "<?xml version='1.0' encoding='utf-8'?><QueueMessagesList><QueueMessage>"
                f"<MessageId>{number:032x}</MessageId><InsertionTime>Tue, 24 Nov 2026 09:00:00 GMT</InsertionTime>"
                "<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><PopReceipt>x</PopReceipt>"
                "<TimeNextVisible>Tue, 24 Nov 2026 09:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>"
            )
            return reply("201 Created", xml.encode(), "application/xml")
        if method == "GET" and "comp=metadata" in target:
            return reply("200 OK", b"", "application/xml", "x-ms-approximate-messages-count: 0\r\n")
        return self._rows(method, target)

    def _rows(self, method: str, target: str) -> bytes:
        self.counts["table reads" if method == "GET" else "table writes"] += 1
        if (page := self._table.page(urlsplit(target).query)) is not None:
            return reply("200 OK", page[0], "application/json;odata=nometadata", page[1])
        if "RowKey=" in unquote(target):
            missing = b'{"odata.error":{"code":"ResourceNotFound","message":{"lang":"en","value":"no such row"}}}'
            return reply("404 Not Found", missing, "application/json;odata=nometadata")
        return reply("200 OK", b'{"value":[]}', "application/json;odata=minimalmetadata")

    def _transaction(self, body: bytes) -> bytes:
        self.counts["transactions"] += 1
        one = b'--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nETag: W/"1"\r\n\r\n\r\n'
        parts = one * body.count(b"Content-Type: application/http")
        content = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + parts + b"--c--\r\n--b--\r\n"
        return reply("202 Accepted", content, "multipart/mixed; boundary=b")


async def serve(given: argparse.Namespace) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.chain, given.key)
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"https://127.0.0.1:{listener.getsockname()[1]}"
    pages, sink = GraphPages(given.users, given.share, base), StorageSink(FullTable(given.sent_a_day))
    await loop.create_server(lambda: Http(pages, given.page_delay), sock=listener, ssl=context)
    storage = await loop.create_server(lambda: Http(sink, given.storage_delay), "127.0.0.1", 0)
    addresses = {"graph": base, "storage": f"http://127.0.0.1:{storage.sockets[0].getsockname()[1]}"}
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--page-delay", type=float, default=0.0)
    parser.add_argument("--storage-delay", type=float, default=0.0)
    parser.add_argument("--sent-a-day", type=int, default=0)
    parser.add_argument("--chain", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
