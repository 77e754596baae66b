"""The grid: slots stay on it, none is given twice, missed ones are counted, whatever now is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probes.cadence import Cadence, spread_phase_s

starts = st.floats(0, 1e7)
intervals = st.floats(0.01, 86_400)


def test_the_first_slot_is_at_the_phase() -> None:
    slot = Cadence(100.0, 15.0, 4.0).next(100.0)
    assert (slot.index, slot.at_mono_s, slot.missed) == (0, 104.0, 0)


def test_a_run_within_its_interval_misses_nothing() -> None:
    slot = Cadence(100.0, 15.0).next(114.9, after=0)
    assert (slot.index, slot.at_mono_s, slot.missed) == (1, 115.0, 0)


def test_slots_that_came_during_a_long_run_are_missed() -> None:
    slot = Cadence(100.0, 15.0).next(146.0, after=0)  # 115, 130 and 145 went by
    assert (slot.index, slot.at_mono_s, slot.missed) == (4, 160.0, 3)


def test_a_slot_due_exactly_now_is_taken_once() -> None:
    grid = Cadence(100.0, 15.0)
    assert grid.next(115.0, after=0).index == 1
    assert grid.next(115.0, after=1).index == 2


def test_lateness_is_never_negative() -> None:
    slot = Cadence(100.0, 15.0).next(100.0)
    assert slot.lateness_s(99.0) == 0.0
    assert slot.lateness_s(100.25) == 0.25


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        Cadence(0.0, 0.0)


@given(t0=starts, interval=intervals, share=st.floats(0, 0.999), ahead=st.floats(0, 1e6), after=st.integers(-1, 1000))
def test_the_next_slot_is_the_first_that_is_new_and_not_past(
    t0: float, interval: float, share: float, ahead: float, after: int
) -> None:
    grid = Cadence(t0, interval, share * interval)
    now = t0 + ahead
    slot = grid.next(now, after)
    assert slot.at_mono_s == grid.slot_s(slot.index) >= now
    assert slot.index > after
    assert slot.missed == slot.index - after - 1
    assert slot.missed == 0 or grid.slot_s(slot.index - 1) < now


@given(t0=starts, interval=intervals, steps=st.lists(st.floats(0, 5), max_size=30))
def test_every_slot_is_either_given_or_missed(t0: float, interval: float, steps: list[float]) -> None:
    grid, now, last, given_or_missed = Cadence(t0, interval), t0, -1, 0
    for step in steps:
        slot = grid.next(now, last)
        given_or_missed += 1 + slot.missed
        now, last = slot.at_mono_s + step * interval, slot.index
    assert given_or_missed == last + 1


@given(count=st.integers(2, 200), interval=intervals)
def test_phases_differ_and_lie_within_the_interval(count: int, interval: float) -> None:
    phases = sorted(spread_phase_s(index, interval) for index in range(count))
    assert phases[0] >= 0
    assert phases[-1] < interval
    smallest_gap = min(later - earlier for earlier, later in pairwise(phases))
    assert smallest_gap > interval / (3 * count)
