"""Drives one WebSocket of the JSON notification channel: reads, watches its silence, pings, closes in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from monitor.facts.clock import Clock
from monitor.facts.failures import Fault, Reason, failure
from monitor.genesys.channel_messages import PING, ChannelMessage, Kind, read_channel_message
from monitor.genesys.events import Event, Notified, PingResult, PongReceived
from monitor.genesys.pings import PingBook, came_all_the_same, not_connected, timed_out
from monitor.genesys.stanzas import StanzaError
from monitor.genesys.states import Ending
from monitor.genesys.timed_socket import MeasuredWebSocket, close_quietly, socket_end

LOST_AFTER_S = 30.0  # pongs carry no id: only after this a new ping goes out although the last one was not answered
RENEWED = Ending("", failure("notifications", Reason.CANCELLED, "the channel is about to expire"), hard=True)

# kind of message: (disconnect reason, whether the channel is of no more use)
_ENDS = {Kind.CLOSING: ("moved", False), Kind.DISPLACED: ("no_longer_subscribed", True), Kind.REVOKED: ("auth", True)}


class ChannelStream:
    """One socket from its opening to its end; owns the socket."""

    def __init__(
        self, websocket: MeasuredWebSocket, clock: Clock, silence_limit_s: float, on_event: Callable[[Event], None]
    ) -> None:
        self._websocket = websocket
        self._clock = clock
        self._silence_limit_s = silence_limit_s
        self._on_event = on_event
        self._pings = PingBook("notification", clock, self._tell)
        self._unanswered: tuple[bytes, float] | None = None
        self._answered = asyncio.Event()
        self._answered.set()
        self._count = 0

    @property
    def heard_mono_s(self) -> float:
        """When the last bytes came in."""
        return self._websocket.heard_mono_s

    async def run(self, renew_mono_s: float) -> Ending:
        """Read until the socket ends, falls silent, is told to go, or the time has come to renew the channel."""
        try:
            while True:
                ending = await self._read_one(renew_mono_s)
                if ending is not None:
                    return ending
        except ConnectionClosed as closed:
            return _ending_of(closed)

    async def close(self) -> None:
        """Close the socket with a deadline; whoever waits for a pong is told."""
        self._pings.end()
        await close_quietly(self._websocket)

    async def ping(self, timeout_s: float) -> PingResult:
        """One `{"message": "ping"}`. At most one is unanswered on the wire, as nothing tells two pongs apart.

        While an earlier one is unanswered this waits for its pong first, within the same timeout.
        """
        key, pong = b"", None
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                await self._turn()
                key, pong = self._begin(timeout_s)
                await self._websocket.send(PING)
                rtt_s = await pong
        except TimeoutError:
            if not deadline.expired():
                return not_connected("notification")
            late_rtt_s = None if pong is None else came_all_the_same(pong)
            if late_rtt_s is None:
                return timed_out("notification", timeout_s, self._websocket.tcp_rtt_s())
            rtt_s = late_rtt_s
        except (ConnectionClosed, ConnectionError):
            return not_connected("notification")
        finally:
            self._pings.give_up(key)
        return PingResult("ok", rtt_s, self._websocket.tcp_rtt_s())

    async def _turn(self) -> None:
        """Return when no ping is unanswered, or the last one will not be any more."""
        if self._unanswered is not None:
            left_s = self._unanswered[1] + LOST_AFTER_S - self._clock.mono_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left_s)):
                    await self._answered.wait()

    def _begin(self, timeout_s: float) -> tuple[bytes, asyncio.Future[float]]:
        self._count += 1
        key = str(self._count).encode()
        self._unanswered = (key, self._clock.mono_s())
        self._answered.clear()
        return key, self._pings.begin(key, timeout_s)

    async def _read_one(self, renew_mono_s: float) -> Ending | None:
        silent_at_s = self.heard_mono_s + self._silence_limit_s
        try:
            async with asyncio.timeout(max(0.0, min(silent_at_s, renew_mono_s) - self._clock.mono_s())):
                message = await self._websocket.recv()
        except TimeoutError:
            return self._overdue(renew_mono_s)
        try:
            if isinstance(message, bytes):
                raise StanzaError("malformed", "a binary message")
            return self._receive(read_channel_message(message), self._clock.mono_s())
        except StanzaError as error:
            return _refused(error)

    def _overdue(self, renew_mono_s: float) -> Ending | None:
        now = self._clock.mono_s()
        if now - self.heard_mono_s >= self._silence_limit_s:
            return Ending("silence", failure("notifications", Reason.TIMEOUT, "no heartbeat"))
        return RENEWED if now >= renew_mono_s else None

    def _receive(self, message: ChannelMessage, now: float) -> Ending | None:
        if message.kind is Kind.PONG and self._unanswered is not None:
            key, self._unanswered = self._unanswered[0], None
            self._answered.set()
            self._pings.pong(key, now)
        elif message.kind not in (Kind.PONG, Kind.HEARTBEAT, Kind.OTHER):
            self._on_event(Notified(message.topic, message.body))
        if message.kind not in _ENDS:
            return None
        reason, hard = _ENDS[message.kind]
        return Ending(reason, failure("notifications", Reason.CLOSED, message.topic), hard=hard)

    def _tell(self, pong: PongReceived) -> None:
        self._on_event(pong)


def _refused(error: StanzaError) -> Ending:
    reason = Reason.TOO_LARGE if error.reason == "too_large" else Reason.MALFORMED
    return Ending("malformed", failure("notifications", reason, error, Fault.REMOTE))


def _ending_of(closed: ConnectionClosed) -> Ending:
    end = socket_end(closed)
    if end.kind in ("malformed", "too_large"):
        return _refused(StanzaError(end.kind, end.words))
    # 1000 says that the server is done with this channel: it has expired, or another socket has taken it
    cause = Reason.RESET if end.kind == "reset" else Reason.CLOSED
    words = f"{end.code} {end.words}" if end.code is not None else (end.words or "no close frame")
    return Ending(end.kind, failure("notifications", cause, words), hard=end.code == 1000, code=end.code)
