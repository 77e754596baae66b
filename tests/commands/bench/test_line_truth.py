"""What the delay line calls true: round trips of STUN, RTCP and WebSocket, and the jitter of RTP."""

from __future__ import annotations

import struct

import pytest

from monitor.commands.bench.line_truth import FlowTruth, delays, nearest, packet_kind, quantile, true_at

REQUEST, SUCCESS = 0x0001, 0x0101


def stun(kind: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", kind, 0, 0x2112A442) + transaction.ljust(12, b"\0")


def rtp(sequence: int, timestamp: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 111, sequence, timestamp & 0xFFFFFFFF, 1) + b"sound"


RTCP = struct.pack("!BBHII", 0x80, 200, 6, 1, 0)


def test_a_stun_round_trip_begins_with_the_request_and_ends_with_its_own_answer() -> None:
    truth = FlowTruth()
    truth.forth(stun(REQUEST, b"a"), 1.0, 1.01)
    truth.forth(stun(REQUEST, b"b"), 1.5, 1.51)
    truth.back(stun(SUCCESS, b"b"), 1.52, 1.53)
    truth.back(stun(SUCCESS, b"a"), 1.60, 1.62)
    truth.back(stun(SUCCESS, b"unknown"), 1.7, 1.8)
    assert truth.stun == [(1.53, pytest.approx(0.03)), (1.62, pytest.approx(0.62))]


def test_a_stun_request_of_the_far_end_is_no_round_trip_of_the_near_one() -> None:
    truth = FlowTruth()
    truth.back(stun(REQUEST, b"a"), 1.0, 1.01)
    truth.forth(stun(SUCCESS, b"a"), 1.1, 1.11)
    assert truth.stun == []


def test_an_rtcp_round_trip_is_both_packets_on_the_line_without_the_time_between() -> None:
    truth = FlowTruth()
    truth.back(RTCP, 0.5, 0.51)  # answers nothing yet
    truth.forth(RTCP, 1.0, 1.010)
    truth.forth(RTCP, 1.99, 2.005)  # too late for the report that follows
    truth.back(RTCP, 2.0, 2.012)
    assert truth.rtcp == [(2.012, pytest.approx(0.022))]


def test_jitter_is_0_for_even_packets_and_follows_rfc_3550_for_others() -> None:
    truth = FlowTruth()
    for number in range(5):
        truth.back(rtp(number, 0xFFFFFFFF - 960 + 960 * number), 1.0, 1.0 + 0.02 * number)
    assert truth.jitter[-1] == (1.08, pytest.approx(0.0, abs=1e-9))
    truth.back(rtp(5, 0xFFFFFFFF - 960 + 960 * 5), 1.0, 1.116)
    assert truth.jitter[-1][1] == pytest.approx(0.016 / 16)


def test_only_what_comes_from_the_far_end_is_heard() -> None:
    truth = FlowTruth()
    truth.forth(rtp(1, 1), 1.0, 1.0)
    assert truth.jitter == []


def test_a_websocket_ping_ends_with_the_next_pong_and_text_is_neither() -> None:
    truth = FlowTruth()
    truth.forth_stream(b"\x81\x80text", 0.9, 0.91)
    truth.back_stream(b"\x8a\x08stray", 0.95, 0.96)
    truth.forth_stream(b"\x89\x88ping", 1.0, 1.01)
    truth.back_stream(b"\x81\x04text", 1.01, 1.02)
    truth.back_stream(b"\x8a\x08pong", 1.02, 1.03)
    truth.back_stream(b"\x8a\x08again", 1.04, 1.05)
    assert truth.ping == [(1.03, pytest.approx(0.03))]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (stun(REQUEST, b"a"), "stun"),
        (bytes([22, 254, 253]) + bytes(20), "dtls"),
        (rtp(1, 1), "rtp"),
        (RTCP, "rtcp"),
        (b"\x80", ""),
        (b"\xff" * 20, ""),
    ],
)
def test_kinds_of_packets_on_one_port(data: bytes, kind: str) -> None:
    assert packet_kind(data) == kind


def test_what_was_true_at_a_moment() -> None:
    moments = [(1.0, 0.1), (2.0, 0.2)]
    assert [true_at(moments, at) for at in (0.9, 1.0, 1.9, 2.0, 9.0)] == [None, 0.1, 0.1, 0.2, 0.2]


def test_what_became_true_nearest_to_a_moment() -> None:
    moments = [(1.0, 0.1), (2.0, 0.2)]
    assert [nearest(moments, at, 0.25) for at in (0.7, 0.8, 1.2, 1.5, 1.8, 2.2, 2.3)] == [
        *(None, 0.1, 0.1, None, 0.2, 0.2, None),
    ]
    assert nearest([], 1.0, 0.25) is None


def test_a_direction_summed_up() -> None:
    assert delays([], 3).mean_s is None
    told = delays([0.01] * 98 + [0.02, 0.05], 3)
    assert (told.packets, told.lost, told.p99_s, told.max_s) == (100, 3, 0.02, 0.05)
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
