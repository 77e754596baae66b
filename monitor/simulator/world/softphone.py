"""One virtual softphone: the real client's connection, keepalive and ICE-server list, as steps in time; pure.

It runs on the parts of the real-time client (keepalive, backoff, reconnect plan) and asks its host for everything
else. An attempt is: REST if hard, connect, SASL, bind, two ICE-server requests; then it is online and fetches them
again. What a torn-down attempt has asked for stays in the platform's queues, as it does in life.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any, Final

from monitor.genesys.backoff import Backoff
from monitor.genesys.ice_list import REFRESH_S, REFRESH_TRIES
from monitor.genesys.reconnect import ReconnectPlan
from monitor.genesys.requests import IQ_TIMEOUT_S
from monitor.genesys.states import ATTEMPT_TIMEOUT_S
from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.network import EMPTY_LIST, IceList
from monitor.simulator.world.softphone_host import Host, RestAnswer, Step
from monitor.simulator.world.softphone_keepalive import LineWatch

HANDSHAKE: Final = ("connect", "sasl", "bind")  # signalling work before the ICE-server list is fetched
HARD_REASONS: Final = frozenset({"moved", "duplicate_id", "no_longer_subscribed"})  # these need a new channel
REFUSED_S: Final = 0.02  # the edge resets at once what it has no service for


class Softphone:
    """One agent's client. `epoch` counts its connections: what was planned for an earlier one is void."""

    def __init__(self, host: Host, index: int, site: str, *, hidden: bool, rng: random.Random) -> None:
        self.index = index
        self.site = site
        self.rng = rng
        self.epoch = 0
        self.online = False
        self.reachable = False  # bound: calls can be proposed to it
        self.gone = False
        self.aside = False  # somebody's real client is this agent's
        self.held: IceList = EMPTY_LIST
        self.token_ends_s = math.inf
        self._host = host
        self.watch = LineWatch(host, self, rng, hidden=hidden)
        self._backoff = Backoff()
        self._plan = ReconnectPlan()
        self._socket_open = False
        self._since_s = 0.0
        self._asked_s = 0.0
        self._kind = "hard"
        self._setback = ""
        self._ends_s = math.inf
        self._work_done = 0
        self._answer: tuple[str, RestAnswer] | None = None
        self._first_fetch = True
        self._tries_left = 0

    # What its population and the platform do to it

    def begin_online(self, now_s: float) -> None:
        """Be a softphone that has been connected for a while, somewhere between two pings and two refreshes."""
        age_s = self.rng.uniform(0.0, REFRESH_S)
        self.held = replace(self._fetched_list(now_s), issued_wall_s=self._host.wall_s(now_s) - age_s)
        self._plan.created("channel")
        self.online = self.reachable = self._socket_open = True
        self.watch.join(now_s)
        self._later(now_s + REFRESH_S - age_s, self._refresh)

    def sign_in(self, now_s: float) -> None:
        """The user signs in with a new token; nothing to do for a softphone that never gave up."""
        self.token_ends_s = math.inf
        if self.gone and not self.aside:
            self.gone = False
            self._plan.require_hard()
            self._since_s = now_s
            self._setback = ""
            self._attempt(now_s)

    def step_aside(self) -> None:
        """A real client signs in as this agent: from now on the virtual one is not there."""
        self._close()
        self.gone = self.aside = True

    def token_ended(self, now_s: float) -> None:
        """The platform no longer accepts the token, and ends the stream that it was given for."""
        if self.online and now_s >= self.token_ends_s:
            self.drop(now_s, "auth", last_good_s=now_s, detail="not-authorized")

    def cut(self, now_s: float, reason: str, code: int | None) -> None:
        """The other side ended the connection, at this moment."""
        if self.online:
            self.drop(now_s, reason, last_good_s=now_s, code=code, hard=reason in HARD_REASONS)
        elif self._socket_open:
            if reason in HARD_REASONS:
                self._plan.require_hard()
            self._fail(now_s, reason)

    def ask_to_move(self, now_s: float) -> None:
        """A planned move: once the request has come through, the client closes and connects anew, hard."""
        if self.reachable:
            self._later(now_s + self._host.world.signalling_turn(now_s, "message"), self._move)

    def drop(
        self,
        now_s: float,
        reason: str,
        *,
        last_good_s: float,
        code: int | None = None,
        hard: bool = False,
        detail: str = "",
    ) -> None:
        """The connection is gone: tell, and try again after the backoff."""
        self.tell(now_s, "dropped", reason=reason, last_good_s=last_good_s, code=code, detail=detail)
        if hard:
            self._plan.require_hard()
        self._since_s = now_s
        self._close()
        self._setback = ""
        self._later(now_s + self._backoff.delay_s(now_s), self._attempt)

    # An attempt

    def _attempt(self, now_s: float) -> None:
        self._kind = self._plan.begin_attempt()
        self.tell(now_s, "connecting", reason=self._setback, detail=self._kind)
        if self._kind == "hard":
            self._call(now_s, "users_me", self._identified)
        else:
            self._open(now_s)

    def _call(self, now_s: float, operation: str, then: Step) -> None:
        answer = self._host.rest(now_s, self.index, operation, token_ends_s=self.token_ends_s)
        self._answer = (operation, answer)
        self._later(now_s + answer.delay_s, then)

    def _answered(self, now_s: float) -> bool:
        """Take the REST answer; False when the attempt ends with it."""
        assert self._answer is not None
        operation, answer = self._answer
        retry_after_s = answer.retry_after_s if answer.status == 429 else None
        self.tell(
            now_s,
            "rest",
            seconds=answer.delay_s,
            status=answer.status,
            detail=operation,
            retry_after_s=retry_after_s,
        )
        if answer.status == 200:
            return True
        if answer.status in (401, 403):
            self._give_up(now_s, "auth", str(answer.status))
        else:
            self._fail(now_s, f"http_{answer.status}", answer.retry_after_s)
        return False

    def _identified(self, now_s: float) -> None:
        if self._answered(now_s):
            self._call(now_s, "channel_create", self._channel_made)

    def _channel_made(self, now_s: float) -> None:
        if self._answered(now_s):
            self._plan.created("channel")
            self._open(now_s)

    def _open(self, now_s: float) -> None:
        if not self._host.world.signalling_up(now_s):
            self._later(now_s + REFUSED_S, self._refused)
            return
        self._socket_open = True
        self._ends_s = now_s + ATTEMPT_TIMEOUT_S
        self._work_done = 0
        self._shake_hands(now_s)

    def _refused(self, now_s: float) -> None:
        self._fail(now_s, "refused")

    def _shake_hands(self, now_s: float) -> None:
        work = HANDSHAKE[self._work_done]
        done_s = now_s + self._host.world.signalling_turn(now_s, work)
        if done_s > self._ends_s:
            self._later(self._ends_s, self._timed_out)
        else:
            self._later(done_s, self._shaken)

    def _timed_out(self, now_s: float) -> None:
        self._fail(now_s, "timeout")

    def _shaken(self, now_s: float) -> None:
        done = HANDSHAKE[self._work_done]
        self._work_done += 1
        if done == "sasl" and now_s >= self.token_ends_s:
            self._give_up(now_s, "auth", "not-authorized")
        elif self._work_done < len(HANDSHAKE):
            self._shake_hands(now_s)
        else:
            self.reachable = True
            self.watch.heard(now_s)
            self._host.bound(self.index, now_s)
            self._fetch(now_s, first=True)

    def _fail(self, now_s: float, reason: str, retry_after_s: float = 0.0) -> None:
        """The attempt came to nothing: the delay doubles, and Retry-After comes on top."""
        self._close()
        self._setback = reason
        self._backoff.failed(now_s)
        self._later(now_s + retry_after_s + self._backoff.delay_s(now_s), self._attempt)

    def _give_up(self, now_s: float, reason: str, detail: str) -> None:
        self._close()
        self.gone = True
        self.tell(now_s, "gave_up", reason=reason, detail=detail)

    def _close(self) -> None:
        self.epoch += 1
        self.online = self.reachable = self._socket_open = False
        self.held = EMPTY_LIST

    # ICE servers

    def _fetch(self, now_s: float, *, first: bool) -> None:
        """Two requests at once; the later answer counts, and the first one that is not answered in time."""
        world = self._host.world
        world.signalling_turn(now_s, "extdisco")
        delay_s = world.signalling_turn(now_s, "extdisco")
        self._first_fetch = first
        self._asked_s = now_s
        if delay_s > IQ_TIMEOUT_S:
            self._later(now_s + IQ_TIMEOUT_S, self._fetch_failed)
        else:
            self._later(now_s + delay_s, self._fetch_done)

    def _fetch_done(self, now_s: float) -> None:
        self.held = self._fetched_list(now_s)
        self.watch.heard(now_s)
        part = "attempt" if self._first_fetch else "refresh"
        self.tell(now_s, "extdisco_ok", seconds=now_s - self._asked_s, detail=part)
        if not self._first_fetch:
            return
        if self._host.server_pings:
            self._later(now_s + self._host.world.signalling_turn(now_s, "pubsub"), self._connected)
        else:
            self._connected(now_s)

    def _fetch_failed(self, now_s: float) -> None:
        """As part of an attempt this tears a healthy socket down; a refresh keeps the old list."""
        part = "attempt" if self._first_fetch else "refresh"
        self.tell(now_s, "extdisco_failed", reason="timeout", detail=part, last_good_s=self.watch.heard_s)
        if self._first_fetch:
            self._fail(now_s, "ice_servers")
        elif self._tries_left > 0:
            self._tries_left -= 1
            self._fetch(now_s, first=False)

    def _refresh(self, now_s: float) -> None:
        self._tries_left = REFRESH_TRIES - 1
        self._later(now_s + REFRESH_S, self._refresh)
        self._fetch(now_s, first=False)

    def _fetched_list(self, now_s: float) -> IceList:
        return self._host.network.hand_out(self._host.wall_s(now_s))

    # Online

    def _connected(self, now_s: float) -> None:
        self.tell(now_s, "connected", seconds=now_s - self._since_s, detail=self._kind)
        self.online = True
        self.watch.begin(now_s)
        self._refresh(now_s)
        self._host.world.signalling_turn(now_s, "pubsub")

    def _move(self, now_s: float) -> None:
        self.cut(now_s, "moved", None)

    def _later(self, at_s: float, step: Step) -> None:
        self._host.later(at_s, self, self.epoch, step)

    def tell(self, now_s: float, kind: str, **what: Any) -> None:
        """Report an AgentEvent of this softphone; `what` are its further fields."""
        self._host.emit(AgentEvent(now_s, self.index, self.site, kind, **what))
