"""Comparing arms that were dealt by chance within replicates: means with intervals, paired differences, Holm; pure."""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

RESAMPLES = 2000
LEVEL = 0.95
LARGEST_EXACT = 30  # pairs: two halves of 2^15 sign patterns each
DRAWS = 20_000
_TOLERANCE = 1e-9  # sums of the same numbers in another order differ in the last digits

_K = TypeVar("_K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n values with its percentile-bootstrap limits, which are None for fewer than two values."""

    n: int
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One arm less another in one measure, over the replicates that measured both.

    n: such replicates. mean, low, high: of the paired difference, with bootstrap limits; None without a replicate.
    p_value: two-sided exact sign-flip test; p_adjusted: after Holm over all comparisons made together. least_p: the
    smallest p-value that n replicates can yield at all.
    """

    arm: str
    other: str
    measure: str
    n: int
    mean: float | None
    low: float | None
    high: float | None
    p_value: float
    p_adjusted: float
    least_p: float


def quantile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile, None of no values."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered) - _TOLERANCE)) - 1] if ordered else None


def estimate(values: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """Mean and percentile-bootstrap limits; None of no values."""
    if not values:
        return None
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Estimate(1, mean, None, None)
    means = sorted(sum(map(values.__getitem__, chosen)) for chosen in _resamples(len(values), seed))
    low = means[math.floor(RESAMPLES * (1 - LEVEL) / 2)] / len(values)
    high = means[math.ceil(RESAMPLES * (1 + LEVEL) / 2) - 1] / len(values)
    return Estimate(len(values), mean, low, high)


@lru_cache(maxsize=32)
def _resamples(count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """The same draws for every measure of one size, so that limits of several measures belong together."""
    source = random.Random(f"{seed}:{count}")  # noqa: S311 - repeatable
    return tuple(tuple(source.choices(range(count), k=count)) for _ in range(RESAMPLES))


def sign_flip_p(differences: Sequence[float], *, seed: int = 0) -> float:
    """Two-sided p-value of paired differences when chance alone decided the sign of each.

    Exact over every pattern of signs for up to LARGEST_EXACT differences other than zero; beyond that DRAWS random
    patterns, the actual one among them, stand for all.
    """
    sizes = [abs(difference) for difference in differences if difference]
    actual = abs(math.fsum(differences))
    slack = _TOLERANCE * math.fsum(sizes)
    if actual <= slack:
        return 1.0
    if len(sizes) > LARGEST_EXACT:
        return _drawn_p(sizes, actual - slack, seed)
    half = len(sizes) // 2
    left, right = _sums(sizes[:half]), sorted(_sums(sizes[half:]))
    at_least = sum(len(right) - bisect_left(right, actual - slack - value) for value in left)
    return min(1.0, math.ldexp(2.0 * at_least, -len(sizes)))  # the patterns are symmetric about 0


def least_p(pairs: int) -> float:
    """The smallest two-sided p-value that so many pairs can yield."""
    return min(1.0, math.ldexp(1.0, 1 - pairs))


def _sums(sizes: Sequence[float]) -> list[float]:
    """The sum under every pattern of signs."""
    sums = [0.0]
    for size in sizes:
        sums = [value + sign for value in sums for sign in (size, -size)]
    return sums


def _drawn_p(sizes: Sequence[float], threshold: float, seed: int) -> float:
    source = random.Random(seed)  # noqa: S311 - repeatable
    hits = 1
    for _ in range(DRAWS - 1):
        signs = source.getrandbits(len(sizes))
        hits += abs(sum(size if signs >> i & 1 else -size for i, size in enumerate(sizes))) >= threshold
    return hits / DRAWS


def holm(p_values: Mapping[_K, float]) -> dict[_K, float]:
    """Holm's step-down adjustment over all the p-values given."""
    adjusted: dict[_K, float] = {}
    reached = 0.0
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for rank, (key, p_value) in enumerate(ordered):
        reached = max(reached, min(1.0, (len(ordered) - rank) * p_value))
        adjusted[key] = reached
    return adjusted


Table = Mapping[str, Mapping[Hashable, float]]  # arm -> replicate -> value of one measure


def differences(
    tables: Mapping[str, Table], other: str, arms: Sequence[str], *, seed: int = 0
) -> dict[tuple[str, str], Difference]:
    """Every arm against `other` in every measure, paired by replicate; (arm, measure) -> Difference.

    tables: measure -> arm -> replicate -> value. Holm's adjustment is over all of them together.
    """
    pairs = {
        (arm, measure): paired(table.get(arm, {}), table.get(other, {}))
        for measure, table in tables.items()
        for arm in arms
        if arm != other
    }
    p_values = {key: sign_flip_p(values, seed=seed) for key, values in pairs.items()}
    adjusted = holm(p_values)
    return {
        (arm, measure): _difference(arm, other, measure, values, p_values[arm, measure], adjusted[arm, measure], seed)
        for (arm, measure), values in pairs.items()
    }


def paired(one: Mapping[Hashable, float], other: Mapping[Hashable, float]) -> list[float]:
    """One less the other, for the replicates that measured both."""
    return [value - other[replicate] for replicate, value in one.items() if replicate in other]


def _difference(
    arm: str, other: str, measure: str, values: Sequence[float], p_value: float, p_adjusted: float, seed: int
) -> Difference:
    found = estimate(values, seed=seed)
    return Difference(
        arm=arm,
        other=other,
        measure=measure,
        n=len(values),
        mean=found.mean if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=p_value,
        p_adjusted=p_adjusted,
        least_p=least_p(len(values)),
    )
