"""The calls of one virtual softphone: gathering with the list it holds, setting up, and losing media; pure.

Media goes by its own way: a call in progress lives through the loss of its signalling connection.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from monitor.facts.failures import Layer
from monitor.facts.ice import Signature
from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.network import CHECKS_TIMEOUT_S
from monitor.simulator.world.softphone import Softphone
from monitor.simulator.world.softphone_host import ALWAYS, Host, Step

CALL_S: Final = 180.0  # mean length
HOLD_SHARE: Final = 0.3  # of the calls are put on hold once, without anything being sent
HOLD_S: Final = 60.0  # mean length of that
NOTICE_S: Final = 2.0  # until a dead media path is noticed once it is used again


@dataclass(frozen=True, slots=True)
class Call:
    """A call in progress, in seconds of the population's clock."""

    began_s: float
    ends_s: float


class SoftphoneCalls:
    """When calls come, and what becomes of them."""

    def __init__(self, host: Host, phone: Softphone, rng: random.Random) -> None:
        self._host = host
        self._phone = phone
        self._rng = rng
        self._call: Call | None = None
        self._latest: Call | None = None
        self._waiting = False  # a call was proposed while the softphone could not be reached

    def next_call_s(self, now_s: float) -> float:
        """When the next call comes, drawn anew."""
        return now_s + self._rng.expovariate(1.0 / self._host.call_every_s)

    def propose(self, now_s: float) -> None:
        """A call comes; one that cannot be delivered waits for the softphone to be bound."""
        self._then(self.next_call_s(now_s), self.propose)
        if self._call is not None:
            return
        if self._phone.reachable:
            self._gather(now_s)
        else:
            self._waiting = not self._phone.gone

    def reachable(self, now_s: float) -> None:
        """The softphone is bound again: what waited for it is proposed now."""
        if self._waiting:
            self._waiting = False
            self._gather(now_s)

    def path_changed(self, now_s: float) -> None:
        """The media path may have gone: a call in progress notices after its consent checks, unless it is back."""
        lost_after_s = self._host.network.media_lost_after_s(self._host.wall_s(now_s), self._phone.site)
        if self._call is not None and lost_after_s is not None:
            call = self._call
            self._then(now_s + lost_after_s, lambda at_s: self._path_still_gone(at_s, call, now_s))

    def _path_still_gone(self, now_s: float, call: Call, last_good_s: float) -> None:
        if self._host.network.media_lost_after_s(self._host.wall_s(now_s), self._phone.site) is not None:
            self._lost(now_s, call, last_good_s, Layer.ICE, "consent_expired")

    def _gather(self, now_s: float) -> None:
        wall_s, site = self._host.wall_s(now_s), self._phone.site
        gathered = self._host.network.gather(wall_s, site, self._phone.held)
        self._tell(now_s, "gathered", reason=gathered.signature.value, seconds=gathered.seconds)
        if gathered.signature is Signature.EMPTY:
            self._drop(now_s, now_s, Layer.ICE, "no_candidates")
            return
        checks_s = self._host.network.ice_checks(wall_s, site, gathered)
        if checks_s is None:
            failed_s = now_s + CHECKS_TIMEOUT_S
            self._then(failed_s, lambda at_s: self._drop(at_s, now_s, Layer.ICE, "checks_failed"))
            return
        dtls_s = self._host.network.dtls(wall_s, site)
        if dtls_s is None:
            failed_s = now_s + checks_s + CHECKS_TIMEOUT_S
            self._then(failed_s, lambda at_s: self._drop(at_s, now_s, Layer.DTLS, "handshake_failed"))
            return
        self._begin(now_s + checks_s + dtls_s)

    def _begin(self, began_s: float) -> None:
        call = Call(began_s, began_s + self._rng.expovariate(1.0 / CALL_S))
        self._call = self._latest = call
        self._then(call.ends_s, lambda at_s: self._end(at_s, call))
        nat = self._host.timeline.active("nat", self._host.wall_s(began_s), self._phone.site)
        if nat is not None and nat.binding_s is not None and self._rng.random() < HOLD_SHARE:
            silent_s = began_s + self._rng.expovariate(2.0 / CALL_S)
            lost_s = silent_s + nat.binding_s + self._rng.uniform(0.0, NOTICE_S)
            if self._rng.expovariate(1.0 / HOLD_S) > nat.binding_s:
                self._then(lost_s, lambda at_s: self._lost(at_s, call, silent_s, Layer.MEDIA, "silence"))

    def _end(self, now_s: float, call: Call) -> None:
        if self._call is not call:
            return
        self._call = None
        idle = self._host.timeline.active("persistent_idle", self._host.wall_s(now_s), self._phone.site)
        if idle is not None:
            self._then(now_s + idle.after_s, lambda at_s: self._idle(at_s, call))

    def _idle(self, now_s: float, last: Call) -> None:
        """The persistent connection has had no call for long enough; the next call brings another."""
        if self._latest is last:
            self._drop(now_s, now_s, Layer.PLATFORM, "persistent_connection")

    def _lost(self, now_s: float, call: Call, last_good_s: float, layer: Layer, reason: str) -> None:
        if self._call is call:
            self._call = None
            self._drop(now_s, last_good_s, layer, reason)

    def _drop(self, now_s: float, last_good_s: float, layer: Layer, reason: str) -> None:
        self._tell(now_s, "dropped", reason=reason, last_good_s=last_good_s, layer=layer.value)

    def _then(self, at_s: float, step: Step) -> None:
        self._host.later(at_s, self._phone, ALWAYS, step)

    def _tell(self, now_s: float, kind: str, **what: Any) -> None:
        self._host.emit(AgentEvent(now_s, self._phone.index, self._phone.site, kind, **what))
