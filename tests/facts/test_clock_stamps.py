"""Arrival times from stamps, by clocks that move when told."""

from __future__ import annotations

import socket
import struct

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.clock_stamps import SO_RXQ_OVFL, SO_TIMESTAMPNS, Arrivals

START_WALL_S = 1_790_000_000.0


def stamp(wall_s: float) -> list[tuple[int, int, bytes]]:
    whole = int(wall_s)
    value = struct.pack("@ll", whole, round((wall_s - whole) * 1e9))
    return [(socket.SOL_SOCKET, SO_TIMESTAMPNS, value)]


def test_a_stamp_takes_away_the_time_we_were_late() -> None:
    arrivals = Arrivals(ManualClock(1000.0, START_WALL_S))
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S - 0.25)) == pytest.approx(999.75)
    assert arrivals.mono_s([]) == 1000.0


@pytest.mark.parametrize("off_s", [-11.0, 0.5])
def test_a_stamp_that_cannot_be_is_not_believed(off_s: float) -> None:
    arrivals = Arrivals(ManualClock(1000.0, START_WALL_S))
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S + off_s)) == 1000.0


def test_a_step_of_the_wall_clock_is_no_delay() -> None:
    clock = ManualClock(1000.0, START_WALL_S)
    arrivals = Arrivals(clock)
    arrivals.wake()
    clock.advance(1.0)
    clock.step_wall(0.25)
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S + 1.0)) == 1001.0
    clock.advance(1.0)
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S + 2.25 - 0.1)) == pytest.approx(1001.9)


def test_what_was_stamped_before_a_step_is_not_believed_when_it_is_read_a_little_later() -> None:
    clock = ManualClock(1000.0, START_WALL_S)
    arrivals = Arrivals(clock)
    arrivals.wake()
    clock.advance(1.0)
    clock.step_wall(5.0)
    arrivals.wake()
    clock.advance(0.02)
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S + 1.0)) == pytest.approx(1001.02)  # not five seconds too early


def test_drops_are_the_kernels_count_and_nonsense_is_passed_over() -> None:
    arrivals = Arrivals(ManualClock())
    arrivals.wake()
    arrivals.mono_s([(socket.SOL_SOCKET, SO_RXQ_OVFL, struct.pack("@I", 3)), (0, SO_TIMESTAMPNS, b"")])
    arrivals.mono_s([(socket.SOL_SOCKET, SO_TIMESTAMPNS, b"x"), (socket.SOL_SOCKET, SO_RXQ_OVFL, b"x")])
    assert arrivals.socket_drops == 3


class Interrupted(ManualClock):
    """Loses the processor for 1.5 ms, once, between the first reading of the monotonic clock and the wall clock's."""

    def __init__(self) -> None:
        super().__init__(1000.0, START_WALL_S)
        self.interrupted = False

    def mono_s(self) -> float:
        at_mono_s = super().mono_s()
        if not self.interrupted:
            self.interrupted = True
            self.advance(0.0015)
        return at_mono_s


def test_losing_the_processor_between_the_two_readings_moves_no_arrival() -> None:
    arrivals = Arrivals(Interrupted())
    arrivals.wake()
    assert arrivals.mono_s(stamp(START_WALL_S - 0.25)) == pytest.approx(999.75, abs=1e-6)
