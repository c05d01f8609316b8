"""The bare limit: the same requests, as fast as a plain client can make them, against the same servers.

`wrk` (Debian's package, or any) where it is installed; otherwise aiohttp with nothing around it, which reaches
about as much as the servers can give. Pages of users are read by aiohttp, one after another, as their links ask.
"""

from __future__ import annotations

import asyncio
import base64
import re
import resource
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from bench.customers import PAGE_SIZE
from bench.measure import World
from bench.pieces import A_MESSAGE

CONNECTIONS = 64
SECONDS = 3
BODY = b"<QueueMessage><MessageText>" + base64.b64encode(A_MESSAGE.encode()) + b"</MessageText></QueueMessage>"
_HEADERS = {"x-ms-version": "2021-12-02", "Content-Type": "application/xml"}


def measure(scenario: str, world: World, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures of the raw requests that a scenario is made of."""
    cpu = time.process_time() + _children()
    owed, read, send = round(world.users * world.share), 0.0, 0.0
    if scenario in {"read-only", "mixed"}:
        read = asyncio.run(_pages(world.users, settings))
    if scenario in {"all-owed", "put-only"} and shutil.which("wrk"):
        owed, send = round(_wrk(_messages_url(settings)) * SECONDS), float(SECONDS)
    elif owed:
        send = put(owed, settings)
    return {
        "users": world.users,
        "owed": owed,
        "read_s": read,
        "send_s": send,
        "total_s": read + send,
        "cpu_s": time.process_time() + _children() - cpu,
    }


def put(count: int, settings: Mapping[str, str]) -> float:
    """Put so many messages with nothing around aiohttp; return the seconds that it took."""
    return asyncio.run(_puts(_messages_url(settings), count))


def _messages_url(settings: Mapping[str, str]) -> str:
    from azure.storage.queue import QueueClient, QueueSasPermissions, generate_queue_sas

    queue = QueueClient.from_connection_string(settings["NOTICE_STORAGE"], settings["NOTICE_QUEUE"])
    signature = generate_queue_sas(
        queue.account_name or "",
        queue.queue_name,
        queue.credential.account_key,
        permission=QueueSasPermissions(add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),  # noqa: TID251 (a benchmark is not a part of the program)
    )
    return f"{queue.url}/messages?messagettl=-1&{signature}"


def _wrk(url: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "put.lua"
        headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in _HEADERS.items())
        script.write_text(f'wrk.method = "POST"\nwrk.body = "{BODY.decode()}"\n{headers}')
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec: *([0-9.]+)", done.stdout)
    assert found is not None  # noqa: S101 (wrk always says so)
    return float(found[1])


async def _puts(url: str, count: int) -> float:
    target, permits = URL(url, encoded=True), asyncio.Semaphore(CONNECTIONS)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def one() -> None:
            async with permits, session.post(target, data=BODY, headers=_HEADERS) as answer:
                await answer.read()
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return time.perf_counter() - started


async def _pages(users: int, settings: Mapping[str, str]) -> float:
    """Read all pages as they come and look at none of them."""
    context = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
    async with aiohttp.ClientSession() as session:
        started = time.perf_counter()
        for number in range(-(-users // PAGE_SIZE)):
            url = f"{settings['GRAPH_ENDPOINT']}/v1.0/users?list=&page={number}"
            async with session.get(url, ssl=context) as answer:
                await answer.read()
        return time.perf_counter() - started


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
