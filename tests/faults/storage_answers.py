"""Queue and ledger against answers of all kinds, over real connections to a server that answers at random.

python -m tests.faults.storage_answers 100000
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime

from due_notices import bootstrap
from due_notices.errors import DueNoticesError
from due_notices.ports import Claim, ClaimRow, Storage
from due_notices.settings import Settings
from tests.factories import environ, run_report
from tests.fakes import MovableClock

KEY = "bWFkZS11cA=="  # made up: the word "made-up"
ECHOED = "made-up-word-that-nobody-may-repeat"
_STATUSES = (200, 200, 201, 201, 202, 202, 204, 302, 400, 401, 403, 404, 407, 408, 409, 412, 413, 429, 500, 503)
_MESSAGE = (
    "<?xml version='1.0'?><QueueMessagesList><QueueMessage><MessageId>5974b586-0df3-4e2d-ad0c-18e3892bfca2</MessageId>"
    "<InsertionTime>Fri, 09 Oct 2026 21:04:30 GMT</InsertionTime><ExpirationTime>Fri, 16 Oct 2026 21:04:30 GMT"
    "</ExpirationTime><DequeueCount>1</DequeueCount><MessageText>eyJ9</MessageText></QueueMessage></QueueMessagesList>"
)
_ROW = {
    "PartitionKey": "2026-12-01",
    "RowKey": "0123456789abcdeffedcba9876543210_-7",
    "state": "sent",
    "noticeId": "0123456789abcdeffedcba9876543210",
    "businessDate": "2026-11-24",
    "userId": "a",
}
_BODIES = (
    _MESSAGE,
    json.dumps({"value": [_ROW]}),
    json.dumps(_ROW),
    json.dumps({"value": None}),
    json.dumps({"odata.error": {"code": "Planned", "message": ECHOED}}),
    json.dumps({"odata.error": {"code": "Planned", "message": {"lang": "en", "value": ECHOED}}}),
    f"<?xml version='1.0'?><Error><Code>{ECHOED}</Code><Message>{ECHOED}</Message></Error>",
    "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n--b--\r\n",
    '--b\r\n\r\nHTTP/1.1 409 Conflict\r\n\r\n{"odata.error":{"code":"EntityAlreadyExists"}}\r\n--b--\r\n',
    "<html>Blocked</html>",
    "{}",
    "[]",
    "null",
    "",
    "[" * 50_000,
)
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "x-ms-approximate-messages-count": ("3", "-1", "many", "9" * 40, ""),
    "x-ms-continuation-NextPartitionKey": ("1!4!YQ--", ""),
    "x-ms-continuation-NextRowKey": ("1!4!YQ--",),
    "ETag": ("W/\"datetime'2026'\"", "", "x"),
    "Content-Type": ("application/json", "application/xml", "text/html", "multipart/mixed; boundary=b", "x"),
    "Retry-After": ("0", "1.5", "soon", "5, 10"),
    "WWW-Authenticate": ("Bearer", f"Bearer authorization_uri=https://login/{'0' * 8}", "Basic"),
}


def answer(rng: random.Random) -> bytes:
    """Return an answer as it goes over the wire."""
    if rng.random() < 1 / 30:
        return b""  # the connection ends
    content = rng.choice(_BODIES).encode()
    if rng.random() < 1 / 4:
        content = content[: rng.randrange(len(content) + 1)]
    if rng.random() < 1 / 8:
        content = rng.randbytes(rng.randrange(40))
    headers = {name: rng.choice(values) for name, values in _HEADERS.items() if rng.random() < 1 / 3}
    if rng.random() < 2 / 3:
        headers["x-ms-request-id"] = "0"
        headers["x-ms-error-code"] = rng.choice(("ServerBusy", "QueueNotFound", "AuthenticationFailed", ECHOED))
    lines = [f"HTTP/1.1 {rng.choice(_STATUSES)} Planned", *(f"{name}: {value}" for name, value in headers.items())]
    lines += [f"Content-Length: {len(content)}", "Connection: close", "", ""]
    whole = "\r\n".join(lines).encode() + content
    return whole if rng.random() < 29 / 30 else whole[: rng.randrange(len(whole))]


Question = Callable[[Storage], Awaitable[object]]


def questions() -> Mapping[str, Question]:
    """Return what is asked of queue and ledger."""
    day, now = date(2026, 12, 1), datetime(2026, 11, 24, 9, tzinfo=UTC)
    partition, row, claim = day.isoformat(), f"{'0' * 32}_-7", Claim("run", now, day)
    asked = [ClaimRow(row=row, notice_id="0" * 32, user_id="a", has_reference=True, message_hash="h")]
    return {
        "put a message": lambda storage: storage.queue.send("{}"),
        "how many wait": lambda storage: storage.queue.waiting(),
        "look at the queues": lambda storage: storage.queue.look(),
        "whose the ledger is": lambda storage: storage.ledger.check_owner(),
        "take the ledger": lambda storage: storage.ledger.take_ownership(),
        "what was sent": lambda storage: storage.ledger.sent(day, {"0" * 16}, day),
        "what was sent to one": lambda storage: storage.ledger.of_user([day], "0" * 16),
        "claim": lambda storage: storage.ledger.claim(partition, asked, claim, now),
        "mark as sent": lambda storage: storage.ledger.mark_sent(partition, {row: "m"}, claim, now),
        "release": lambda storage: storage.ledger.release(partition, [row], claim),
        "the runs": lambda storage: storage.ledger.runs(day),
        "record a run": lambda storage: storage.ledger.record_run(run_report(day)),
        "forget": lambda storage: storage.ledger.forget(day, day),
    }


async def ask(inputs: int, seed: int) -> int:
    """Ask so many questions; return how many ended in a sentence. AssertionError names the question and the seed."""
    rng, sentences = random.Random(seed), 0
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
            writer.write(answer(rng))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    storage = f"AccountName=a;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:{port}/a;TableEndpoint=http://127.0.0.1:{port}/a"
    settings = Settings.from_mapping(environ(NOTICE_STORAGE=storage))
    logging.getLogger().addHandler(handler)
    async with server, bootstrap.open_storage(settings, MovableClock()) as opened:
        asked = questions()
        for number in range(inputs):
            name = rng.choice(list(asked))
            try:
                found = await asked[name](opened)
                text = str(found)
            except DueNoticesError as error:
                sentences += 1
                text = str(error)
                assert text.strip(), f"{name}: no sentence (seed {seed}, input {number})"
                assert "\n" not in text, f"{name}: more than a line (seed {seed}, input {number}): {text!r}"
            except Exception as error:
                raise AssertionError(f"{name}: {type(error).__name__} (seed {seed}, input {number})") from error
            assert ECHOED not in text, f"{name}: what was answered is repeated (seed {seed}, input {number}): {text}"
            assert ECHOED not in lines.getvalue(), f"{name}: an answer is logged (seed {seed}, input {number})"
            lines.seek(0)
            lines.truncate()
    logging.getLogger().removeHandler(handler)
    return sentences


def check(inputs: int, seed: int) -> int:
    """Do the same on an event loop of its own."""
    return asyncio.run(ask(inputs, seed))


if __name__ == "__main__":
    logging.getLogger().addHandler(logging.NullHandler())  # the SDKs' complaints about broken answers are meant
    print(check(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1), "sentences")
