"""When trouble in a call is a drop: a close that nothing explains, a silence that lasts; what passes is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from monitor.facts.failures import Layer
from monitor.facts.softphone_limits import ICE_DISCONNECTED_S
from monitor.media.peer_events import PeerEvent, PeerEventKind

# A close_notify comes with every normal end too, some time before or after the signalling's `terminate`: only one that
# no `terminate` explains within this time is a loss.
CLOSE_NOTIFY_GRACE_S = 2.0
LASTING_S = ICE_DISCONNECTED_S  # no browser tells trouble any sooner: a silence that ends before is no drop


class Timer(Protocol):
    """What can be called off."""

    def cancel(self) -> None:
        """It does not fire."""


class Heard(Protocol):
    """Who is told, in the order of a call."""

    def silence(self, event: PeerEvent, *, silent: bool) -> None:
        """Nothing is heard, or something again, before it was a drop."""

    def lost(self, event: PeerEvent) -> None:
        """This is a drop, dated by its event."""

    def resumed(self, event: PeerEvent) -> None:
        """The media came back after a drop."""

    def ended(self, event: PeerEvent) -> None:
        """The call cannot come back."""


class CallLosses:
    """Takes a peer's LOST, MEDIA_RESUMED and ENDED events, and waits with those that may turn out to be nothing.

    call_later: as the event loop's. now_mono_s: on the clock of the events.
    """

    def __init__(
        self,
        heard: Heard,
        call_later: Callable[[float, Callable[[], None]], Timer],
        now_mono_s: Callable[[], float],
    ) -> None:
        self._heard = heard
        self._call_later = call_later
        self._now_mono_s = now_mono_s
        self._silence: PeerEvent | None = None  # told as such, and not lasting long enough yet
        self._lasting: Timer | None = None
        self._unexplained: Timer | None = None

    def event(self, event: PeerEvent) -> None:
        """One of the three kinds."""
        if event.layer is Layer.DTLS and event.reason == "closed_by_peer":
            self._closed_by_peer(event)
        elif event.kind is PeerEventKind.ENDED:
            self._stands()
            self._heard.ended(event)
        elif event.kind is PeerEventKind.MEDIA_RESUMED:
            self._resumed(event)
        elif event.reason == "silence":
            self._silent(event)
        else:
            self._heard.lost(event)

    def forget(self) -> None:
        """Whatever was waited for is explained now. Idempotent."""
        for timer in (self._lasting, self._unexplained):
            if timer is not None:
                timer.cancel()
        self._silence = self._lasting = self._unexplained = None

    def _silent(self, event: PeerEvent) -> None:
        self._silence = event
        self._heard.silence(event, silent=True)
        since_mono_s = event.at_mono_s if event.last_good_mono_s is None else event.last_good_mono_s
        self._lasting = self._call_later(max(0.0, since_mono_s + LASTING_S - self._now_mono_s()), self._stands)

    def _stands(self) -> None:
        """The silence was a drop after all."""
        silence = self._no_longer_silent()
        if silence is not None:
            self._heard.lost(silence)

    def _resumed(self, event: PeerEvent) -> None:
        if self._no_longer_silent() is None:
            self._heard.resumed(event)
        else:
            self._heard.silence(event, silent=False)

    def _no_longer_silent(self) -> PeerEvent | None:
        """Wait no more for a silence to last; the one that was waited for, None when there was none."""
        silence, self._silence = self._silence, None
        if self._lasting is not None:
            self._lasting.cancel()
            self._lasting = None
        return silence

    def _closed_by_peer(self, event: PeerEvent) -> None:
        """LOST and ENDED come together, and after a silence ENDED alone; they wait for the signalling's word."""
        if self._unexplained is None:
            self._unexplained = self._call_later(CLOSE_NOTIFY_GRACE_S, lambda: self._not_explained(event))

    def _not_explained(self, event: PeerEvent) -> None:
        self._unexplained = None
        if self._silence is not None:
            self._stands()
        elif event.kind is PeerEventKind.LOST:
            self._heard.lost(event)
        self._heard.ended(event)
