"""The grid of slots a probe runs on: pure arithmetic over monotonic seconds, so wall-clock steps cannot move it."""

from __future__ import annotations

import math
from dataclasses import dataclass

GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it modulo 1 are spread evenly for any number of probes


@dataclass(frozen=True, slots=True)
class Slot:
    """One turn of a probe. missed: slots that went by unused since the slot before it."""

    index: int
    at_mono_s: float
    missed: int

    def lateness_s(self, now_mono_s: float) -> float:
        """How late the slot would start now, in seconds; 0 when it is not due yet."""
        return max(0.0, now_mono_s - self.at_mono_s)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Slots at t0 + phase + k * interval for k = 0, 1, 2, ..."""

    t0_mono_s: float
    interval_s: float
    phase_s: float = 0.0

    def __post_init__(self) -> None:
        if self.interval_s <= 0:
            raise ValueError(f"an interval is longer than nothing, not {self.interval_s} s")

    def slot_s(self, index: int) -> float:
        """Monotonic second at which slot `index` starts."""
        return self.t0_mono_s + self.phase_s + index * self.interval_s

    def next(self, now_mono_s: float, after: int = -1) -> Slot:
        """The first slot later than slot number `after` that does not lie in the past."""
        first = after + 1
        index = max(first, math.ceil((now_mono_s - self.slot_s(0)) / self.interval_s))
        while self.slot_s(index) < now_mono_s:  # the division may round down
            index += 1
        while index > first and self.slot_s(index - 1) >= now_mono_s:  # or up
            index -= 1
        return Slot(index, self.slot_s(index), index - first)


def spread_phase_s(index: int, interval_s: float) -> float:
    """The phase of probe number `index` (from 0): deterministic, and spread over the interval among any probes."""
    return interval_s * math.fmod(index * GOLDEN, 1.0)
