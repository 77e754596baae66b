from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.media.reception import Reception, interval

SSRC = 7


def receive(reception: Reception, sequences: list[int], *, ssrc: int = SSRC, first_mono_s: float = 0.0) -> None:
    for index, sequence in enumerate(sequences):
        reception.packet(ssrc, sequence & 0xFFFF, (sequence * 960) & 0xFFFFFFFF, first_mono_s + index * 0.02)


def test_a_clean_stream_has_neither_loss_nor_jitter() -> None:
    reception = Reception(48_000)
    receive(reception, list(range(65_500, 65_600)))  # over the wrap of the sequence number
    assert (reception.packets_received, reception.packets_lost) == (100, 0)
    assert reception.jitter_s == pytest.approx(0.0, abs=1e-9)
    assert reception.last_mono_s == pytest.approx(99 * 0.02)


def test_gaps_are_loss_and_late_packets_are_not() -> None:
    reception = Reception(48_000)
    receive(reception, [10, 11, 14, 15])
    assert reception.packets_lost == 2
    receive(reception, [12])
    assert reception.packets_lost == 1
    assert reception.packets_received == 5


def test_duplicates_never_make_loss_negative() -> None:
    reception = Reception(48_000)
    receive(reception, [10, 10, 10, 11])
    assert reception.packets_lost == 0


@pytest.mark.parametrize(("ssrc", "first"), [(8, 40_000), (SSRC, 40_000)])
def test_a_restarted_sender_is_not_thirty_thousand_lost_packets(ssrc: int, first: int) -> None:
    reception = Reception(48_000)
    receive(reception, [10, 12])
    receive(reception, [first, first + 1, first + 3], ssrc=ssrc, first_mono_s=5.0)
    assert reception.packets_lost == 2
    assert reception.packets_received == 5


def test_one_packet_from_far_behind_is_no_restart() -> None:
    reception = Reception(48_000)
    receive(reception, [*range(1000, 1100), *range(1101, 1300), 1100, *range(1300, 1320)])
    assert reception.packets_lost == 1  # two seconds late, it is lost all the same
    assert reception.packets_received == 320


def test_a_sender_that_counts_its_timestamps_anew_makes_no_jitter() -> None:
    reception = Reception(48_000)
    for index in range(100):
        reception.packet(SSRC, index, (index * 960 + (index >= 50) * 48_000_000) & 0xFFFFFFFF, index * 0.02)
    assert reception.jitter_s == pytest.approx(0.0, abs=1e-9)


def test_jitter_is_that_of_rfc_3550() -> None:
    reception, chance, jitter = Reception(48_000), random.Random(1), 0.0
    delays = [chance.uniform(0, 0.01) for _ in range(2000)]
    for index, delay in enumerate(delays):
        reception.packet(SSRC, index & 0xFFFF, index * 960, index * 0.02 + delay)
        if index:
            jitter += (abs(delay - delays[index - 1]) - jitter) / 16
    assert reception.jitter_s == pytest.approx(jitter)
    assert jitter == pytest.approx(0.01 / 3, rel=0.5)  # the mean of |d| for uniform delays


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), max_size=60))
def test_no_stream_however_odd_makes_it_fail(packets: list[tuple[int, int, int]]) -> None:
    reception = Reception(48_000)
    for index, (ssrc, sequence, timestamp) in enumerate(packets):
        reception.packet(ssrc, sequence, timestamp, index * 0.02)
    assert reception.packets_received == len(packets)
    assert reception.packets_lost >= 0


def test_intervals() -> None:
    assert interval(100, 3, 145, 8).loss_ratio == pytest.approx(0.1)
    assert interval(100, 3, 150, 2).loss_ratio == 0.0
    assert interval(100, 3, 100, 3).loss_ratio is None
    assert interval(100, 3, 145, 8).packets_received == 45
