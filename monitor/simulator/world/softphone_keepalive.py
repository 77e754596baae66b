"""Keepalive of one virtual softphone's connection: its own pings or the server's, until one goes missing; pure."""

from __future__ import annotations

import math
import random
from typing import Any, Final, Protocol

from monitor.genesys.keepalive import (
    PING_INTERVAL_S,
    SILENCE_LIMIT_S,
    Action,
    ClientPings,
    Keepalive,
    ServerPings,
)
from monitor.simulator.world.softphone_host import Connecting, Host, Step

HIDDEN_TAB_S: Final = 60.0  # browsers let the timers of a hidden tab fire once a minute,
HIDDEN_TAB_LATE_S: Final = 20.0  # or as much later as they see fit
TIMER_S: Final = 0.001  # a browser's timer fires no earlier than that after the last time
RHYTHM_S: Final = 14.02  # from ping to ping when all is well


class Line(Connecting, Protocol):
    """The softphone whose connection is watched."""

    def drop(self, now_s: float, reason: str, *, last_good_s: float, detail: str = "") -> None:
        """The connection is dead."""
        ...

    def tell(self, now_s: float, kind: str, **what: Any) -> None:
        """Report an AgentEvent."""
        ...


class LineWatch:
    """Begins anew with every connection. heard_s: the last good sign of life. misses: pings missed in a row."""

    def __init__(self, host: Host, line: Line, rng: random.Random, *, hidden: bool) -> None:
        self._host = host
        self._line = line
        self._rng = rng
        self._hidden_phase_s = rng.uniform(0.0, HIDDEN_TAB_S) if hidden else None
        self._life: Keepalive = ClientPings(0.0)
        self._sent_s = 0.0
        self.heard_s = 0.0
        self.misses = 0

    def begin(self, now_s: float) -> None:
        """The connection has just come up."""
        self._reset(now_s)
        self._start(now_s, now_s)

    def join(self, now_s: float) -> None:
        """The connection has been up for a while, and is somewhere between two pings."""
        self._reset(now_s)
        self._start(now_s - self._rng.uniform(0.0, RHYTHM_S), now_s)

    def rejoin(self, now_s: float, due_s: float) -> None:
        """All went well while nobody looked, until `now_s`; a ping had been due at `due_s`."""
        period_s = RHYTHM_S if self._hidden_phase_s is None else HIDDEN_TAB_S
        due_s += max(0, math.ceil((now_s - due_s) / period_s)) * period_s
        self._reset(max(self.heard_s, min(now_s, due_s - PING_INTERVAL_S)))
        self._start(due_s - PING_INTERVAL_S, now_s)

    def stay_visible(self) -> None:
        """No browser tab hides this one, such as a monitor's own softphone."""
        self._hidden_phase_s = None

    def may_idle(self, now_s: float) -> bool:
        """A proxy may find the connection idle: that all goes well cannot be taken for granted."""
        hidden = self._hidden_phase_s is not None
        wall_s = self._host.wall_s(now_s)
        return hidden and self._host.timeline.active("idle_cut", wall_s, self._line.site) is not None

    def heard(self, now_s: float) -> None:
        """An answer came in, of whatever kind."""
        self.heard_s = now_s
        self._life.heard(now_s)

    def _reset(self, heard_s: float) -> None:
        self.misses = 0
        self.heard_s = self._sent_s = heard_s

    def _start(self, from_s: float, now_s: float) -> None:
        """Count from `from_s`."""
        if self._host.server_pings:
            self._life = ServerPings(now_s)
            self._later(now_s + self._rng.uniform(0.0, self._host.server_ping_period_s), self._server_ping)
            self._later(now_s + SILENCE_LIMIT_S, self._silent)
        else:
            self._life = ClientPings(from_s)
            self._plan_ping(now_s)

    # The client pings

    def _plan_ping(self, now_s: float) -> None:
        """The next ping when it is due, or when the browser lets it; unless a proxy finds us idle before."""
        due_s = max(now_s, self._life.deadline() or now_s)
        if self._hidden_phase_s is not None:
            minutes = math.ceil((due_s - self._hidden_phase_s) / HIDDEN_TAB_S)
            due_s = self._hidden_phase_s + minutes * HIDDEN_TAB_S + self._rng.uniform(0.0, HIDDEN_TAB_LATE_S)
        proxy = self._host.timeline.active("idle_cut", self._host.wall_s(now_s), self._line.site)
        if proxy is not None and due_s - self._sent_s > proxy.after_s:
            self._later(max(now_s, self._sent_s + proxy.after_s), self._cut_by_proxy)
        else:
            self._later(due_s, self._ping)

    def _ping(self, now_s: float) -> None:
        if self._life.tick(now_s) is not Action.PING:
            self._plan_ping(now_s)
            return
        self._sent_s = now_s
        delay_s = self._host.world.signalling_turn(now_s, "ping")
        if delay_s < self._life.ping_timeout_s:
            self._later(now_s + delay_s, self._pong)
        else:
            self._later(now_s + self._life.ping_timeout_s, self._missed)

    def _pong(self, now_s: float) -> None:
        self._life.answered(now_s)
        self.misses = 0
        self.heard_s = now_s
        self._line.tell(now_s, "ping_ok", seconds=now_s - self._sent_s)
        self._plan_ping(now_s)

    def _missed(self, now_s: float) -> None:
        self._life.missed(now_s)
        self.misses += 1
        self._line.tell(now_s, "ping_missed", last_good_s=self.heard_s)
        if self._life.tick(now_s) is Action.GIVE_UP:
            self._line.drop(now_s, self._life.reason, last_good_s=self.heard_s)
        else:
            self._plan_ping(now_s)

    def _cut_by_proxy(self, now_s: float) -> None:
        self._line.drop(now_s, "reset", last_good_s=self.heard_s, detail="idle")

    # The server pings

    def _server_ping(self, now_s: float) -> None:
        """The server's ping leaves; the client answers it when it comes."""
        self._later(now_s + self._host.world.signalling_turn(now_s, "ping"), self._server_ping_came)
        self._later(now_s + self._host.server_ping_period_s, self._server_ping)

    def _server_ping_came(self, now_s: float) -> None:
        self.heard(now_s)
        self._sent_s = now_s
        self._line.tell(now_s, "ping_ok")

    def _silent(self, now_s: float) -> None:
        if self._life.tick(now_s) is Action.GIVE_UP:
            self._line.drop(now_s, self._life.reason, last_good_s=self.heard_s)
        else:
            self._later(max(self._life.deadline() or 0.0, now_s + TIMER_S), self._silent)

    def _later(self, at_s: float, step: Step) -> None:
        self._host.later(at_s, self._line, self._line.epoch, step)


_STEPS = frozenset(
    {LineWatch._ping, LineWatch._pong, LineWatch._server_ping, LineWatch._server_ping_came, LineWatch._silent}
)


def next_ping_s(at_s: float, step: Step, *, idle: bool = False) -> float | None:
    """When the next ping is due if `step`, planned for `at_s`, is one of keepalive that will go well; else None.

    idle: a proxy's cut of an idle connection is taken for one as well.
    """
    function = getattr(step, "__func__", None)
    if function not in _STEPS and not (idle and function is LineWatch._cut_by_proxy):
        return None
    return at_s + PING_INTERVAL_S if function is LineWatch._pong else at_s
