from __future__ import annotations

from monitor.facts.failures import DISCONNECT_REASONS, Layer
from monitor.media.liveness import Liveness, Loss
from monitor.media.peer_events import PeerOptions


def first_loss(liveness: Liveness, since_mono_s: float, until_mono_s: float) -> tuple[float, Loss] | None:
    now = since_mono_s
    while now < until_mono_s:
        loss = liveness.overdue(now) if liveness.awake(now) else None
        if loss is not None:
            assert loss.reason in DISCONNECT_REASONS[loss.layer]
            return now, loss
        now += 0.25
    return None


def talking(at_mono_s: float, options: PeerOptions | None = None) -> Liveness:
    liveness = Liveness(options or PeerOptions())
    liveness.started(at_mono_s)
    liveness.ice_completed(at_mono_s)
    liveness.dtls_connected(at_mono_s)
    liveness.rtp(at_mono_s, at_mono_s)
    return liveness


def test_checks_fail_after_fifteen_seconds() -> None:
    liveness = Liveness(PeerOptions())
    assert first_loss(liveness, 0.0, 50.0) is None  # not begun
    liveness.started(100.0)
    noticed, loss = first_loss(liveness, 100.0, 150.0) or (0.0, None)
    assert noticed == 115.0
    assert loss is not None
    assert (loss.layer, loss.reason, loss.last_good_mono_s) == (Layer.ICE, "checks_failed", 100.0)


def test_a_handshake_without_end_is_a_dtls_loss() -> None:
    liveness = Liveness(PeerOptions())
    liveness.started(100.0)
    liveness.ice_completed(101.0)
    noticed, loss = first_loss(liveness, 101.0, 150.0) or (0.0, None)
    assert noticed == 116.0
    assert loss is not None
    assert (loss.layer, loss.reason, loss.last_good_mono_s) == (Layer.DTLS, "handshake_failed", 101.0)


def test_silence_is_dated_at_the_last_packet_and_told_once() -> None:
    liveness = talking(100.0)
    liveness.rtp(103.1, 103.1)
    noticed, loss = first_loss(liveness, 103.25, 150.0) or (0.0, None)
    assert noticed == 105.0
    assert loss == Loss(Layer.MEDIA, "silence", 103.1)
    assert first_loss(liveness, 108.5, 200.0) is None


def test_silence_from_the_start_says_so() -> None:
    liveness = Liveness(PeerOptions())
    liveness.started(99.0)
    liveness.dtls_connected(100.0)
    _, loss = first_loss(liveness, 100.0, 150.0) or (0.0, None)
    assert loss == Loss(Layer.MEDIA, "silence", 100.0, "no RTP packet ever came")


def test_media_that_comes_back_can_be_lost_again() -> None:
    liveness = talking(100.0)
    assert first_loss(liveness, 100.0, 110.0) is not None
    assert liveness.rtp(111.0, 111.0) is True
    assert liveness.rtp(111.02, 111.02) is False
    assert first_loss(liveness, 111.25, 120.0) is not None


def test_a_stall_of_our_own_is_not_the_other_sides_silence() -> None:
    liveness = talking(100.0)
    liveness.awake(100.25)
    assert not liveness.awake(160.0)  # we did not run for a minute; packets wait to be read
    assert liveness.awake(160.25)
    assert liveness.overdue(160.25) is None
    assert first_loss(liveness, 160.5, 170.0) is not None  # and yet a real silence is found


def test_what_waits_after_a_stall_is_no_silence_however_long_reading_it_takes() -> None:
    liveness = talking(100.0)
    liveness.awake(100.25)
    assert not liveness.awake(105.0)
    for step in range(12):  # three seconds of reading what came in those five, oldest first
        read_mono_s = 105.1 + step / 4
        liveness.rtp(100.3 + step * 0.4, read_mono_s)
        assert liveness.awake(read_mono_s + 0.15)
        assert liveness.overdue(read_mono_s + 0.15) is None


def test_a_stall_of_our_own_is_no_part_of_the_time_for_checks() -> None:
    liveness = Liveness(PeerOptions())
    liveness.started(100.0)
    liveness.awake(100.25)
    assert not liveness.awake(114.9)
    assert liveness.awake(115.15)
    assert liveness.overdue(115.15) is None
    assert first_loss(liveness, 115.4, 140.0) is not None


def test_many_short_stalls_of_our_own_are_no_silence_either() -> None:
    liveness = talking(100.0)
    now = 100.0
    liveness.awake(now)
    for _ in range(3):
        now += 0.9
        liveness.awake(now)
    assert liveness.overdue(now) is None


def reaches(liveness: Liveness, since_s: float, until_s: float, answers: list[float]) -> list[tuple[float, str]]:
    told = []
    for quarter in range(int(since_s * 4), int(until_s * 4)):
        now = quarter / 4
        liveness.awake(now)
        reach = liveness.reached(now, max((at for at in answers if at <= now), default=None))
        told += [] if reach is None else [(now, reach.value)]
    return told


def test_disconnected_and_failed_come_when_chromium_says_so() -> None:
    told = reaches(talking(100.0), 100.0, 140.0, [101.0])
    assert told == [(108.75, "disconnected"), (118.75, "failed")]


def test_an_answer_after_disconnected_is_connected_again() -> None:
    told = reaches(talking(100.0), 100.0, 112.0, [101.0, 110.0])
    assert told == [(108.75, "disconnected"), (110.0, "connected")]


def test_rtp_alone_keeps_the_path_connected() -> None:
    liveness = talking(100.0)
    for second in range(100, 140):
        liveness.rtp(float(second), float(second))
        assert reaches(liveness, second, second + 1, []) == []


def test_silence_can_be_switched_off() -> None:
    assert first_loss(talking(100.0, PeerOptions(silence_timeout_s=0)), 100.0, 300.0) is None
