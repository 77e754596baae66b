"""How late our own event loop runs: a probe that wakes every 10 ms and remembers by how much it was woken late."""

from __future__ import annotations

import asyncio
from collections import deque

from monitor.facts.clock import Clock

PROBE_S = 0.010
GRANULARITY_S = 0.001  # epoll waits in whole milliseconds, rounded up: a timer this late says nothing about the loop
KEPT_S = 120.0  # longer than any single measurement


class LagMeter:
    """Wakes every 10 ms and remembers how late it was woken."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_mono_s: float | None = None
        self._woken: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / PROBE_S))
        self._undrained: deque[float] = deque(maxlen=int(KEPT_S / PROBE_S))
        self._lateness: deque[float] = deque(maxlen=1000)

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            self._due_mono_s = self._clock.mono_s() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self.woke()

    def woke(self) -> None:
        """Note that the probe's timer, due since `run` set it, fires now."""
        now = self._clock.mono_s()
        lag_s = self._overdue(now)
        self._due_mono_s = None
        self._woken.append((now, lag_s))
        self._undrained.append(round(lag_s, 6))

    def expect(self, due_mono_s: float) -> None:
        """Set the moment the next wake-up is due."""
        self._due_mono_s = due_mono_s

    def max_since(self, mono_s: float) -> float:
        """Largest lag in seconds at any moment from `mono_s` to now, a wake-up that is overdue right now included.

        The overdue one matters: after a blocked loop the measurement's own callback may well run before the probe's.
        """
        now = self._clock.mono_s()
        largest = self._overdue(now)
        for woken_mono_s, lag_s in reversed(self._woken):
            if woken_mono_s < mono_s:
                break
            largest = max(largest, lag_s)
        return largest

    def note_lateness(self, seconds: float) -> None:
        """Remember how late a scheduled slot started."""
        self._lateness.append(round(seconds, 6))

    def drain(self) -> tuple[float, ...]:
        """The lags seen since the last drain, in seconds."""
        samples = tuple(self._undrained)
        self._undrained.clear()
        return samples

    def drain_lateness(self) -> tuple[float, ...]:
        """The schedule latenesses noted since the last drain, in seconds."""
        samples = tuple(self._lateness)
        self._lateness.clear()
        return samples

    def _overdue(self, now_mono_s: float) -> float:
        if self._due_mono_s is None:
            return 0.0
        return max(0.0, now_mono_s - self._due_mono_s - GRANULARITY_S)
