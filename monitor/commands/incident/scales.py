"""Axes: round figures between two bounds, their labels, and where a value lies; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from monitor.facts.words import seconds_text

ROUND: Final = (1.0, 2.0, 5.0, 10.0)
MOST_TICKS: Final = 3
SMALLEST: Final = 1e-3  # seconds: a logarithmic axis begins no lower
ROOM: Final = 1.15  # above the largest value


@dataclass(frozen=True, slots=True)
class Axis:
    """An upright axis from low to high. ticks: the values to label."""

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """0 at the bottom to 1 at the top; what lies beyond is put to the edge, infinity to the top."""
        if math.isinf(value):
            return 1.0
        if self.logarithmic:
            value, low, high = (math.log(max(one, self.low)) for one in (value, self.low, self.high))
            share = (value - low) / (high - low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))


def axis_of(values: Iterable[float], *, logarithmic: bool, unit: str) -> Axis:
    """An axis with room for all finite values; failed ones lie at its top."""
    known = [value for value in values if math.isfinite(value)]
    if logarithmic:
        return _decades([value for value in known if value > 0])
    least = 0.05 if unit == "share" else 1.0
    high = max([*known, least]) * (1.0 if unit == "share" and max(known, default=0.0) >= 1.0 else ROOM)
    step = _step(high / MOST_TICKS)
    if unit == "count" and high > 1.0:
        step = max(1.0, step)
    return Axis(0.0, high, False, tuple(n * step for n in range(int(high / step) + 1)))


def label_of(value: float, unit: str) -> str:
    """A tick's text."""
    if unit == "s":
        return seconds_text(value)
    return f"{value:.0%}" if unit == "share" else f"{value:g}"


def _decades(known: list[float]) -> Axis:
    low = max(SMALLEST, min(known, default=0.01) / ROOM)
    high = max(max(known, default=0.1) * ROOM, low * 10.0)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = [10.0**power for power in range(first, last + 1)]
    ticks = [one for one in every if low <= one <= high]
    if len(ticks) < 2:
        ticks = [factor * one for one in every for factor in (1.0, 2.0, 5.0) if low <= factor * one <= high]
    return Axis(low, high, True, tuple(ticks))


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in ROUND if factor * power >= rough)
