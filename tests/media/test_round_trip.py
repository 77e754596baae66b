from __future__ import annotations

from monitor.media.round_trip import RoundTrip


def test_the_estimate_passes_through() -> None:
    trip = RoundTrip()
    trip.read(0.03, 10.0, 1010.0)
    assert trip.seconds == 0.03
    trip.read(None, 11.0, 1011.0)
    assert trip.seconds is None


def test_impossible_estimates_are_none() -> None:
    trip = RoundTrip()
    for estimate in (-0.2, 3600.0):
        trip.read(estimate, 10.0, 1010.0)
        assert trip.seconds is None


def test_a_wall_clock_step_silences_it_until_the_smoothing_has_forgotten() -> None:
    trip = RoundTrip()
    trip.read(0.03, 10.0, 1010.0)
    trip.read(0.13, 10.25, 1010.75)  # the wall clock jumped by half a second
    assert trip.seconds is None
    trip.read(0.10, 30.0, 1030.5)
    assert trip.seconds is None
    trip.read(0.03, 40.3, 1040.8)
    assert trip.seconds == 0.03
