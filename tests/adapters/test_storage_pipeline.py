"""How the pipeline speaks: what it asks for, how long it waits, and how long it keeps a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from azure.core.exceptions import AzureError

from due_notices.adapters import storage_pipeline
from due_notices.adapters.storage_errors import code_of, status_of
from due_notices.adapters.storage_pipeline import StoragePipeline

OPTIONS = {"connection_timeout": 0.2, "read_timeout": 0.3, "use_env_settings": False}
NODES_IDLE_SECONDS = 5.0  # https://nodejs.org/api/http.html#serverkeepalivetimeout
OWN = "x-ms-request-id: 1"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def asked(answer: Answer) -> AsyncIterator[tuple[StoragePipeline, str, list[bytes]]]:
    """Yield a pipeline, the address of a server that answers so, and the heads of the requests that it gets."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            await answer(writer)
        except OSError:
            return
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with StoragePipeline(None, "sig=nature", OPTIONS) as pipeline:
            yield pipeline, address, heads


def saying(status: str, body: bytes = b"", *headers: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
        writer.write(f"{head}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time, each well within the time for one, and never come to an end."""
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_request_has_the_signature_after_its_own_query_and_asks_for_an_answer_without_compression() -> None:
    async with asked(saying("200 OK", b"{}", "ETag: one", OWN)) as (pipeline, address, heads):
        body, headers = await pipeline.get(f"{address}/t()?$filter=a", {"Accept": "application/json"})

    assert (body, headers["etag"]) == (b"{}", "one")
    assert heads[0].startswith(b"GET /t()?$filter=a&sig=nature ")
    assert b"accept-encoding: identity" in heads[0].lower()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (saying("404 Not Found", b'{"odata.error":{"code":"TableNotFound","message":{}}}', OWN), "TableNotFound"),
        (
            saying("403 Forbidden", b"<m:error><m:code>AuthenticationFailed</m:code></m:error>", OWN),
            "AuthenticationFailed",
        ),
        (saying("503 Busy", b"", "x-ms-error-code: ServerBusy"), "ServerBusy"),
        (saying("500 Oh", b'{"odata.error":"a text"}', OWN), "HTTP 500"),
        (saying("302 Found", b"", "Location: http://127.0.0.1:1/"), "HTTP 302"),
    ],
    ids=["json", "xml", "header", "no code", "redirect"],
)
async def test_a_refusal_has_the_services_own_code_wherever_the_answer_has_it(answer: Answer, code: str) -> None:
    async with asked(answer) as (pipeline, address, _):
        with pytest.raises(AzureError) as caught:
            await pipeline.get(address, {})

    assert code_of(caught.value) == code


async def test_an_answer_that_trickles_for_ever_is_given_up() -> None:
    async with asked(trickle) as (pipeline, address, _):
        with pytest.raises(AzureError) as caught:
            await asyncio.wait_for(pipeline.post(address, b"", {}, success=201), timeout=5)

    assert status_of(caught.value) is None


async def test_a_connection_is_not_kept_as_long_as_the_server_keeps_it() -> None:
    async with StoragePipeline(None, "", OPTIONS) as pipeline:
        connector = pipeline._session.connector

    assert storage_pipeline.IDLE < NODES_IDLE_SECONDS
    assert vars(connector)["_keepalive_timeout"] == storage_pipeline.IDLE
