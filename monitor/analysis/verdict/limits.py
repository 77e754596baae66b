"""The rate ratio of drops and its limits: days are resampled, and drops count as few as they flock; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Flags, Floats

RESAMPLES: Final = 1000
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Tally:
    """Drops of one place and slot: how many, how many incidents, what was to be expected, the stratum it belongs to."""

    inside: Floats
    incidents: Floats
    expected: Floats
    agent_hours: Floats
    stratum: NDArray[np.intp]

    def where(self, chosen: Flags) -> Tally:
        """The cells of a mask."""
        return Tally(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its limits; None where there is none."""

    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def rate_ratio(windows: Tally, others: Tally, *, seed: int = 0) -> Ratio:
    """Drops in windows against expectation, over the same on the other days, with 95 % limits.

    The wider of two limits holds on each side: that of resampled weeks, which knows how days differ, and the exact one
    over drops divided by how much they flock, which knows how few there are.
    """
    by_expected = bool(windows.expected.sum() > 0 and others.expected.sum() > 0)
    base = [one.expected if by_expected else one.agent_hours for one in (windows, others)]
    share = float(base[0].sum() / base[1].sum()) if base[1].sum() > 0 else 0.0
    if share <= 0 or others.inside.sum() <= 0:
        return Ratio()
    ratio = float(windows.inside.sum() / others.inside.sum() / share)
    flock = _flocking(others)
    low, high = _exact(float(windows.inside.sum()) / flock, float(others.inside.sum()) / flock, share)
    resampled = _resampled(windows, others, base, seed)
    if len(resampled):
        low = min(low, float(np.quantile(resampled, (1 - LEVEL) / 2, method="lower")))
        high = max(high, float(np.quantile(resampled, (1 + LEVEL) / 2, method="higher")))
    return Ratio(ratio, min(low, ratio), max(high, ratio) if np.isfinite(high) else None)


def _flocking(others: Tally) -> float:
    """How much more drops vary from cell to cell than if each came by itself, at least 1 (quasi-Poisson dispersion)."""
    usual = others.expected * others.inside.sum() / max(float(others.expected.sum()), 1e-12)
    known = usual > 0
    if not known.any():
        return max(1.0, float(others.inside.sum() / max(1.0, others.incidents.sum())))
    return max(1.0, float(np.mean((others.inside[known] - usual[known]) ** 2 / usual[known])))


def _ratio(inside: Floats, base: Floats, other: Floats, other_base: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((inside / base) / (other / other_base))


def _exact(inside: float, other: float, share: float) -> tuple[float, float]:
    """Clopper and Pearson's limits of the share that falls into windows, as a ratio of rates."""
    from scipy.special import betaincinv

    total, tail = inside + other, (1 - LEVEL) / 2
    if total <= 0:
        return 0.0, float("inf")
    low = float(betaincinv(inside, other + 1, tail)) if inside > 0 else 0.0
    high = float(betaincinv(inside + 1, other, 1 - tail)) if other > 0 else 1.0
    return low / (1 - low) / share if low < 1 else float("inf"), high / (1 - high) / share if high < 1 else float("inf")


def _resampled(windows: Tally, others: Tally, base: Sequence[Floats], seed: int) -> Floats:
    """The ratio over and over, from strata drawn with replacement."""
    strata = int(max(windows.stratum.max(initial=-1), others.stratum.max(initial=-1))) + 1
    sums = np.array(
        [
            np.bincount(one.stratum, weights=column, minlength=strata)
            for one, columns in ((windows, (windows.inside, base[0])), (others, (others.inside, base[1])))
            for column in columns
        ]
    )
    drawn = np.random.default_rng(seed).integers(0, strata, size=(RESAMPLES, strata))
    inside, base_in, other, base_other = sums[:, drawn].sum(axis=2)
    ratios = _ratio(inside, base_in, other, base_other)
    return ratios[~np.isnan(ratios)]
