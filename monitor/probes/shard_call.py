"""One call in the shard: a media peer whose events become facts for main and messages for the prober."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.ice import ServerResult
from monitor.facts.observations import CallPhaseObserved, Disconnected, MediaSampled, Observation, SilenceObserved
from monitor.media.ice_outcomes import failures_of
from monitor.media.mos import mos
from monitor.media.peer import Peer
from monitor.media.peer_events import MediaStats, PeerEvent, PeerEventKind, PeerOptions
from monitor.media.reception import interval
from monitor.media.sdp_text import ice_ufrag_of
from monitor.probes.call_losses import CallLosses
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnCounters
from monitor.probes.shard_messages import (
    ENDED,
    ICE_CONNECTED,
    LOCAL_CANDIDATE,
    LOST,
    RESUMED,
    AnswerRequest,
    CandidateMessage,
    SessionMessage,
)
from monitor.probes.turnstile import Turn

SAMPLE_S = 1.0
RTT_AGE_S = 10.0  # other sides report every 1 to 5 s

PHASES = {
    PeerEventKind.ICE_COMPLETED: "ice_checks",
    PeerEventKind.DTLS_CONNECTED: "dtls",
    PeerEventKind.FIRST_MEDIA: "first_media",
}
# No loss: the path may come back, and where it does not, the loss that follows is told as one.
BROWSER_STATES = {
    PeerEventKind.DISCONNECTED: "a browser would say by now that ICE is disconnected",
    PeerEventKind.RECONNECTED: "ICE is connected again",
}
# The phase that a loss during set-up means, and how that phase failed.
PHASE_OF_LOSS = {
    "checks_failed": ("ice_checks", Reason.TIMEOUT),
    "no_candidates": ("ice_checks", Reason.UNREACHABLE),
    "handshake_failed": ("dtls", Reason.TLS),
    "silence": ("first_media", Reason.TIMEOUT),
}

log = logging.getLogger(__name__)


class ShardCall:
    """A call from its offer to its end.

    emit: takes facts. tell(kind, message): takes what the prober must know (shard_messages.py). Both never block.
    canary: encode and decode its sound, whatever `media` the request asks for.
    """

    def __init__(
        self,
        request: AnswerRequest,
        *,
        emit: Callable[[Observation], None],
        tell: Callable[[str, SessionMessage | CandidateMessage], None],
        clock: Clock,
        lag: LagMeter,
        canary: bool = False,
    ) -> None:
        self._request = request
        self._emit = emit
        self._tell = tell
        self._clock = clock
        self._lag = lag
        self._canary = canary
        self.restarts = 0  # ICE restarts that the other side asked for
        self._restarts_told = 0
        self._peer = self._new_peer()
        self._past = OwnCounters()  # what the peers before it had counted
        self._turn: Turn | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._losses = CallLosses(self, asyncio.get_running_loop().call_later, clock.mono_s)
        self._closing: set[asyncio.Task[None]] = set()
        self._silent_mono_s = 0.0
        self._media = False
        self._over = False

    @property
    def counters(self) -> OwnCounters:
        """What its peers have counted so far."""
        stats = self._peer.stats()
        slots_due = stats.packets_sent + stats.slots_skipped
        return self._past + OwnCounters(slots_due, stats.slots_skipped, stats.socket_drops)

    async def answer(self, turn: Turn) -> str | Failure:
        """The SDP answer to the request's offer. turn: over once the media is encrypted, or the call has ended."""
        self._turn = turn
        return await self._answered()

    async def _answered(self) -> str | Failure:
        for candidate in self._request.candidates:
            await self._peer.add_candidate(candidate)
        return await self._peer.answer(self._request.sdp)

    async def restart(self, request: AnswerRequest) -> str | Failure:
        """The SDP answer to an offer within the call; its candidates follow.

        New ICE credentials in it are an ICE restart (RFC 8839 section 4.4.3). aiortc would take and ignore it: a new
        peer carries the call on, as the real client does it too, and the old one goes without a word.
        """
        if ice_ufrag_of(request.sdp) == ice_ufrag_of(self._request.sdp):
            return failure("offer", Reason.UNSUPPORTED, "an offer within a call that is no ICE restart")
        self.restarts += 1
        log.warning("%s: ICE restart %d of %s", request.agent, self.restarts, request.conversation_id)
        self._past, self._request = self.counters, request
        old, self._peer = self._peer, self._new_peer()
        self._losses.forget()  # the offer explains why the other side closed
        if self._sampling is not None:
            self._sampling.cancel()
        closing = asyncio.create_task(old.close(), name=f"old media of {request.session_id}")  # a dead relay takes 2 s
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        answer = await self._answered()
        if isinstance(answer, Failure):
            self._not_restarted(answer)
        return answer

    def _not_restarted(self, problem: Failure) -> None:
        """The old media is given up, and there is no new: a drop, and the end."""
        words = f"ICE restart: {problem.reason}"
        for kind in (PeerEventKind.LOST, PeerEventKind.ENDED):
            at_mono_s = self._clock.mono_s()
            self._event(PeerEvent(kind, at_mono_s, layer=Layer.ICE, reason="checks_failed", detail=words))

    def _new_peer(self) -> Peer:
        request = self._request
        return Peer(
            ice_servers=request.servers,
            on_event=self._event,
            clock=self._clock,
            options=PeerOptions(
                relay_only=request.relay_only,
                interface=request.interface,
                media="talk" if self._canary else request.media,
                canary=self._canary,
            ),
            on_candidate=self._local_candidate,
        )

    async def add_candidate(self, sdp: str) -> Failure | None:
        """A remote candidate."""
        return await self._peer.add_candidate(sdp)

    async def hang_up(self) -> None:
        """End the call; nothing is told from the moment of asking. Idempotent."""
        self._over = True
        self._end_turn()
        self._losses.forget()
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.gather(self._sampling, return_exceptions=True)
        await asyncio.gather(self._peer.close(), *self._closing)

    def _local_candidate(self, line: str) -> None:
        self._tell(LOCAL_CANDIDATE, CandidateMessage(session_id=self._request.session_id, sdp=line))

    def _event(self, event: PeerEvent) -> None:
        if self._over:
            return
        if event.kind in PHASES:
            self._phase(event)
        elif event.kind in (PeerEventKind.LOST, PeerEventKind.MEDIA_RESUMED, PeerEventKind.ENDED):
            self._losses.event(event)
        elif event.kind is PeerEventKind.GATHERED:
            self._servers_told(event.servers)
        elif event.kind in BROWSER_STATES:
            log.warning("%s: %s in %s", self._request.agent, BROWSER_STATES[event.kind], self._request.conversation_id)

    def _servers_told(self, results: tuple[ServerResult, ...]) -> None:
        """A line for what failed; not counted: the metrics of servers are the gathering probe's, at its own pace."""
        failed = failures_of(results)
        if failed:
            log.warning("%s: in %s %s", self._request.agent, self._request.conversation_id, failed)

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.over()

    def _phase(self, event: PeerEvent) -> None:
        if not self.restarts:  # what a restart takes is no part of setting up a call
            self._emit_phase(PHASES[event.kind], event.seconds, None)
        if event.kind is PeerEventKind.ICE_COMPLETED:
            self._say(ICE_CONNECTED, event)
        elif event.kind is PeerEventKind.DTLS_CONNECTED:
            self._end_turn()
        elif event.kind is PeerEventKind.FIRST_MEDIA:
            self._media = True
            if self.restarts:
                self._say(RESUMED, event)
            self._sampling = asyncio.create_task(self._sample(), name=f"media of {self._request.session_id}")

    # What CallLosses tells

    def silence(self, event: PeerEvent, *, silent: bool) -> None:
        """Nothing comes any more, or something again: no drop yet."""
        if silent:
            self._silent_mono_s = event.at_mono_s if event.last_good_mono_s is None else event.last_good_mono_s
        seconds = event.at_mono_s - self._silent_mono_s
        about = self._stamp(seconds)
        self._emit(SilenceObserved(**about, silent=silent, seconds=round(seconds, 3), layer=Layer.MEDIA))

    def resumed(self, event: PeerEvent) -> None:
        """The media came back after a drop."""
        self._say(RESUMED, event)

    def ended(self, event: PeerEvent) -> None:
        """The call cannot come back."""
        self._say(ENDED, event)

    def lost(self, event: PeerEvent) -> None:
        """A drop."""
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
        restarts, self._restarts_told = self.restarts - self._restarts_told, self.restarts
        known = self._recent(now) and jitter_s is not None and heard.loss_ratio is not None
        return MediaSampled(
            **self._stamp(SAMPLE_S),
            rtt_s=now.rtt_s if now.rtt_mono_s != before.rtt_mono_s else None,
            jitter_s=jitter_s,
            loss_ratio=heard.loss_ratio,
            mos=mos(now.rtt_s or 0.0, jitter_s or 0.0, heard.loss_ratio or 0.0) if known else None,
            packets_received=heard.packets_received,
            arrival_clock=now.arrival_clock,
            ice_restarts=restarts,
            audible_frames=_grown(before.audible_frames, now.audible_frames),
            silent_frames=_grown(before.silent_frames, now.silent_frames),
            undecodable_packets=_grown(before.decode_errors, now.decode_errors),
        )

    def _recent(self, stats: MediaStats) -> bool:
        """Whether its round trip still says something of the present second."""
        return stats.rtt_mono_s is not None and self._clock.mono_s() - stats.rtt_mono_s < RTT_AGE_S

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


def _grown(before: int | None, now: int | None) -> int | None:
    """How much a count has grown, from 0 where there was none; None where nothing is counted."""
    return None if now is None else max(0, now - (before or 0))
