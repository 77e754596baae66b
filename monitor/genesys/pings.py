"""Measuring pings over a WebSocket: who waits for which pong, and which pongs come late."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from monitor.facts.clock import Clock
from monitor.facts.failures import Reason, failure
from monitor.genesys.events import PingResult, PongReceived

LATE_KEPT = 64


class PingBook:
    """Which pings wait for their pong, by a key that the pong repeats; late pongs are told as events."""

    def __init__(self, kind: str, clock: Clock, on_event: Callable[[PongReceived], None]) -> None:
        self._kind = kind
        self._clock = clock
        self._on_event = on_event
        self._waiting: dict[bytes, tuple[float, asyncio.Future[float]]] = {}
        self._late: OrderedDict[bytes, float] = OrderedDict()

    def begin(self, key: bytes) -> asyncio.Future[float]:
        """A ping with this key goes out now. The future gives its round trip in seconds."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[key] = (self._clock.mono_s(), future)
        return future

    def pong(self, key: bytes, at_mono_s: float) -> None:
        """A pong with this key came in at that time. One that nobody waits for is ignored."""
        waiting = self._waiting.pop(key, None)
        sent_s = waiting[0] if waiting is not None else self._late.pop(key, None)
        if sent_s is None:
            return
        self._on_event(PongReceived(self._kind, at_mono_s - sent_s, late=waiting is None))
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(at_mono_s - sent_s)

    def give_up(self, key: bytes) -> None:
        """The timeout has passed; a pong that still comes is late."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._late[key] = waiting[0]
            if len(self._late) > LATE_KEPT:
                self._late.popitem(last=False)

    def end(self) -> None:
        """The connection has ended: whoever waits gets a ConnectionError."""
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection ended before the pong"))
                future.exception()  # a waiter that is gone by now must not become a warning
        self._waiting.clear()
        self._late.clear()


def not_connected(kind: str) -> PingResult:
    """There is no connection to ping on."""
    return PingResult("not_connected", failure=failure(f"{kind}_ping", Reason.NOT_CONNECTED))


def timed_out(kind: str, timeout_s: float, tcp_rtt_s: float | None) -> PingResult:
    """No pong within the timeout."""
    words = failure(f"{kind}_ping", Reason.TIMEOUT, f"no pong within {timeout_s:g} s")
    return PingResult("timeout", None, tcp_rtt_s, words)
