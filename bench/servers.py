"""Two servers that are never the bottleneck: pages of users from memory, and storage that answers after a while.

With limits, the storage takes no more than Azure says of one queue and of one partition of a table, and answers
what goes beyond as Azure does.

Each speaks as much HTTP/1.1 as its clients need, on asyncio's bare protocol. `python -m bench.servers` runs both
in a process of their own, says on standard output where they are, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import re
import socket
import ssl
import sys
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from bench.customers import PAGE_SIZE, customers, customers_by_name, today
from bench.steady import FullTable, directory
from due_notices.report import Outcome, RunReport

# https://learn.microsoft.com/azure/storage/queues/scalability-targets and .../tables/scalability-targets
A_SECOND = 2_000  # messages of a queue, entities of a partition
CHARACTERS = 3  # of a name by which a part may be asked for
_PART = re.compile(r"startsWith\(userPrincipalName,'((?:[^']|'')*)'\)")
BUSY = ("503 Server Busy", "ServerBusy")
_ID = "00000000-0000-0000-0000-000000000000"
OWN = f"x-ms-request-id: {_ID}\r\nrequest-id: {_ID}\r\n"  # by which a client knows the service's own answer

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
    about = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    head = f"HTTP/1.1 {status}\r\n{about}{OWN}{headers}\r\n"
    return head.encode() + body


def table_error(status: str, code: str) -> bytes:
    """Return a table service's answer that is not a success; it says the code in the body alone."""
    body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "an emulated answer"}}}
    return reply(status, json.dumps(body).encode(), "application/json;odata=nometadata")


def queue_error(status: str, code: str) -> bytes:
    """Return the same of a queue service."""
    body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>emulated</Message></Error>"
    return reply(status, body.encode(), "application/xml", f"x-ms-error-code: {code}\r\n")


class GraphPages:
    """`/v1.0/users`, rendered beforehand, whole or those whose principal name begins with some characters.

    The users lie one behind the other in one piece of memory, in an order in which those of a part are neighbours, so
    that a page costs one copy.
    """

    def __init__(self, users: Iterable[dict[str, Any]], base: str) -> None:
        """Render the users; next links begin with `base`."""
        self.counts: Counter[str] = Counter()
        self._base = base
        self._users = bytearray()
        self._begins = array("Q", [0])  # of each user, and the end of the last
        self._parts: dict[str, tuple[int, int]] = {"": (0, 0)}
        for longest, neighbours in itertools.groupby(users, lambda user: str(user["userPrincipalName"])[:CHARACTERS]):
            number = len(self)
            for user in neighbours:
                self._users += json.dumps(user).encode() + b","
                self._begins.append(len(self._users))
            for prefix in (longest[:signs] for signs in range(CHARACTERS + 1)):
                first, end = self._parts.get(prefix, (number, number))
                if end != number:
                    raise ValueError(f"the users of part {prefix} are not neighbours")
                self._parts[prefix] = first, len(self)

    def name_counts(self) -> dict[str, int]:
        """Return the users by the first two characters of their names."""
        return {prefix: end - first for prefix, (first, end) in self._parts.items() if len(prefix) == 2}  # noqa: PLR2004

    def __len__(self) -> int:
        """Return how many users there are."""
        return len(self._begins) - 1

    def __call__(self, method: str, target: str, body: bytes) -> bytes:
        """Answer a request."""
        del method, body
        parts = urlsplit(target)
        if parts.path == "/counts":
            return reply("200 OK", json.dumps(self.counts).encode(), "application/json")
        if parts.path.endswith("/$count"):
            self.counts["graph counts"] += 1
            return reply("200 OK", str(len(self)).encode(), "text/plain")
        self.counts["graph"] += 1
        asked = parse_qs(parts.query)
        part = _PART.search(asked.get("$filter", [""])[0])
        prefix = part[1].replace("''", "'") if part else asked.get("part", [""])[0]
        return self._page(prefix, int(asked.get("page", ["0"])[0]))

    def _page(self, prefix: str, number: int) -> bytes:
        if len(prefix) > CHARACTERS:
            raise ValueError(f"parts are known by {CHARACTERS} characters at the most, not by {prefix}")
        first, end = self._parts.get(prefix, (0, 0))
        first += number * PAGE_SIZE
        until = min(first + PAGE_SIZE, end)
        link = f"{self._base}/v1.0/users?part={quote(prefix, safe='')}&page={number + 1}"
        following = f'"@odata.nextLink":"{link}",' if until < end else ""
        users = memoryview(self._users)[self._begins[first] : max(self._begins[until] - 1, self._begins[first])]
        return reply("200 OK", b"".join((b"{", following.encode(), b'"value":[', users, b"]}")), "application/json")


class Limit:
    """So many a second, a second's worth at once; it begins with nothing saved up.

    Azure publishes its targets and that it answers 503 beyond them, not how it counts.
    """

    def __init__(self) -> None:
        """Begin at the first request."""
        self._left, self._at = 0.0, time.monotonic()

    def takes(self, count: int) -> bool:
        """Whether so many more are taken; then they count."""
        now = time.monotonic()
        self._left, self._at = min(self._left + (now - self._at) * A_SECOND, A_SECOND), now
        if self._left < count:
            return False
        self._left -= count
        return True


class StorageSink:
    """A queue that takes every message and a table that takes every transaction and is empty, or full beforehand.

    With `limited`, the queue and each partition take `A_SECOND`, and the ids of the messages are counted.
    """

    def __init__(self, table: FullTable, record: Mapping[str, str], *, limited: bool) -> None:
        """Begin with nothing counted. `record` is the row of yesterday's run; empty if there was none."""
        self._table, self._record = table, record
        self._limits: defaultdict[str, Limit] | None = defaultdict(Limit) if limited else None
        self._ids: set[bytes] = set()
        self.counts: Counter[str] = Counter()

    def __call__(self, method: str, target: str, body: bytes) -> bytes:
        """Answer a request."""
        path = urlsplit(target).path
        if path == "/counts":
            counts = {**self.counts, **({"different messages": len(self._ids)} if self._ids else {})}
            return reply("200 OK", json.dumps(counts).encode(), "application/json")
        if path.endswith("$batch"):
            return self._transaction(body)
        if path.endswith("/messages"):
            if self._limits is not None:
                if not self._limits["queue"].takes(1):
                    self.counts["messages refused"] += 1
                    return queue_error(*BUSY)
                text = base64.b64decode(body.partition(b"<MessageText>")[2].partition(b"<")[0])
                self._ids.add(text.partition(b'"id":"')[2][:32])
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
        if self._record and f"RowKey='{self._record['RowKey']}'" in unquote(target):
            return reply("200 OK", json.dumps(self._record).encode(), "application/json", 'ETag: W/"1"\r\n')
        if self._record and "PartitionKey eq 'runs'" in unquote(target):
            return reply("200 OK", json.dumps({"value": [self._record]}).encode(), "application/json")
        if "RowKey=" in unquote(target):
            return table_error("404 Not Found", "ResourceNotFound")
        return reply("200 OK", b'{"value":[]}', "application/json;odata=minimalmetadata")

    def _transaction(self, body: bytes) -> bytes:
        rows = body.count(b"Content-Type: application/http")
        if self._limits is not None:
            partition = body.partition(b'"PartitionKey":"')[2].partition(b'"')[0].decode()
            if not self._limits[partition].takes(rows):
                self.counts["transactions refused"] += 1
                return table_error(*BUSY)
            if partition[:1].isdigit():  # a due date
                self.counts["rows claimed"] += body.count(b"\r\nPOST ")
                self.counts["rows marked sent"] += body.count(b"\r\nPATCH ")
        self.counts["transactions"] += 1
        one = b'--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nETag: W/"1"\r\n\r\n\r\n'
        parts = one * rows
        content = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + parts + b"--c--\r\n--b--\r\n"
        return reply("202 Accepted", content, "multipart/mixed; boundary=b")


def yesterday(pages: GraphPages) -> dict[str, str]:
    """Return the row of a run that read the same users in parts the day before, so that today's parts are even."""
    day = today() - timedelta(days=1)
    at = datetime.combine(day, datetime.min.time(), UTC)
    report = RunReport("0" * 32, day, outcome=Outcome.COMPLETED, users_read=len(pages), at=at)
    return {
        "RowKey": f"{day}_{report.run_id}",
        "report": json.dumps({**report.to_dict(), "parts": len(pages.name_counts())}),
        "nameCounts": json.dumps(pages.name_counts()),
    }


async def serve(given: argparse.Namespace) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.chain, given.key)
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"https://127.0.0.1:{listener.getsockname()[1]}"
    if given.sent_a_day:
        users = iter(directory(given.sent_a_day))
    else:
        make = customers if given.chains == 0 else customers_by_name
        users = make(given.users, given.share, given.stages)
    pages = GraphPages(users, base)
    record = yesterday(pages) if given.chains else {}
    sink = StorageSink(FullTable(given.sent_a_day, given.old), record, limited=given.limited)
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
    parser.add_argument("--chains", type=int, default=0)
    parser.add_argument("--old", type=int, default=0)
    parser.add_argument("--stages", type=lambda text: [int(stage) for stage in text.split(",")], required=True)
    parser.add_argument("--limited", action="store_true")
    parser.add_argument("--chain", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
