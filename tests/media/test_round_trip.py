"""Round trips from what sender reports were sent and what was answered."""

from __future__ import annotations

import pytest

from monitor.media.round_trip import REMEMBERED, RoundTrip


def test_a_round_trip_is_without_the_time_the_other_side_took() -> None:
    trip = RoundTrip()
    trip.sent(7, 100.0)
    trip.answered(7, 65536 // 2, 100.62)
    assert trip.seconds == pytest.approx(0.12)
    trip.sent(8, 101.0)
    trip.answered(8, 0, 101.02)
    assert trip.seconds == pytest.approx(0.02)  # the last one, not smoothed


@pytest.mark.parametrize(("lsr", "dlsr", "at_s"), [(9, 0, 100.1), (0, 0, 100.1), (7, 65536, 100.5), (7, 0, 190.0)])
def test_answers_that_make_no_sense_are_passed_over(lsr: int, dlsr: int, at_s: float) -> None:
    trip = RoundTrip()
    trip.sent(7, 100.0)
    trip.answered(lsr, dlsr, at_s)
    assert trip.seconds is None


def test_rounding_below_zero_is_zero() -> None:
    trip = RoundTrip()
    trip.sent(7, 100.0)
    trip.answered(7, 10, 100.0001)
    assert trip.seconds == 0.0


def test_only_the_last_reports_are_remembered() -> None:
    trip = RoundTrip()
    for lsr in range(REMEMBERED + 1):
        trip.sent(lsr, 100.0 + lsr)
    trip.answered(0, 0, 110.0)
    assert trip.seconds is None
    trip.answered(1, 0, 101.5)
    assert trip.seconds == pytest.approx(0.5)
