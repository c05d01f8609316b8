#!/usr/bin/env bash
# Question: a POST whose body is a stream (a generator, io.BytesIO) is answered 503 or 307 first and 200 at the second
#   try. Which body has the second request?
# A good guess: the same, or the client raises because the stream is consumed.
# What happens: it depends on the client, and three send nothing and call it a success.
#   - requests and urllib3 rewind what can seek; a generator goes out empty, with status 200, at a redirect as well as
#     at a retry by urllib3's Retry.
#   - aiohttp refuses a consumed generator at a redirect since 2026, and rewinds io.BytesIO; but a retry around it
#     (tenacity, aiohttp-retry) makes a new request of the same object, which starts at the end: empty, 200.
#   - httpx raises StreamConsumed for a generator.
# Why it matters: the receiver has an empty message, and the sender a success. Give bytes to whatever may be sent twice.
# Seen: 2026-11-30, against a server on loopback. aiohttp's refusal is its pull request 12217; of retries it says
#   nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check \
    requests==2.34.2 urllib3==2.8.0 aiohttp==3.14.5 aiohttp-retry==2.9.1 tenacity==9.2.1 httpx==0.28.1

cat >expected <<'END'
requests 2.34.2, urllib3 2.8.0, aiohttp 3.14.5, aiohttp-retry 2.9.1, tenacity 9.2.1, httpx 0.28.1
requests, 307, generator         200 [b'notice', b'']
requests, 307, BytesIO           200 [b'notice', b'notice']
requests + Retry, 503, generator 200 [b'notice', b'']
urllib3 + Retry, 503, generator  200 [b'notice', b'']
urllib3 + Retry, 503, BytesIO    200 [b'notice', b'notice']
aiohttp, 307, generator          ClientPayloadError [b'notice']
aiohttp, 307, BytesIO            200 [b'notice', b'notice']
aiohttp + tenacity, 503, BytesIO 200 [b'notice', b'']
aiohttp-retry, 503, BytesIO      200 [b'notice', b'']
aiohttp-retry, 503, generator    200 [b'notice', b'']
httpx, 307, generator            StreamConsumed [b'notice']
END
cat >server.py <<'END'
"""Answers each POST with what is next in `plan` (200 when it is used up) and keeps the bodies."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

plan: list[int] = []
bodies: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while (size := int(self.rfile.readline(), 16)) > 0:
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        bodies.append(body)
        self.send_response(plan.pop(0) if plan else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda request, client_address: None  # a client that raises drops its connection
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
END
venv/bin/python - <<'END' | tee seen
import asyncio
import io
from importlib.metadata import version

import aiohttp
import aiohttp_retry
import httpx
import requests
import tenacity
import urllib3
from requests.adapters import HTTPAdapter
from server import bodies, plan, url

names = ("requests", "urllib3", "aiohttp", "aiohttp-retry", "tenacity", "httpx")
print(", ".join(f"{name} {version(name)}" for name in names))
again = urllib3.Retry(3, status_forcelist=[503], allowed_methods=None)


def parts():
    yield b"notice"


async def parts_later():
    yield b"notice"


def stream():
    return io.BytesIO(b"notice")


def show(title, first, send):
    plan[:], bodies[:] = [first], []
    try:
        outcome = send()
    except Exception as error:
        outcome = type(error).__name__
    print(f"{title:32} {outcome} {bodies}")


def with_requests(body):
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=again))
        return session.post(url, data=body).status_code


def with_urllib3(body):
    with urllib3.PoolManager(retries=again) as pool:
        return pool.request("POST", url, body=body).status


async def with_aiohttp(body):
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
        return answer.status


async def with_tenacity(body):
    @tenacity.retry(stop=tenacity.stop_after_attempt(3))
    async def send():
        async with session.post(url, data=body, raise_for_status=True) as answer:
            return answer.status

    async with aiohttp.ClientSession() as session:
        return await send()


async def with_aiohttp_retry(body):
    options = aiohttp_retry.ExponentialRetry(attempts=3, start_timeout=0.01)
    async with aiohttp_retry.RetryClient(retry_options=options) as client, client.post(url, data=body) as answer:
        return answer.status


show("requests, 307, generator", 307, lambda: requests.post(url, data=parts()).status_code)
show("requests, 307, BytesIO", 307, lambda: requests.post(url, data=stream()).status_code)
show("requests + Retry, 503, generator", 503, lambda: with_requests(parts()))
show("urllib3 + Retry, 503, generator", 503, lambda: with_urllib3(parts()))
show("urllib3 + Retry, 503, BytesIO", 503, lambda: with_urllib3(stream()))
show("aiohttp, 307, generator", 307, lambda: asyncio.run(with_aiohttp(parts_later())))
show("aiohttp, 307, BytesIO", 307, lambda: asyncio.run(with_aiohttp(stream())))
show("aiohttp + tenacity, 503, BytesIO", 503, lambda: asyncio.run(with_tenacity(stream())))
show("aiohttp-retry, 503, BytesIO", 503, lambda: asyncio.run(with_aiohttp_retry(stream())))
show("aiohttp-retry, 503, generator", 503, lambda: asyncio.run(with_aiohttp_retry(parts_later())))
show("httpx, 307, generator", 307, lambda: httpx.post(url, content=parts(), follow_redirects=True).status_code)
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
