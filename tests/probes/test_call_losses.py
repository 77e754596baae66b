"""Which trouble in a call is a drop, and which passes; without a clock that runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.facts.failures import Layer
from monitor.media.peer_events import PeerEvent, PeerEventKind
from monitor.probes.call_losses import CLOSE_NOTIFY_GRACE_S, LASTING_S, CallLosses

LOST, ENDED, RESUMED = PeerEventKind.LOST, PeerEventKind.ENDED, PeerEventKind.MEDIA_RESUMED


class Later:
    def __init__(self, at_mono_s: float, do: Callable[[], None]) -> None:
        self.at_mono_s, self.do, self.due = at_mono_s, do, True

    def cancel(self) -> None:
        self.due = False


class Call:
    """Remembers what is told, and lets time pass."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.timers: list[Later] = []
        self.losses = CallLosses(self, self._call_later, lambda: self.now)

    def _call_later(self, seconds: float, do: Callable[[], None]) -> Later:
        self.timers.append(Later(self.now + seconds, do))
        return self.timers[-1]

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        for timer in sorted(self.timers, key=lambda one: one.at_mono_s):
            if timer.due and timer.at_mono_s <= until:
                self.now, timer.due = timer.at_mono_s, False
                timer.do()
        self.now = until

    def hear(self, kind: PeerEventKind, layer: Layer | None, reason: str = "", ago_s: float = 0.0) -> None:
        self.losses.event(PeerEvent(kind, self.now, layer=layer, reason=reason, last_good_mono_s=self.now - ago_s))

    def silent(self) -> None:
        self.hear(LOST, Layer.MEDIA, "silence", 1.75)

    def closed(self, *kinds: PeerEventKind) -> None:
        for kind in kinds:
            self.hear(kind, Layer.DTLS, "closed_by_peer")

    def silence(self, event: PeerEvent, *, silent: bool) -> None:
        self.told.append("silent" if silent else "heard")

    def lost(self, event: PeerEvent) -> None:
        self.told.append(f"lost {event.reason}")

    def resumed(self, event: PeerEvent) -> None:
        self.told.append("resumed")

    def ended(self, event: PeerEvent) -> None:
        self.told.append(f"ended {event.reason}")


@pytest.fixture
def call() -> Call:
    return Call()


def test_a_gap_that_heals_is_a_silence_and_no_drop(call: Call) -> None:
    call.silent()
    call.wait(3)
    call.hear(RESUMED, None)
    call.wait(60)
    assert call.told == ["silent", "heard"]


def test_a_silence_that_lasts_is_a_drop_once_a_browser_would_say_so(call: Call) -> None:
    call.silent()
    call.wait(LASTING_S - 1.75 - 0.1)
    assert call.told == ["silent"]
    call.wait(0.2)
    call.hear(RESUMED, None)
    assert call.told == ["silent", "lost silence", "resumed"]


def test_the_end_of_a_silent_call_is_one_drop(call: Call) -> None:
    call.silent()
    call.hear(ENDED, Layer.ICE, "consent_expired")
    call.wait(60)
    assert call.told == ["silent", "lost silence", "ended consent_expired"]


def test_a_loss_and_its_end(call: Call) -> None:
    call.hear(LOST, Layer.ICE, "checks_failed")
    call.hear(ENDED, Layer.ICE, "checks_failed")
    assert call.told == ["lost checks_failed", "ended checks_failed"]


def test_a_close_that_is_explained_is_no_drop(call: Call) -> None:
    call.closed(LOST, ENDED)
    call.wait(CLOSE_NOTIFY_GRACE_S / 2)
    call.losses.forget()
    call.wait(60)
    assert call.told == []


def test_a_close_that_nothing_explains_is_one_drop(call: Call) -> None:
    call.closed(LOST, ENDED)
    call.wait(60)
    assert call.told == ["lost closed_by_peer", "ended closed_by_peer"]


def test_a_close_after_a_silence_ends_the_call_too(call: Call) -> None:
    call.silent()
    call.closed(ENDED)
    call.wait(60)
    assert call.told == ["silent", "lost silence", "ended closed_by_peer"]


def test_a_close_after_a_drop_by_silence_ends_the_call_and_is_no_second_drop(call: Call) -> None:
    call.silent()
    call.wait(10)
    call.closed(ENDED)
    call.wait(60)
    assert call.told == ["silent", "lost silence", "ended closed_by_peer"]
