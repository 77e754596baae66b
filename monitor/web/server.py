"""Run an ASGI application in the running event loop: port 0 picks a port, no signal handlers, a clean stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

STOP_DEADLINE_S = 3.0
GRACE_S = 1  # for requests that are being answered when the stop comes


class ServerHandle:
    """A server that is up. port: the one it listens on."""

    def __init__(self, server: uvicorn.Server, serving: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._serving = serving
        self.port = port

    async def stop(self) -> None:
        """Stop listening, let running requests finish for a second, close the rest. Idempotent."""
        self._server.should_exit = True
        await asyncio.wait({self._serving}, timeout=STOP_DEADLINE_S)
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(self._serving, return_exceptions=True)


async def serve(app: ASGIApp, host: str, port: int) -> ServerHandle:
    """Listen on host and port and answer with `app`. Raises OSError when the address cannot be listened on."""
    listening = await _listen(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=200,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http-server")
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if serving.done():
        listening.close()
        serving.result()
        raise OSError(f"the HTTP server on {host}:{port} ended at once")
    return ServerHandle(server, serving, listening.getsockname()[1])


class _Server(uvicorn.Server):
    """uvicorn without its hold on the process's signals, and with a word when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the application."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn, and tell."""
        await super().startup(sockets)
        self.up.set()


async def _listen(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by accepted connections
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listening
