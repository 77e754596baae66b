"""Measuring pings over a WebSocket: who waits for which pong, and which pongs come late."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from monitor.facts.clock import Clock
from monitor.facts.failures import Reason, failure
from monitor.genesys.events import PingResult, PongReceived

LATE_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A ping without its pong."""

    sent_mono_s: float
    timeout_s: float
    pong: asyncio.Future[float]


class PingBook:
    """Which pings wait for their pong, by a key that the pong repeats; late pongs are told as events."""

    def __init__(self, kind: str, clock: Clock, on_event: Callable[[PongReceived], None]) -> None:
        self._kind = kind
        self._clock = clock
        self._on_event = on_event
        self._waiting: dict[bytes, _Waiting] = {}
        self._late: OrderedDict[bytes, float] = OrderedDict()

    def begin(self, key: bytes, timeout_s: float) -> asyncio.Future[float]:
        """A ping with this key goes out now. The future gives its round trip in seconds, if that is within timeout."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[key] = _Waiting(self._clock.mono_s(), timeout_s, future)
        return future

    def sent(self, key: bytes, at_mono_s: float) -> None:
        """The ping with this key was written at that time: what was done before is no part of its round trip."""
        self._waiting[key] = replace(self._waiting[key], sent_mono_s=at_mono_s)

    def pong(self, key: bytes, at_mono_s: float) -> None:
        """A pong with this key came in at that time. One that nobody waits for is ignored."""
        waiting = self._waiting.pop(key, None)
        sent_s = waiting.sent_mono_s if waiting is not None else self._late.pop(key, None)
        if sent_s is None:
            return
        rtt_s = at_mono_s - sent_s
        late = waiting is None or rtt_s >= waiting.timeout_s  # the latter when our own timer is late as well
        self._on_event(PongReceived(self._kind, rtt_s, late=late))
        if waiting is not None and not late and not waiting.pong.done():
            waiting.pong.set_result(rtt_s)

    def give_up(self, key: bytes) -> None:
        """The timeout has passed; a pong that still comes is late."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._late[key] = waiting.sent_mono_s
            if len(self._late) > LATE_KEPT:
                self._late.popitem(last=False)

    def end(self) -> None:
        """The connection has ended: whoever waits gets a ConnectionError."""
        for waiting in self._waiting.values():
            if not waiting.pong.done():
                waiting.pong.set_exception(ConnectionError("the connection ended before the pong"))
                waiting.pong.exception()  # a waiter that is gone by now must not become a warning
        self._waiting.clear()
        self._late.clear()


def came_all_the_same(pong: asyncio.Future[float]) -> float | None:
    """The round trip of a pong that was in time, when our own loop was late for it and its timer went off beside it."""
    return pong.result() if pong.done() and not pong.cancelled() and pong.exception() is None else None


def not_connected(kind: str) -> PingResult:
    """There is no connection to ping on."""
    return PingResult("not_connected", failure=failure(f"{kind}_ping", Reason.NOT_CONNECTED))


def timed_out(kind: str, timeout_s: float, tcp_rtt_s: float | None) -> PingResult:
    """No pong within the timeout."""
    words = failure(f"{kind}_ping", Reason.TIMEOUT, f"no pong within {timeout_s:g} s")
    return PingResult("timeout", None, tcp_rtt_s, words)
