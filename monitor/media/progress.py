"""Turns what aiortc and the network do into peer events: each phase with its own time, each loss told once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from monitor.facts.clock import Clock
from monitor.facts.failures import Layer
from monitor.facts.ice import ServerResult
from monitor.media.liveness import Liveness, Loss, Reach
from monitor.media.peer_events import PeerEvent, PeerEventKind, PeerOptions

log = logging.getLogger(__name__)


class Path(Protocol):
    """What the ICE agent knows about the path under a call."""

    close_reason: str  # why it closed by itself: consent_expired, path_lost, or empty

    @property
    def consent_mono_s(self) -> float | None:
        """When the other side last agreed to be sent to."""
        ...


class Progress:
    """One call's way from the first check to its end. Call `end()` before closing the call: it stops all events."""

    def __init__(self, options: PeerOptions, on_event: Callable[[PeerEvent], None], clock: Clock) -> None:
        self._on_event = on_event
        self._clock = clock
        self._liveness = Liveness(options)
        self._path: Path | None = None
        self._checks_mono_s: float | None = None
        self._handshake_mono_s: float | None = None
        self._connected_mono_s: float | None = None
        self._media = False
        self._over = False

    def watch(self, path: Path) -> None:
        """The ICE agent whose end explains a loss."""
        self._path = path

    def expect_no_sound(self) -> None:
        """The other side is not to send, or we are not to: silence is no loss."""
        self._liveness.ignore_silence()

    def gathered(self, results: tuple[ServerResult, ...]) -> None:
        """The last STUN or TURN server has a result."""
        self._tell(PeerEvent(PeerEventKind.GATHERED, self._clock.mono_s(), servers=results))

    def begin(self, candidates: int) -> None:
        """Both descriptions are there, with so many local candidates: from now on the other side's absence counts."""
        now = self._clock.mono_s()
        self._liveness.started(now)
        if not candidates:
            self._finish(Loss(Layer.ICE, "no_candidates", now, "no local candidate"))

    def ice(self, state: str) -> None:
        """RTCIceTransport's state changed."""
        now = self._clock.mono_s()
        if state == "checking":
            self._checks_mono_s = now
            self._tell(PeerEvent(PeerEventKind.ICE_CHECKING, now))
        elif state == "failed":
            self._finish(self._path_loss(now) or Loss(Layer.ICE, "checks_failed", self._last_good(now)))

    def nominated(self, at_mono_s: float) -> None:
        """The ICE agent nominated a pair."""
        self._liveness.ice_completed(at_mono_s)
        self._tell(PeerEvent(PeerEventKind.ICE_COMPLETED, at_mono_s, _since(self._checks_mono_s, at_mono_s)))

    def dtls(self, state: str) -> None:
        """RTCDtlsTransport's state changed."""
        now = self._clock.mono_s()
        if state == "connecting":
            self._handshake_mono_s = now
        elif state == "connected":
            self._connected_mono_s = now
            self._liveness.dtls_connected(now)
            self._tell(PeerEvent(PeerEventKind.DTLS_CONNECTED, now, _since(self._handshake_mono_s, now)))
        elif state == "failed":
            self._finish(self._path_loss(now) or Loss(Layer.DTLS, "handshake_failed", self._last_good(now)))
        elif state == "closed":
            self._finish(self._path_loss(now) or Loss(Layer.DTLS, "closed_by_peer", now))

    def rtp(self, at_mono_s: float) -> None:
        """An RTP packet came."""
        first, self._media = not self._media, True
        if first:
            self._tell(PeerEvent(PeerEventKind.FIRST_MEDIA, at_mono_s, _since(self._connected_mono_s, at_mono_s)))
        if self._liveness.rtp(at_mono_s, self._clock.mono_s()):
            self._tell(PeerEvent(PeerEventKind.MEDIA_RESUMED, at_mono_s))

    def far_end(self, unreceived_s: float, until_mono_s: float) -> None:
        """The other side reports for how long it had received nothing of ours until then; 0: it has."""
        if unreceived_s:
            loss = self._liveness.unreceived(unreceived_s, until_mono_s)
            if loss is not None:
                self._lost(loss)
        elif self._liveness.received():
            self._tell(PeerEvent(PeerEventKind.MEDIA_RESUMED, self._clock.mono_s()))

    def tick(self) -> None:
        """Look at the timers; a few times a second."""
        now = self._clock.mono_s()
        if not self._liveness.awake(now):
            return
        loss = self._liveness.overdue(now)
        if loss is not None and loss.layer is Layer.MEDIA:
            self._lost(loss)
        elif loss is not None:
            self._finish(loss)
        self._look_at_reach(now)

    def _look_at_reach(self, now_mono_s: float) -> None:
        """Say `disconnected` and `failed` when Chromium would."""
        reach = self._liveness.reached(now_mono_s, None if self._path is None else self._path.consent_mono_s)
        if reach is Reach.FAILED:
            detail = f"no STUN answer and no RTP for {now_mono_s - self._last_good(now_mono_s):.1f} s"
            self._finish(Loss(Layer.ICE, "consent_expired", self._last_good(now_mono_s), detail))
        elif reach is not None:
            kind = PeerEventKind.RECONNECTED if reach is Reach.CONNECTED else PeerEventKind.DISCONNECTED
            self._tell(PeerEvent(kind, now_mono_s, last_good_mono_s=self._last_good(now_mono_s)))

    def end(self) -> None:
        """We hang up: nothing that follows is an event."""
        self._over = True

    def _path_loss(self, now_mono_s: float) -> Loss | None:
        """The loss of the path under the call, when the ICE agent closed by itself."""
        if self._path is None or not self._path.close_reason:
            return None
        detail = "" if self._path.close_reason == "consent_expired" else "the local socket or allocation was lost"
        return Loss(Layer.ICE, "consent_expired", self._last_good(now_mono_s), detail)

    def _last_good(self, now_mono_s: float) -> float:
        consent_mono_s = None if self._path is None else self._path.consent_mono_s
        known = (self._liveness.last_good_mono_s, consent_mono_s)
        return max((moment for moment in known if moment is not None), default=now_mono_s)

    def _finish(self, loss: Loss) -> None:
        """The call cannot come back. After a silence that was told, this is the same loss: only its end is new."""
        if not self._liveness.silent:
            self._lost(loss)
        self._tell(self._event(PeerEventKind.ENDED, loss))
        self._over = True

    def _lost(self, loss: Loss) -> None:
        self._tell(self._event(PeerEventKind.LOST, loss))

    def _event(self, kind: PeerEventKind, loss: Loss) -> PeerEvent:
        return PeerEvent(
            kind,
            self._clock.mono_s(),
            layer=loss.layer,
            reason=loss.reason,
            last_good_mono_s=loss.last_good_mono_s,
            detail=loss.detail,
        )

    def _tell(self, event: PeerEvent) -> None:
        if self._over:
            return
        try:
            self._on_event(event)
        except Exception:
            log.exception("a listener of peer events made a mistake")


def _since(begun_mono_s: float | None, at_mono_s: float) -> float:
    """Never negative: a packet may have come while our own end of the handshake was still being worked out."""
    return 0.0 if begun_mono_s is None else max(0.0, at_mono_s - begun_mono_s)
