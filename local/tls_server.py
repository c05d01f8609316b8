"""The TLS server: one thread, one event loop, and a port for each emulated service."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping

import uvicorn
from starlette.types import Receive, Scope, Send

from local.certificates import HOST, Certificates
from local.emulated_service import Service, is_unplanned

START_SECONDS = 10.0
STOP_SECONDS = 10.0


def bound_socket() -> socket.socket:
    """Return a socket on a free port, so that a service knows its URL before it serves."""
    # asyncio turns Nagle's algorithm off only where the protocol is given; otherwise every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL of what listens there."""
    return f"https://{HOST}:{listener.getsockname()[1]}"


class _Uvicorn(uvicorn.Server):
    """Says when it serves, and drops its connections when it ends.

    Uvicorn's own end waits for the connections that clients keep alive.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


class Server:
    """Serves each service on its socket until `stop`."""

    def __init__(self, services: Mapping[socket.socket, Service], certificates: Certificates) -> None:
        """Take the services by the sockets they listen on."""
        self._services = {listener.getsockname()[1]: service for listener, service in services.items()}
        config = uvicorn.Config(
            self._dispatch,
            http="h11",
            ws="none",
            interface="asgi3",
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,  # each service has a clock of its own
            ssl_certfile=certificates.chain,
            ssl_keyfile=certificates.key,
        )
        self._uvicorn = _Uvicorn(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": list(services)}, name="local-stack", daemon=True
        )

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._services[scope["server"][1]](scope, receive, send)

    def start(self) -> None:
        """Start, and return once requests are answered."""
        logging.getLogger("uvicorn.error").addFilter(is_unplanned)
        self._thread.start()
        if not self._uvicorn.serving.wait(START_SECONDS):
            raise RuntimeError("the TLS server of the local stack did not start")

    def stop(self) -> None:
        """Stop, and cut off what is still being answered."""
        self._uvicorn.should_exit = True
        self._thread.join(STOP_SECONDS)
