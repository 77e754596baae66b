"""Many measured values in little memory: counts on a log scale, the quantiles within 3 %, the largest exactly; pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator

GROWTH = 1.05  # from one class to the next; a class is told by its geometric middle, so at most 2.5 % off
LEAST = 1e-6  # smaller values are told as 0
_LOG = math.log(GROWTH)
_ZERO = -1_000  # below every class of a value from LEAST on


class Sketch:
    """Counts of values from 0 on, in classes. `pack` shrinks one that is not expected to grow any more."""

    __slots__ = ("_counts", "_packed", "high", "measured")

    def __init__(self) -> None:
        self._counts: dict[int, int] | None = {}
        self._packed: array[int] | None = None
        self.high: float | None = None
        self.measured = 0

    def add(self, value: float) -> None:
        """Count one value. What is no finite number from 0 on is passed over."""
        self.count(class_of(value), value)

    def count(self, key: int | None, value: float) -> None:
        """Count one value whose class is known already; none has no class."""
        if key is None:
            return
        counts = self._unpacked() if self._counts is None else self._counts
        counts[key] = counts.get(key, 0) + 1
        self.measured += 1
        if self.high is None or value > self.high:
            self.high = value

    def merge(self, other: Sketch) -> None:
        """Count everything that another one has counted."""
        counts = self._unpacked()
        for key, count in other.classes():
            counts[key] = counts.get(key, 0) + count
        self.measured += other.measured
        known = [high for high in (self.high, other.high) if high is not None]
        self.high = max(known, default=None)

    def quantile(self, share: float) -> float | None:
        """The value that this share of all values does not exceed (0.5: the lower middle one); None without any."""
        if self.high is None:
            return None
        wanted, passed = max(1, math.ceil(share * self.measured)), 0
        for key, count in sorted(self.classes()):
            passed += count
            if passed >= wanted:
                return min(_middle(key), self.high)
        return self.high

    def classes(self) -> Iterable[tuple[int, int]]:
        """Each class with its count, in no order."""
        return self._counts.items() if self._counts is not None else _pairs(self._packed)

    def pack(self) -> None:
        """Keep the same in a tenth of the memory; the next value unpacks it."""
        if self._counts is not None:
            self._packed = array("i", [number for pair in self._counts.items() for number in pair])
            self._counts = None

    def _unpacked(self) -> dict[int, int]:
        if self._counts is None:
            self._counts = dict(_pairs(self._packed))
            self._packed = None
        return self._counts


def class_of(value: float) -> int | None:
    """The class of a value; None for what is no finite number from 0 on."""
    if not math.isfinite(value) or value < 0.0:
        return None
    return _ZERO if value < LEAST else math.floor(math.log(value) / _LOG)


def _pairs(packed: array[int] | None) -> Iterator[tuple[int, int]]:
    numbers = iter(packed or ())
    return zip(numbers, numbers, strict=True)


def _middle(key: int) -> float:
    return 0.0 if key == _ZERO else GROWTH ** (key + 0.5)
