"""Run an ASGI application in the running event loop: port 0 picks a port, no signal handlers, slow clients cut off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

STOP_DEADLINE_S = 3.0
GRACE_S = 1  # for requests that are being answered when the stop comes
WRITE_DEADLINE_S = 10.0  # for a client to take what was sent: who does not read has no use of an answer
HEAD_DEADLINE_S = 10.0  # from the connection, or the answer before, to the end of a request's headers


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
        http=_Connection,
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


class _Connection(H11Protocol):
    """uvicorn's connection, closed when no whole request comes: else a few clients that send nothing hold every place.

    uvicorn's own keep-alive timer begins with the first answer and ends with the next byte. Nor is a client waited for
    that does not read; one that does may be sent a stream for ever.
    """

    _deadline: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """The first request is waited for."""
        super().connection_made(transport)
        self._wait_for_request()

    def on_response_complete(self) -> None:
        """The next one is."""
        super().on_response_complete()
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """None is."""
        self._stop_waiting()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is sent to."""
        super().pause_writing()
        self._is_read()
        self._reading = self.loop.call_later(WRITE_DEADLINE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_read()
        super().resume_writing()

    def _is_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_DEADLINE_S, self._overdue)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        being_answered = self.cycle is not None and not self.cycle.response_complete
        if not being_answered:
            self.transport.close()


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
