"""One duplex channel of JSON lines between two of our processes: tell (one way, bounded, drops counted) and ask."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

LINE_LIMIT_BYTES = 1 << 20
QUEUE_LINES = 4096  # outgoing one-way messages waiting for the peer; further ones are dropped and counted
ASKS_LIMIT = 2048  # asks one side may have open, as when every call of a shard ends at once; more fail, loudly
FLUSH_S = 0.5

Params = dict[str, Any]
Handler = Callable[[Params], Awaitable[Params | None]]

log = logging.getLogger(__name__)


class ChannelError(Exception):
    """An ask that got no result: timed out, refused by the other side, or the channel ended. The text says which."""


class Asker(Protocol):
    """What a probe needs of the way to another process: a `Channel`, or a `Link` (link.py), which outlives one."""

    def on(self, method: str, handler: Handler) -> None:
        """Answer `method` with `handler`."""
        ...

    def off(self, method: str, handler: Handler) -> None:
        """No longer, unless another has taken its place."""
        ...

    def tell(self, method: str, params: Params) -> bool:
        """Send one way; False when it was dropped."""
        ...

    async def ask(self, method: str, params: Params, timeout_s: float = 30.0) -> Params:
        """The other side's result. Raises ChannelError."""
        ...


class Channel:
    """JSON lines over one end of a Unix socket pair.

    Wire: `{"method", "params"}` tells, with an `id` it asks; `{"id", "result"}` or `{"id", "error"}` replies. Tells are
    handled one after another in the order sent; every ask is handled in a task of its own, so that a handler may ask
    back. A line that is not such a message ends the channel: both ends are ours, so it means a bug, never a guest.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self.name = name
        self.dropped = 0
        self.closed_reason = ""
        self._reader = reader
        self._writer = writer
        self._handlers: dict[str, Handler] = {}
        self._outgoing: deque[bytes] = deque()
        self._tells: deque[tuple[str, Params]] = deque()
        self._can_write = asyncio.Event()
        self._can_deliver = asyncio.Event()
        self._flushed = asyncio.Event()
        self._delivered = asyncio.Event()
        self._asks: dict[int, asyncio.Future[Params]] = {}
        self._last_id = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._running = False
        self._done = asyncio.Event()

    @classmethod
    async def from_socket(cls, sock: socket.socket, name: str) -> Channel:
        """A channel over a connected Unix socket, which it owns from then on. Nothing moves before `run()`."""
        sock.setblocking(False)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=sock, limit=LINE_LIMIT_BYTES)
        except BaseException:
            sock.close()
            raise
        return cls(reader, writer, name)

    @property
    def closed(self) -> bool:
        """True from the moment either side ended the channel."""
        return self._ended.is_set()

    def on(self, method: str, handler: Handler) -> None:
        """Answer `method` with `handler`; its result is the reply (None is an empty one), its exception an error."""
        self._handlers[method] = handler

    def off(self, method: str, handler: Handler) -> None:
        """No longer answer `method` with `handler`; another that has taken its place stays."""
        if self._handlers.get(method) == handler:
            del self._handlers[method]

    def tell(self, method: str, params: Params) -> bool:
        """Send one way. False, and counted in `dropped`, when the channel is closed, full, or the line too long."""
        line = _encode({"method": method, "params": params})
        if self.closed or len(self._outgoing) >= QUEUE_LINES or len(line) > LINE_LIMIT_BYTES:
            self.dropped += 1
            return False
        self._send(line)
        return True

    async def ask(self, method: str, params: Params, timeout_s: float = 30.0) -> Params:
        """The other side's result. Raises ChannelError: no answer in time, refused, closed, or too many open asks."""
        if self.closed:
            raise ChannelError(f"{self.name}: {method}: {self.closed_reason}")
        if len(self._asks) >= ASKS_LIMIT:
            raise ChannelError(f"{self.name}: {method}: {ASKS_LIMIT} asks are open already")
        self._last_id += 1
        ask_id = self._last_id
        line = _encode({"id": ask_id, "method": method, "params": params})
        if len(line) > LINE_LIMIT_BYTES:
            raise ChannelError(f"{self.name}: {method}: the question is longer than {LINE_LIMIT_BYTES} bytes")
        reply: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        self._asks[ask_id] = reply
        self._send(line)
        try:
            async with asyncio.timeout(timeout_s):
                return await reply
        except TimeoutError:
            raise ChannelError(f"{self.name}: {method}: no answer within {timeout_s:g} s") from None
        finally:
            self._asks.pop(ask_id, None)

    async def run(self) -> None:
        """Move messages until either side closes. Returns with `closed_reason` set; raises only when cancelled."""
        self._running = True
        workers = [
            asyncio.create_task(self._guard(work), name=f"channel {self.name}")
            for work in (self._read(), self._write(), self._deliver())
        ]
        try:
            await self._ended.wait()
            await self._settle()
        finally:
            self._finish("cancelled")
            await _cancel([*workers, *self._answering])
            await self._close_socket()
            self._done.set()

    async def close(self) -> None:
        """End the channel after a short flush. Idempotent. A handler of the channel that calls it is cancelled."""
        self._finish("closed")
        if self._running:
            await self._done.wait()
        else:
            await self._close_socket()

    def _send(self, line: bytes) -> None:
        self._outgoing.append(line)
        self._flushed.clear()
        self._can_write.set()

    def _finish(self, reason: str) -> None:
        if self.closed:
            return
        self.closed_reason = reason
        self._ended.set()
        for reply in self._asks.values():
            if not reply.done():
                reply.set_exception(ChannelError(f"{self.name}: {reason}"))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ValueError as error:
            self._finish(f"malformed: {error}")
        except OSError as error:
            self._finish(f"lost: {error.strerror or type(error).__name__}")
        except Exception:
            log.exception("channel %s: our own mistake ends it", self.name)
            self._finish("error")

    async def _read(self) -> None:
        while line := await self._reader.readline():
            if not line.endswith(b"\n"):
                break
            self._receive(_decode(line))
        self._finish("ended by the other side")

    def _receive(self, message: Params) -> None:
        ask_id, method = message.get("id"), message.get("method")
        if method is None:
            self._replied(message)
        elif ask_id is None:
            if len(self._tells) >= QUEUE_LINES:
                self.dropped += 1
                return
            self._tells.append((method, message["params"]))
            self._delivered.clear()
            self._can_deliver.set()
        elif len(self._answering) >= ASKS_LIMIT:
            self._send(_encode({"id": ask_id, "error": "too many open asks"}))
        else:
            task = asyncio.create_task(self._answer(ask_id, method, message["params"]), name=f"{self.name} {method}")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def _replied(self, message: Params) -> None:
        reply = self._asks.get(message["id"])
        if reply is None or reply.done():
            return  # it came after its time: the asker has counted a timeout
        if "error" in message:
            reply.set_exception(ChannelError(f"{self.name}: {message['error']}"))
        else:
            reply.set_result(message["result"])

    async def _answer(self, ask_id: int, method: str, params: Params) -> None:
        line = _encode({"id": ask_id, **await self._outcome(method, params)})
        if len(line) > LINE_LIMIT_BYTES:
            line = _encode({"id": ask_id, "error": f"the answer is longer than {LINE_LIMIT_BYTES} bytes"})
        if not self.closed:
            self._send(line)

    async def _outcome(self, method: str, params: Params) -> Params:
        handler = self._handlers.get(method)
        if handler is None:
            return {"error": f"unknown method {method!r}"}
        try:
            return {"result": await handler(params) or {}}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"[:500]}

    async def _deliver(self) -> None:
        while True:
            await self._can_deliver.wait()
            self._can_deliver.clear()
            while self._tells:
                method, params = self._tells[0]
                outcome = await self._outcome(method, params)
                if "error" in outcome:
                    log.error("channel %s: %s: %s", self.name, method, outcome["error"])
                self._tells.popleft()
            self._delivered.set()

    async def _write(self) -> None:
        while True:
            await self._can_write.wait()
            self._can_write.clear()
            while self._outgoing:
                self._writer.write(self._outgoing[0])
                await self._writer.drain()
                self._outgoing.popleft()
            self._flushed.set()

    async def _settle(self) -> None:
        """What was said before the end is still sent, and what was received still handled, for a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                if self._outgoing and self.closed_reason == "closed":
                    await self._flushed.wait()
                if self._tells:
                    await self._delivered.wait()

    async def _close_socket(self) -> None:
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._writer.wait_closed()


def _encode(message: Params) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _decode(line: bytes) -> Params:
    """One message. Raises ValueError saying what is wrong with it."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("a line is not an object")
    method, ask_id = message.get("method"), message.get("id")
    if not isinstance(method, str | None) or not isinstance(ask_id, int | None):
        raise ValueError("method is not a string or id not a number")
    if method is not None:
        well_formed = isinstance(message.get("params"), dict)
    else:
        well_formed = ask_id is not None and ("error" in message or isinstance(message.get("result"), dict))
    if not well_formed:
        raise ValueError(f"neither a message nor a reply: {sorted(message)}")
    return message


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
