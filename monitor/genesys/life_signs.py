"""Watches over one stream: its keepalive, and the displacement after which the server is expected to close. Pure."""

from __future__ import annotations

from collections.abc import Callable

from monitor.facts.failures import Failure, Reason, failure
from monitor.genesys.client_stanzas import build_ping
from monitor.genesys.keepalive import Action, ClientPings, Keepalive, ServerPings
from monitor.genesys.requests import Reply, Request

DOOMED_AFTER_S = 60.0  # a displaced connection is closed by the server; after this we no longer wait for it
DISPLACEMENTS = ("no_longer_subscribed", "duplicate_id")

Ask = Callable[[Request, Callable[[str], str], float], None]


class LifeSigns:
    """`ask` sends an IQ request. Silent until started; times are monotonic seconds."""

    def __init__(self, ask: Ask, detect_after_s: float | None) -> None:
        self._ask = ask
        self._detect_after_s = detect_after_s
        self._keepalive: Keepalive | None = None
        self._doomed_s: float | None = None
        self.displacement = ""  # one of DISPLACEMENTS, once the server has told so

    def start(self, now: float, *, server_pings: bool) -> None:
        """Begin to watch."""
        kind = ServerPings if server_pings else ClientPings
        self._keepalive = kind(now, detect_after_s=self._detect_after_s)

    def heard(self, now: float) -> None:
        """A frame came in that the softphone would have had too."""
        if self._keepalive is not None:
            self._keepalive.heard(now)

    def notified(self, topic: str, now: float) -> None:
        """A displacement stops the pings; the socket is the server's to close."""
        for word in DISPLACEMENTS:
            if word in topic:
                self._keepalive = None
                self._doomed_s = now + DOOMED_AFTER_S
                self.displacement = word

    def deadline(self) -> float | None:
        """When `tick` is next due."""
        return self._keepalive.deadline() if self._keepalive is not None else self._doomed_s

    def tick(self, now: float) -> tuple[str, Failure] | None:
        """Ping when due. (disconnect reason, failure) when the connection is dead."""
        if self._doomed_s is not None and now >= self._doomed_s:
            return self.displacement, failure("keepalive", Reason.CLOSED, "displaced, yet never closed by the server")
        if self._keepalive is None:
            return None
        action = self._keepalive.tick(now)
        if action is Action.PING:
            self._ask(Request("keepalive", "", self._keepalive.ping_timeout_s, self._settled), build_ping, now)
        if action is Action.GIVE_UP:
            return self._keepalive.reason, failure("keepalive", Reason.TIMEOUT)
        return None

    def _settled(self, reply: Reply, now: float) -> None:
        if self._keepalive is None:
            return
        if reply.failure is None:
            self._keepalive.answered(now)
        else:
            self._keepalive.missed(now)
