"""The bare limit: the same requests, as fast as a plain client can make them, against the same servers.

`wrk` (Debian's package, or any) where it is installed; otherwise aiohttp with nothing around it, which reaches
about as much as the servers can give. The results say which.
"""

from __future__ import annotations

import asyncio
import base64
import re
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

CONNECTIONS = 64
BODY = (
    b"<QueueMessage><MessageText>" + base64.b64encode(b"x" * 720) + b"</MessageText></QueueMessage>"
)  # as long as a notice


def measure(scenario: str, world: World, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the rate of raw requests that a scenario is made of."""
    if scenario == "read-only":
        return _pages(world, settings)
    url = _messages_url(settings)
    if shutil.which("wrk"):
        seconds = 3
        rate = _wrk(url, seconds)
        return {"who": "wrk", "owed": round(rate * seconds), "send_s": float(seconds), "total_s": float(seconds)}
    started = time.perf_counter()
    asyncio.run(_puts(url, world.users))
    elapsed = time.perf_counter() - started
    return {"who": "aiohttp", "owed": world.users, "send_s": elapsed, "total_s": elapsed}


def _messages_url(settings: Mapping[str, str]) -> str:
    from azure.storage.queue import QueueClient, QueueSasPermissions, generate_queue_sas

    queue = QueueClient.from_connection_string(settings["NOTICE_STORAGE"], settings["NOTICE_QUEUE"])
    signature = generate_queue_sas(
        queue.account_name or "",
        queue.queue_name,
        queue.credential.account_key,
        permission=QueueSasPermissions(add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),  # noqa: TID251 (a benchmark is no part of the program)
    )
    return f"{queue.url}/messages?messagettl=-1&{signature}"


def _wrk(url: str, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "put.lua"
        script.write_text(
            'wrk.method = "POST"\n'
            f'wrk.body = "{BODY.decode()}"\n'
            'wrk.headers["x-ms-version"] = "2021-12-02"\nwrk.headers["Content-Type"] = "application/xml"\n'
        )
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec: *([0-9.]+)", done.stdout)
    assert found is not None  # noqa: S101 (wrk always says so)
    return float(found[1])


async def _puts(url: str, count: int) -> None:
    target, permits = URL(url, encoded=True), asyncio.Semaphore(CONNECTIONS)
    headers = {"x-ms-version": "2021-12-02", "Content-Type": "application/xml"}
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def put() -> None:
            async with permits, session.post(target, data=BODY, headers=headers) as answer:
                await answer.read()
                answer.raise_for_status()

        await asyncio.gather(*(put() for _ in range(count)))


def _pages(world: World, settings: Mapping[str, str]) -> dict[str, Any]:
    """Read all pages as they come and look at none of them."""
    pages = -(-world.users // PAGE_SIZE)

    async def read() -> float:
        context = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
        async with aiohttp.ClientSession() as session:

            async def get(number: int) -> None:
                url = f"{settings['GRAPH_ENDPOINT']}/v1.0/users?list=&page={number}"
                async with session.get(url, ssl=context) as answer:
                    await answer.read()

            await get(0)
            started = time.perf_counter()
            for number in range(pages):
                await get(number)
            return time.perf_counter() - started

    elapsed = asyncio.run(read())
    return {"who": "aiohttp", "users": world.users, "owed": 0, "read_s": elapsed, "total_s": elapsed}
