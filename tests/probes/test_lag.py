"""The lag meter: what it says about a window of time, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio

from monitor.facts.clock import ManualClock, SystemClock
from monitor.probes.lag import GRANULARITY_S, LagMeter


def woken_late(meter: LagMeter, clock: ManualClock, late_s: float) -> None:
    """One turn of the 10 ms probe, woken this much too late."""
    meter.expect(clock.mono_s() + 0.010)
    clock.advance(0.010 + late_s)
    meter.woke()


def test_the_largest_lag_of_the_window_alone_counts() -> None:
    clock = ManualClock()
    meter = LagMeter(clock)
    woken_late(meter, clock, 0.3)
    begin = clock.mono_s() + 0.001
    clock.advance(1.0)
    woken_late(meter, clock, 0.05)
    woken_late(meter, clock, 0.02)
    assert round(meter.max_since(begin), 6) == round(0.05 - GRANULARITY_S, 6)
    assert round(meter.max_since(0.0), 6) == round(0.3 - GRANULARITY_S, 6)


def test_a_wake_up_that_is_overdue_right_now_counts() -> None:
    clock = ManualClock()
    meter = LagMeter(clock)
    meter.expect(clock.mono_s() + 0.010)
    clock.advance(0.210)
    assert round(meter.max_since(clock.mono_s() - 0.1), 6) == round(0.2 - GRANULARITY_S, 6)


def test_the_timer_granularity_is_not_lag() -> None:
    clock = ManualClock()
    meter = LagMeter(clock)
    woken_late(meter, clock, 0.0009)
    assert meter.max_since(0.0) == 0.0


def test_drained_once() -> None:
    clock = ManualClock()
    meter = LagMeter(clock)
    woken_late(meter, clock, 0.011)
    meter.note_lateness(0.5)
    assert meter.drain() == (0.01,)
    assert meter.drain() == ()
    assert meter.drain_lateness() == (0.5,)
    assert meter.drain_lateness() == ()


async def test_a_blocked_loop_is_seen() -> None:
    clock = SystemClock()
    meter = LagMeter(clock)
    probe = asyncio.create_task(meter.run())
    await asyncio.sleep(0)
    begin = clock.mono_s()
    while clock.mono_s() < begin + 0.2:
        pass  # what a blocked loop is
    assert meter.max_since(begin) > 0.1
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
