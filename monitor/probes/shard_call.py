"""One call in the shard: a media peer whose events become facts for main and messages for the prober."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.observations import CallPhaseObserved, Disconnected, MediaSampled, Observation
from monitor.media.mos import mos
from monitor.media.peer import Peer
from monitor.media.peer_events import MediaStats, PeerEvent, PeerEventKind, PeerOptions
from monitor.media.reception import interval
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnCounters
from monitor.probes.shard_messages import ENDED, ICE_CONNECTED, LOST, RESUMED, AnswerRequest, SessionMessage
from monitor.probes.turnstile import Turn

SAMPLE_S = 1.0
# A close_notify comes with every normal end too, some time before or after the signalling's `terminate`: only one that
# no `terminate` explains within this time is a loss.
CLOSE_NOTIFY_GRACE_S = 2.0

PHASES = {
    PeerEventKind.ICE_COMPLETED: "ice_checks",
    PeerEventKind.DTLS_CONNECTED: "dtls",
    PeerEventKind.FIRST_MEDIA: "first_media",
}
# The phase that a loss during set-up means, and how that phase failed.
PHASE_OF_LOSS = {
    "checks_failed": ("ice_checks", Reason.TIMEOUT),
    "no_candidates": ("ice_checks", Reason.UNREACHABLE),
    "handshake_failed": ("dtls", Reason.TLS),
    "silence": ("first_media", Reason.TIMEOUT),
}


class ShardCall:
    """A call from its offer to its end.

    emit: takes facts. tell(kind, message): takes what the prober must know (shard_messages.py). Both never block.
    """

    def __init__(
        self,
        request: AnswerRequest,
        *,
        emit: Callable[[Observation], None],
        tell: Callable[[str, SessionMessage], None],
        clock: Clock,
        lag: LagMeter,
    ) -> None:
        self._request = request
        self._emit = emit
        self._tell = tell
        self._clock = clock
        self._lag = lag
        options = PeerOptions(relay_only=request.relay_only, interface=request.interface)
        self._peer = Peer(ice_servers=request.servers, on_event=self._event, clock=clock, options=options)
        self._turn: Turn | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._unexplained: asyncio.TimerHandle | None = None
        self._media = False
        self._over = False

    @property
    def counters(self) -> OwnCounters:
        """What its peer has counted so far."""
        stats = self._peer.stats()
        return OwnCounters(stats.packets_sent + stats.slots_skipped, stats.slots_skipped, stats.socket_drops)

    async def answer(self, turn: Turn) -> str | Failure:
        """The SDP answer to the request's offer. turn: over once the media is encrypted, or the call has ended."""
        self._turn = turn
        for candidate in self._request.candidates:
            await self._peer.add_candidate(candidate)
        return await self._peer.answer(self._request.sdp)

    async def add_candidate(self, sdp: str) -> Failure | None:
        """A remote candidate."""
        return await self._peer.add_candidate(sdp)

    async def hang_up(self) -> None:
        """End the call; nothing is told from the moment of asking. Idempotent."""
        self._over = True
        self._end_turn()
        if self._unexplained is not None:
            self._unexplained.cancel()
            self._unexplained = None
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.gather(self._sampling, return_exceptions=True)
        await self._peer.close()

    def _event(self, event: PeerEvent) -> None:
        if self._over:
            return
        if event.kind in PHASES:
            self._phase(event)
        elif event.layer is Layer.DTLS and event.reason == "closed_by_peer":
            self._closed_by_peer(event)
        elif event.kind is PeerEventKind.LOST:
            self._lost(event)
        elif event.kind is PeerEventKind.MEDIA_RESUMED:
            self._say(RESUMED, event)
        elif event.kind is PeerEventKind.ENDED:
            self._say(ENDED, event)

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.over()

    def _phase(self, event: PeerEvent) -> None:
        self._emit_phase(PHASES[event.kind], event.seconds, None)
        if event.kind is PeerEventKind.ICE_COMPLETED:
            self._say(ICE_CONNECTED, event)
        elif event.kind is PeerEventKind.DTLS_CONNECTED:
            self._end_turn()
        elif event.kind is PeerEventKind.FIRST_MEDIA:
            self._media = True
            self._sampling = asyncio.create_task(self._sample(), name=f"media of {self._request.session_id}")

    def _closed_by_peer(self, event: PeerEvent) -> None:
        """LOST and ENDED come together; both wait for the signalling's explanation."""
        if event.kind is PeerEventKind.LOST:
            explain = asyncio.get_running_loop().call_later
            self._unexplained = explain(CLOSE_NOTIFY_GRACE_S, self._not_explained, event)

    def _not_explained(self, event: PeerEvent) -> None:
        self._unexplained = None
        self._lost(event)
        self._say(ENDED, event)

    def _lost(self, event: PeerEvent) -> None:
        if not self._media and event.reason in PHASE_OF_LOSS:
            phase, reason = PHASE_OF_LOSS[event.reason]
            self._emit_phase(phase, None, failure(phase, reason, event.detail or event.reason))
        self._emit(self._disconnected(event))
        self._say(LOST, event)

    def _disconnected(self, event: PeerEvent) -> Disconnected:
        """The loss as an interval of wall time, laid out from now by monotonic differences."""
        assert event.layer is not None
        to_wall_s = self._clock.wall_s() - self._clock.mono_s()
        last_good_mono_s = event.at_mono_s if event.last_good_mono_s is None else event.last_good_mono_s
        return Disconnected(
            **self._stamp(self._clock.mono_s() - last_good_mono_s),
            layer=event.layer,
            reason=event.reason,
            last_good_wall_s=last_good_mono_s + to_wall_s,
            noticed_wall_s=event.at_mono_s + to_wall_s,
            detail=event.detail,
        )

    def _emit_phase(self, phase: str, seconds: float | None, problem: Failure | None) -> None:
        self._emit(CallPhaseObserved(**self._stamp(seconds or 0.0), phase=phase, seconds=seconds, failure=problem))

    async def _sample(self) -> None:
        """A MediaSampled every second, on a grid."""
        before, due_mono_s = self._peer.stats(), self._clock.mono_s()
        while True:
            due_mono_s = max(due_mono_s + SAMPLE_S, self._clock.mono_s())
            await asyncio.sleep(due_mono_s - self._clock.mono_s())
            now = self._peer.stats()
            self._emit(self._sampled(before, now))
            before = now

    def _sampled(self, before: MediaStats, now: MediaStats) -> MediaSampled:
        heard = interval(before.packets_received, before.packets_lost, now.packets_received, now.packets_lost)
        jitter_s = now.jitter_s if heard.packets_received else None
        known = now.rtt_s is not None and jitter_s is not None and heard.loss_ratio is not None
        return MediaSampled(
            **self._stamp(SAMPLE_S),
            rtt_s=now.rtt_s,
            jitter_s=jitter_s,
            loss_ratio=heard.loss_ratio,
            mos=mos(now.rtt_s or 0.0, jitter_s or 0.0, heard.loss_ratio or 0.0) if known else None,
            packets_received=heard.packets_received,
            arrival_clock=now.arrival_clock,
        )

    def _stamp(self, over_s: float) -> dict[str, Any]:
        return {
            "site": self._request.site,
            "probe": self._request.probe,
            "agent": self._request.agent,
            "conversation_id": self._request.conversation_id,
            "at_wall_s": self._clock.wall_s(),
            "lag_s": self._lag.max_since(self._clock.mono_s() - over_s),
        }

    def _say(self, kind: str, event: PeerEvent) -> None:
        layer = "" if event.layer is None else event.layer.value
        self._tell(kind, SessionMessage(session_id=self._request.session_id, layer=layer, reason=event.reason))
