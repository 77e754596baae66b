"""What the call probe of a site's synthetic softphone observes in a history: call after call, each held; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.ice import Signature
from monitor.facts.observations import CallPhaseObserved, Disconnected, MediaSampled, Observation
from monitor.media.mos import mos
from monitor.simulator.history.baseline import PACKETS_PER_S
from monitor.simulator.history.clock import Slot
from monitor.simulator.history.gathering import gathered_over
from monitor.simulator.history.probes import SiteMonitor
from monitor.simulator.world.network import CHECKS_TIMEOUT_S, SERVER_TIMEOUT_S, Gathered

FIRST_MEDIA_S: Final = 0.03
PROPOSE_TURNS: Final = 2  # the proposal to the softphone, and its `proceed` back to an offer


@dataclass(slots=True)
class SyntheticCall:
    """A call in progress, sampled until it ends or its media is lost. Seconds of the history."""

    conversation_id: str
    next_s: float
    ends_s: float
    heard_s: float


class CallProbe:
    """Answers a call at every slot, holds it, and samples its media; a call whose media is gone is told as lost."""

    def __init__(self, monitor: SiteMonitor, probe: str, *, hold_s: float, media_s: float) -> None:
        self._monitor = monitor
        self._probe = probe
        self._hold_s = hold_s
        self._media_s = media_s
        self._calls = 0
        self.call: SyntheticCall | None = None

    def begin(self, slot: Slot) -> Iterator[Observation]:
        """A call is proposed; one that the softphone cannot be told of is not, and leaves no fact."""
        if not self._monitor.phone.reachable:
            return
        self._calls += 1
        conversation = f"{self._monitor.agent}-call-{self._calls}"
        turns_s = [self._monitor.platform.world.signalling_turn(slot.at_s, "message") for _ in range(PROPOSE_TURNS)]
        propose_s = sum(turns_s) + self._monitor.baseline.path_s()
        yield self._phase(slot, conversation, "propose", propose_s, propose_s)
        gathered = gathered_over(self._monitor, slot, (None,))
        offer_s = SERVER_TIMEOUT_S if gathered.seconds is None else gathered.seconds
        at_s = propose_s + offer_s
        yield self._phase(slot, conversation, "offer", at_s, offer_s)
        yield from self._connect(slot, conversation, at_s, gathered)

    def sample(self, slot: Slot) -> Iterator[Observation]:
        """The next sample of the call in progress, or its loss."""
        call = self.call
        assert call is not None
        media = self._monitor.platform.network.media(slot.wall_s, self._monitor.site)
        if media.rtt_s is None or media.jitter_s is None:
            yield self._sampled(slot, call, None, None, None, 0)
            yield self._lost(slot, call.conversation_id, Layer.MEDIA, "silence", call.heard_s, slot.at_s)
            self.call = None
            return
        packets = round(PACKETS_PER_S * self._media_s * (1 - media.loss_ratio))
        loss = media.loss_ratio or self._monitor.baseline.loss_ratio(packets)
        jitter_s = max(media.jitter_s, self._monitor.baseline.jitter_s())
        yield self._sampled(slot, call, media.rtt_s + self._monitor.baseline.path_s(), jitter_s, loss, packets)
        call.heard_s = slot.at_s
        call.next_s = slot.at_s + self._media_s
        if call.next_s > call.ends_s:
            self.call = None

    def _connect(self, slot: Slot, conversation: str, at_s: float, gathered: Gathered) -> Iterator[Observation]:
        """ICE, DTLS and the first packet, as far as they come."""
        network, site = self._monitor.platform.network, self._monitor.site
        begun_s = slot.at_s + at_s
        if gathered.signature is Signature.EMPTY:
            trouble = failure("ice_checks", Reason.UNREACHABLE, "no_candidates")
            yield self._phase(slot, conversation, "ice_checks", at_s, None, trouble)
            yield self._lost(slot, conversation, Layer.ICE, "no_candidates", begun_s, begun_s)
            return
        checks_s = network.ice_checks(slot.wall_s, site, gathered)
        if checks_s is None:
            trouble = failure("ice_checks", Reason.TIMEOUT, "checks_failed")
            yield self._phase(slot, conversation, "ice_checks", at_s + CHECKS_TIMEOUT_S, None, trouble)
            yield self._lost(slot, conversation, Layer.ICE, "checks_failed", begun_s, begun_s + CHECKS_TIMEOUT_S)
            return
        yield self._phase(slot, conversation, "ice_checks", at_s + checks_s, checks_s)
        at_s, begun_s = at_s + checks_s, begun_s + checks_s
        dtls_s = network.dtls(slot.wall_s, site)
        if dtls_s is None:
            trouble = failure("dtls", Reason.TLS, "handshake_failed")
            yield self._phase(slot, conversation, "dtls", at_s + CHECKS_TIMEOUT_S, None, trouble)
            yield self._lost(slot, conversation, Layer.DTLS, "handshake_failed", begun_s, begun_s + CHECKS_TIMEOUT_S)
            return
        yield self._phase(slot, conversation, "dtls", at_s + dtls_s, dtls_s)
        at_s += dtls_s
        first_s = FIRST_MEDIA_S + self._monitor.baseline.path_s()
        yield self._phase(slot, conversation, "first_media", at_s + first_s, first_s)
        heard_s = slot.at_s + at_s + first_s
        self.call = SyntheticCall(conversation, heard_s + self._media_s, heard_s + self._hold_s, heard_s)

    def _phase(
        self,
        slot: Slot,
        conversation: str,
        phase: str,
        told_s: float,
        seconds: float | None,
        trouble: Failure | None = None,
    ) -> CallPhaseObserved:
        if seconds is not None:
            seconds = self._monitor.loop.measured_s(slot, seconds)
        about = self._about(slot, conversation, told_s)
        return CallPhaseObserved(**about, phase=phase, seconds=seconds, failure=trouble)

    def _sampled(
        self,
        slot: Slot,
        call: SyntheticCall,
        rtt_s: float | None,
        jitter_s: float | None,
        loss: float | None,
        packets: int,
    ) -> MediaSampled:
        score = None if rtt_s is None or jitter_s is None or loss is None else mos(rtt_s, jitter_s, loss)
        return MediaSampled(
            **self._about(slot, call.conversation_id, 0.0),
            rtt_s=rtt_s,
            jitter_s=jitter_s,
            loss_ratio=loss,
            mos=score,
            packets_received=packets,
        )

    def _lost(
        self, slot: Slot, conversation: str, layer: Layer, reason: str, last_good_s: float, noticed_s: float
    ) -> Disconnected:
        """A loss between two moments of the history."""
        to_wall_s = slot.wall_s - slot.at_s
        clock = self._monitor.clock
        return Disconnected(
            **self._about(slot, conversation, noticed_s - slot.at_s),
            layer=layer,
            reason=reason,
            last_good_wall_s=clock.shown_s(last_good_s + to_wall_s),
            noticed_wall_s=clock.shown_s(noticed_s + to_wall_s),
        )

    def _about(self, slot: Slot, conversation: str, told_s: float) -> dict[str, Any]:
        stamp = self._monitor.stamp(self._probe, slot, told_s)
        return {**stamp, "agent": self._monitor.agent, "conversation_id": conversation}
