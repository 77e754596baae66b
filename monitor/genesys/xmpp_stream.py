"""Drives one Session over one WebSocket: reads, writes, wakes it up when something is due, and closes in order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from websockets.exceptions import ConnectionClosed

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure
from monitor.genesys.events import Event, IceServersFetched, PingResult, PongReceived, SilenceNoticed
from monitor.genesys.pings import PingBook, came_all_the_same, not_connected, timed_out
from monitor.genesys.requests import Reply, Request
from monitor.genesys.session import Session
from monitor.genesys.stanzas import StanzaError
from monitor.genesys.states import Ending
from monitor.genesys.timed_socket import CLOSE_TIMEOUT_S, MeasuredWebSocket, SocketEnd, close_quietly, socket_end

_T = TypeVar("_T")
OUTGOING_LIMIT = 1000  # messages waiting to be written; a server that reads nothing must not fill our memory


class XmppStream:
    """One stream from the open socket to its end. Owns the socket; `run` returns how the stream ended.

    on_ending is called once, the moment the end is known, unless we are cancelled.
    """

    def __init__(
        self,
        websocket: MeasuredWebSocket,
        session: Session,
        clock: Clock,
        on_event: Callable[[Event], None],
        on_ending: Callable[[Ending], None],
    ) -> None:
        self._websocket = websocket
        self._session = session
        self._clock = clock
        self._on_event = on_event
        self._on_ending = on_ending
        self._ended = asyncio.Event()
        self._writable = asyncio.Event()
        self._outgoing: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._pings = PingBook("websocket", clock, self._tell)
        websocket.on_pong = self._pings.pong

    @property
    def session(self) -> Session:
        """The state machine."""
        return self._session

    @property
    def heard_mono_s(self) -> float:
        """When the last bytes came in."""
        return self._websocket.heard_mono_s

    async def run(self) -> Ending:
        """Run the stream to its end. When cancelled, it says `<close/>` and closes within a deadline."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            self._session.start(self._clock.mono_s())
            self._advance()
            await self._ended.wait()
        finally:
            await self._shut(tasks)
        assert self._session.ending is not None
        return self._session.ending

    # --- measurements and requests --------------------------------------------------------------------------------

    async def ping_websocket(self, timeout_s: float) -> PingResult:
        """An RFC 6455 ping, matched by its payload."""
        key = secrets.token_bytes(8)
        pong = self._pings.begin(key, timeout_s)
        self._websocket.on_next_write = partial(self._pings.sent, key)  # which is the ping, as nothing comes between
        try:
            async with asyncio.timeout(timeout_s):
                await self._websocket.ping(key)
                rtt_s = await pong
        except TimeoutError:
            late_rtt_s = came_all_the_same(pong)
            if late_rtt_s is None:
                return timed_out("websocket", timeout_s, self._websocket.tcp_rtt_s())
            rtt_s = late_rtt_s
        except (ConnectionClosed, ConnectionError):
            return not_connected("websocket")
        finally:
            self._websocket.on_next_write = None
            self._pings.give_up(key)
        return PingResult("ok", rtt_s, self._websocket.tcp_rtt_s())

    async def ping_xmpp(self, timeout_s: float) -> PingResult:
        """An XEP-0199 ping to the server."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._session.ping(self._clock.mono_s(), timeout_s, lambda value, _: _settle(reply, value))
        self._advance()
        done = await reply
        tcp_rtt_s = self._websocket.tcp_rtt_s()
        if done.failure is None:
            return PingResult("ok", done.seconds, tcp_rtt_s)
        if done.failure.reason is Reason.TIMEOUT:
            return timed_out("xmpp", timeout_s, tcp_rtt_s)
        if done.failure.reason is Reason.NOT_CONNECTED:
            return not_connected("xmpp")
        return PingResult("error", None, tcp_rtt_s, done.failure)

    async def fetch_ice_servers(self, timeout_s: float) -> IceServersFetched:
        """Two extdisco requests, timed as one."""
        done: asyncio.Future[IceServersFetched] = asyncio.get_running_loop().create_future()
        self._session.fetch_ice_servers(self._clock.mono_s(), timeout_s, lambda value, _: _settle(done, value))
        self._advance()
        return await done

    async def request(self, operation: str, to: str, timeout_s: float, build: Callable[[str], str]) -> Failure | None:
        """Send an IQ and wait for its result; None when it was accepted."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = Request(operation, to, timeout_s, lambda value, _: _settle(reply, value))
        try:
            self._session.request(request, build, self._clock.mono_s())
        except StanzaError as error:
            return failure(operation, Reason.MALFORMED, error)
        self._advance()
        return (await reply).failure

    def send_jingle_message(self, action: str, to: str, session_id: str) -> Failure | None:
        """Send a proceed, accept or reject; nothing answers it."""
        try:
            self._session.send_jingle_message(action, to, session_id)
        except StanzaError as error:
            return failure(action, Reason.MALFORMED, error)
        self._advance()
        return None

    # --- the driver -----------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Hand on what the session has produced, and set the timer for its next deadline."""
        self._outgoing.extend(self._session.outgoing())
        if len(self._outgoing) > OUTGOING_LIMIT:
            words = "more is asked than can be answered"
            self._session.refuse(StanzaError("malformed", words), self._clock.mono_s())
        if self._outgoing:
            self._writable.set()
        for event in self._session.events():
            self._on_event(self._located(event))
        if self._session.ending is not None and not self._ended.is_set():
            self._ended.set()
            self._on_ending(self._session.ending)  # at once: closing in order may take a second
        self._set_timer()

    def _located(self, event: Event) -> Event:
        """A silence with where it is, by what the kernel knows."""
        return replace(event, where=self._websocket.silent_at()) if isinstance(event, SilenceNoticed) else event

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_s = self._session.next_deadline()
        if deadline_s is not None:
            wait_s = max(0.0, deadline_s - self._clock.mono_s())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._session.tick(self._clock.mono_s())
        self._advance()

    async def _read(self) -> None:
        try:
            while True:
                message = await self._websocket.recv()
                if isinstance(message, str):
                    self._session.receive(message, self._clock.mono_s())
                else:
                    self._session.refuse(StanzaError("malformed", "a binary message"), self._clock.mono_s())
                self._advance()
        except ConnectionClosed as closed:
            self._note_close(socket_end(closed))
            self._advance()

    def _note_close(self, end: SocketEnd) -> None:
        now = self._clock.mono_s()
        if end.kind in ("malformed", "too_large"):
            self._session.refuse(StanzaError(end.kind, end.words), now)
        else:
            self._session.closed(end.code, end.words, now)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader sees it too, and says why
            while True:
                await self._writable.wait()
                self._writable.clear()
                await self._flush()

    async def _flush(self) -> None:
        while self._outgoing:
            await self._websocket.send(self._outgoing.pop(0))

    async def _shut(self, tasks: list[asyncio.Task[None]]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._session.stop(self._clock.mono_s())
        self._outgoing.extend(self._session.outgoing())
        for event in self._session.events():
            self._on_event(event)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._flush()
        await close_quietly(self._websocket)
        self._pings.end()
        for task in tasks:
            if not task.cancelled():
                task.result()  # a defect of ours must not vanish

    def _tell(self, pong: PongReceived) -> None:
        self._on_event(pong)


def _settle(future: asyncio.Future[_T], value: _T) -> None:
    if not future.done():
        future.set_result(value)
