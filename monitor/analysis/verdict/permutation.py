"""One permutation test of many outcomes: within each stratum the windows move to other days, by chance alone; pure.

A stratum is a week, whose days are exchangeable, or a block of an experiment, whose rows were. All outcomes move
together, and each is compared with the largest of all of them (Westfall and Young's single-step max-T).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Flags, Floats

LARGEST_EXACT: Final = 8000
DRAWS: Final = 5000
FEWEST_DRAWS: Final = 500
MOST_NUMBERS: Final = 4_000_000  # windows x draws x outcomes held at once: 32 MB
LARGEST_STRATUM: Final = 2000  # arrangements of one stratum that are listed; beyond that so many are drawn
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Stratum:
    """Places (days, or rows of a block) of which some carry windows.

    values: places x slots x outcomes, the excess a slot would show at each place. known: which of them were measured.
    groups: for each place that carries windows, its number and the slots it carries. windows: for each carried slot in
    that order, which window it is.
    """

    values: Floats
    known: Flags
    groups: tuple[tuple[int, tuple[int, ...]], ...]
    windows: tuple[int, ...]

    @property
    def alike(self) -> bool:
        """Whether every carrying place carries the same slots, so that only the choice of places matters."""
        return len({slots for _, slots in self.groups}) <= 1

    @property
    def ways(self) -> int:
        """Arrangements that can be told apart."""
        return self._ways(len(self.groups))

    @property
    def ways_without_one(self) -> int:
        """The same with one carrying place less."""
        return self._ways(len(self.groups) - 1)

    def _ways(self, carrying: int) -> int:
        places = len(self.values)
        return math.comb(places, carrying) if self.alike else math.perm(places, carrying)


@dataclass(frozen=True, slots=True)
class Tested:
    """p_adjusted, p_left_out: for each outcome; the latter is the largest with any one window left out.

    exact: whether every arrangement was compared, and not so many of them.
    """

    p_adjusted: Floats
    p_left_out: Floats
    exact: bool
    arrangements: int


def least_p(strata: Sequence[Stratum], informative: int | None = None) -> float:
    """The smallest p-value the design can yield. informative: at most so many strata can show anything."""
    ways = sorted((stratum.ways for stratum in strata), reverse=True)
    return 1.0 / math.prod(ways[:informative])


def least_p_left_out(strata: Sequence[Stratum], informative: int | None = None) -> float:
    """The same with that window left out which costs most."""
    best = sorted(strata, key=lambda stratum: stratum.ways, reverse=True)[:informative]
    return max((least_p(best) * one.ways / one.ways_without_one for one in best), default=1.0)


def permute(strata: Sequence[Stratum], *, seed: int = 0, leave_out: bool = True) -> Tested:
    """Test whether the windows' excess is larger than chance makes it, one-sided, each outcome beside all others."""
    rng = np.random.default_rng(seed)
    parts = [_by_window(stratum, arranged(stratum, rng)) for stratum in strata]
    most = max(MOST_NUMBERS // sum(part.shape[0] * part.shape[2] for part in parts), FEWEST_DRAWS)
    index, exact = _draws([part.shape[1] for part in parts], min(DRAWS, most), rng)
    drawn = np.concatenate([part[:, chosen] for part, chosen in zip(parts, index, strict=True)])
    total = drawn.sum(axis=0)
    p_adjusted = _p_values(total)
    p_left_out = p_adjusted.copy()
    if leave_out:
        for of_window in drawn:
            p_left_out = np.maximum(p_left_out, _p_values(total - of_window))
    return Tested(p_adjusted, p_left_out, exact, index.shape[1])


def arranged(stratum: Stratum, rng: np.random.Generator) -> NDArray[np.intp]:
    """Arrangements x carrying places: where each group goes; the actual one comes first."""
    places, carrying = len(stratum.values), len(stratum.groups)
    actual = tuple(place for place, _ in stratum.groups)
    listed: Iterable[tuple[int, ...]] = ()
    if stratum.alike and math.comb(places, carrying) <= LARGEST_STRATUM:
        listed, actual = combinations(range(places), carrying), tuple(sorted(actual))
    elif math.perm(places, carrying) <= LARGEST_STRATUM:
        listed = permutations(range(places), carrying)
    else:
        listed = (tuple(rng.permutation(places)[:carrying].tolist()) for _ in range(LARGEST_STRATUM - 1))
    return np.array([actual, *(one for one in listed if one != actual)], dtype=np.intp)


def contributions(stratum: Stratum, arrangements: NDArray[np.intp]) -> Floats:
    """Arrangements x outcomes: what the stratum adds to the statistic under each arrangement."""
    sums: Floats = _by_window(stratum, arrangements).sum(axis=0)
    return sums


def _by_window(stratum: Stratum, arrangements: NDArray[np.intp]) -> Floats:
    """Windows x arrangements x outcomes."""
    parts = [
        stratum.values[arrangements[:, group], slot]
        for group, (_, slots) in enumerate(stratum.groups)
        for slot in slots
    ]
    return np.array(parts)


def _draws(ways: Sequence[int], most: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], bool]:
    """Strata x draws: which arrangement each stratum shows in each draw; the actual one, all zeros, comes first."""
    if math.prod(ways) <= min(LARGEST_EXACT, 2 * most):
        steps = np.concatenate([[1], np.cumprod(ways)])
        return np.arange(steps[-1]) // steps[:-1, None] % np.array(ways)[:, None], True
    drawn = np.array([rng.integers(0, count, size=most) for count in ways])
    drawn[:, 0] = 0
    return drawn, False


def _p_values(total: Floats) -> Floats:
    """For each outcome the share of draws whose largest outcome is at least as extreme."""
    centred = total - total.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    z = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > _TOLERANCE)
    largest = np.sort(z.max(axis=1))
    as_large = len(largest) - np.searchsorted(largest, z[0] - _TOLERANCE)
    return np.asarray(as_large / len(largest))
