from __future__ import annotations

from dataclasses import dataclass

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.failures import Layer
from monitor.facts.ice import ServerOutcome, ServerResult
from monitor.media.peer_events import PeerEvent, PeerEventKind, PeerOptions
from monitor.media.progress import Progress


@dataclass
class FakePath:
    close_reason: str = ""
    consent_mono_s: float | None = None


class Call:
    """A Progress with its clock and what it told."""

    def __init__(self, options: PeerOptions | None = None) -> None:
        self.clock = ManualClock(mono_s=100.0)
        self.events: list[PeerEvent] = []
        self.path = FakePath()
        self.progress = Progress(options or PeerOptions(), self.events.append, self.clock)
        self.progress.watch(self.path)

    @property
    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]

    def connect(self) -> None:
        self.progress.begin(1)
        self.progress.ice("checking")
        self.clock.advance(0.1)
        self.progress.nominated(self.clock.mono_s())
        self.clock.advance(0.02)
        self.progress.ice("completed")
        self.progress.dtls("connecting")
        self.clock.advance(0.3)
        self.progress.dtls("connected")
        self.clock.advance(0.05)
        self.progress.rtp(self.clock.mono_s())

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.25)):
            self.clock.advance(0.25)
            self.progress.tick()


def test_sound_that_came_while_we_were_busy_with_the_handshake_took_no_time() -> None:
    call = Call()
    call.progress.begin(1)
    came_mono_s = call.clock.mono_s()
    call.clock.advance(0.01)
    call.progress.dtls("connected")
    call.progress.rtp(came_mono_s)
    assert call.events[-1].kind.value == "first_media"
    assert call.events[-1].seconds == 0.0


def test_each_phase_has_its_own_time() -> None:
    call = Call()
    call.connect()
    assert call.kinds == ["ice_checking", "ice_completed", "dtls_connected", "first_media"]
    assert [event.seconds for event in call.events[1:]] == pytest.approx([0.1, 0.3, 0.05])
    call.progress.rtp(call.clock.mono_s())
    assert len(call.events) == 4


def test_consent_loss_after_silence_is_one_loss_and_one_end() -> None:
    call = Call()
    call.connect()
    last_rtp_mono_s = call.clock.mono_s()
    call.wait(6)
    call.path.close_reason = "consent_expired"
    call.progress.dtls("closed")
    call.progress.ice("failed")
    assert call.kinds[4:] == ["lost", "ended"]
    lost, ended = call.events[4:]
    assert (lost.layer, lost.reason, lost.last_good_mono_s) == (Layer.MEDIA, "silence", last_rtp_mono_s)
    assert (ended.layer, ended.reason) == (Layer.ICE, "consent_expired")


def test_consent_loss_without_media_is_dated_at_the_last_consent() -> None:
    call = Call(PeerOptions(silence_timeout_s=0))
    call.connect()
    call.path.consent_mono_s = call.clock.mono_s() + 3
    call.wait(6)
    call.path.close_reason = "consent_expired"
    call.progress.ice("failed")
    assert call.kinds[4:] == ["lost", "ended"]
    assert (call.events[4].layer, call.events[4].reason) == (Layer.ICE, "consent_expired")
    assert call.events[4].last_good_mono_s == call.path.consent_mono_s


def test_an_idle_call_is_disconnected_and_then_lost_by_chromiums_timings() -> None:
    call = Call(PeerOptions(silence_timeout_s=0))
    call.connect()
    call.path.consent_mono_s = answered_mono_s = call.clock.mono_s()
    call.wait(30)
    assert call.kinds[4:] == ["disconnected", "lost", "ended"]
    noticed = [event.at_mono_s - answered_mono_s for event in call.events[4:]]
    assert noticed == pytest.approx([7.75, 17.75, 17.75])
    assert (call.events[5].layer, call.events[5].reason) == (Layer.ICE, "consent_expired")
    assert call.events[5].last_good_mono_s == answered_mono_s


def test_an_answer_brings_a_disconnected_call_back() -> None:
    call = Call(PeerOptions(silence_timeout_s=0))
    call.connect()
    call.wait(9)
    call.path.consent_mono_s = call.clock.mono_s()
    call.wait(1)
    assert call.kinds[4:] == ["disconnected", "reconnected"]


def test_a_lost_socket_is_told_as_the_path_not_as_a_close_by_the_peer() -> None:
    call = Call()
    call.connect()
    call.path.close_reason = "path_lost"
    call.progress.dtls("closed")
    assert (call.events[4].layer, call.events[4].detail) == (Layer.ICE, "the local socket or allocation was lost")


@pytest.mark.parametrize(
    ("layer", "state", "expected"),
    [
        ("dtls", "closed", (Layer.DTLS, "closed_by_peer")),
        ("dtls", "failed", (Layer.DTLS, "handshake_failed")),
        ("ice", "failed", (Layer.ICE, "checks_failed")),
    ],
)
def test_states_that_end_a_call(layer: str, state: str, expected: tuple[Layer, str]) -> None:
    call = Call()
    call.progress.begin(1)
    call.progress.ice("checking")
    getattr(call.progress, layer)(state)
    assert call.kinds == ["ice_checking", "lost", "ended"]
    assert (call.events[1].layer, call.events[1].reason) == expected


def test_where_no_sound_is_expected_silence_is_no_loss() -> None:
    call = Call()
    call.connect()
    call.progress.expect_no_sound()
    call.wait(6)
    call.progress.far_end(30.0, call.clock.mono_s())
    assert len(call.events) == 4


def test_what_became_of_the_servers_is_told_once_the_last_has_a_result() -> None:
    call, result = Call(), ServerResult("a:3478", "stun", "udp", ServerOutcome.OK, 0.02)
    call.progress.gathered((result,))
    assert [(event.kind, event.servers) for event in call.events] == [(PeerEventKind.GATHERED, (result,))]


def test_no_local_candidate_is_the_end_at_once() -> None:
    call = Call()
    call.progress.begin(0)
    assert call.kinds == ["lost", "ended"]
    assert (call.events[0].layer, call.events[0].reason) == (Layer.ICE, "no_candidates")
    call.wait(20)
    assert len(call.events) == 2


def test_checks_that_never_end_fail_by_our_own_timer() -> None:
    call = Call()
    call.progress.begin(1)
    call.progress.ice("checking")
    call.wait(16)
    assert call.kinds == ["ice_checking", "lost", "ended"]
    assert call.events[1].at_mono_s - (call.events[1].last_good_mono_s or 0.0) == pytest.approx(15.0)


def test_media_may_resume() -> None:
    call = Call()
    call.connect()
    call.wait(6)
    call.progress.rtp(call.clock.mono_s())
    assert call.kinds[4:] == ["lost", "media_resumed"]


def test_nothing_is_told_after_our_own_end() -> None:
    call = Call()
    call.connect()
    call.progress.end()
    call.progress.dtls("closed")
    call.wait(60)
    assert len(call.events) == 4


def test_a_listeners_mistake_does_not_reach_aiortc(caplog: pytest.LogCaptureFixture) -> None:
    def listener(event: PeerEvent) -> None:
        raise RuntimeError(event.kind)

    Progress(PeerOptions(), listener, ManualClock()).ice("checking")
    assert PeerEventKind.ICE_CHECKING in str(caplog.records[0].exc_info)
