"""When a softphone finds its connection dead: by its own pings, or by the silence of the server's. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

PING_INTERVAL_S = 14.0  # after the previous answer
PING_TIMEOUT_S = 15.0
MISSES_ALLOWED = 1  # the second consecutive miss gives up: 14 + 15 + 14 + 15 = 58 s on a black hole
SILENCE_LIMIT_S = 35.0


class Action(Enum):
    """What a keepalive asks of its session."""

    NOTHING = "nothing"
    PING = "ping"
    GIVE_UP = "give_up"


class Keepalive(Protocol):
    """A way to notice a dead connection. reason: the disconnect reason that it gives."""

    reason: str
    ping_timeout_s: float

    def deadline(self) -> float | None:
        """When `tick` is next worth calling, in monotonic seconds."""
        ...

    def tick(self, now: float) -> Action:
        """What to do now."""
        ...

    def heard(self, now: float) -> None:
        """A frame came in."""
        ...

    def answered(self, now: float) -> None:
        """The ping asked for by `tick` was answered."""
        ...

    def missed(self, now: float) -> None:
        """The ping asked for by `tick` was not answered in time, or with an error."""
        ...


class ClientPings:
    """The SDK's default: an XMPP ping 14 s after the previous answer.

    detect_after_s, if given, shrinks interval and timeout alike, so that a black hole is noticed after that time.
    """

    reason = "ping_timeout"

    def __init__(self, now: float, *, detect_after_s: float | None = None) -> None:
        scale = 1.0
        if detect_after_s is not None:
            scale = detect_after_s / ((1 + MISSES_ALLOWED) * (PING_INTERVAL_S + PING_TIMEOUT_S))
        self._interval_s = PING_INTERVAL_S * scale
        self.ping_timeout_s = PING_TIMEOUT_S * scale
        self._misses = 0
        self._next_s: float | None = now + self._interval_s

    def deadline(self) -> float | None:
        """When the next ping is due; None while one is in flight."""
        return self._next_s

    def tick(self, now: float) -> Action:
        """Ping when due, give up after the second consecutive miss."""
        if self._misses > MISSES_ALLOWED:
            return Action.GIVE_UP
        if self._next_s is None or now < self._next_s:
            return Action.NOTHING
        self._next_s = None
        return Action.PING

    def heard(self, now: float) -> None:
        """Other traffic does not spare a ping."""

    def answered(self, now: float) -> None:
        """All is well; the next ping is an interval away."""
        self._misses = 0
        self._next_s = now + self._interval_s

    def missed(self, now: float) -> None:
        """One more miss in a row."""
        self._misses += 1
        self._next_s = now + self._interval_s


class ServerPings:
    """The server pings; 35 s without any frame is a dead connection.

    detect_after_s, if given, replaces the 35 s. As the server may ping less often than that, a ping of our own goes out
    after half of it.
    """

    reason = "silence"

    def __init__(self, now: float, *, detect_after_s: float | None = None) -> None:
        self._limit_s = SILENCE_LIMIT_S if detect_after_s is None else detect_after_s
        self._ask_after_s = None if detect_after_s is None else detect_after_s / 2
        self.ping_timeout_s = PING_TIMEOUT_S
        self._heard_s = now
        self._asked = False

    def deadline(self) -> float | None:
        """The end of the silence that is borne."""
        if self._ask_after_s is not None and not self._asked:
            return self._heard_s + self._ask_after_s
        return self._heard_s + self._limit_s

    def tick(self, now: float) -> Action:
        """Give up after the limit; ask once before it when a shorter limit was given."""
        silent_s = now - self._heard_s
        if silent_s >= self._limit_s:
            return Action.GIVE_UP
        if self._ask_after_s is not None and not self._asked and silent_s >= self._ask_after_s:
            self._asked = True
            return Action.PING
        return Action.NOTHING

    def heard(self, now: float) -> None:
        """Any frame resets the silence."""
        self._heard_s = now
        self._asked = False

    def answered(self, now: float) -> None:
        """The answer was a frame: `heard` has seen it."""

    def missed(self, now: float) -> None:
        """Silence decides, not the single ping."""
