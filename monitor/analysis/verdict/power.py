"""How many weeks it takes to see a ratio: the design simulated with what the other days show; seeded, pure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor.analysis.verdict.outcomes import HALF
from monitor.facts.evidence import Floats

RATIOS: Final = {"x3": 3.0, "x10": 10.0}
POWER: Final = 0.8
MOST_WEEKS: Final = 104
RUNS: Final = 100
_TOLERANCE: Final = 1e-9


def weeks_needed(
    inside: Floats, expected: Floats, incident_size: float, *, places: int, per_week: int, alpha: float, seed: int = 0
) -> dict[str, int | None]:
    """Weeks until a ratio of 3 and of 10 would be found in 80 % of cases; None where two years do not suffice.

    inside, expected: drops of the cells without a window. incident_size: drops an incident. places: days a week, or
    rows a block, of which per_week carry windows.
    """
    if inside.sum() <= 0:  # nothing dropped at that time of day: what the adjacent hours let one expect
        inside = np.random.default_rng(seed).poisson(np.tile(expected, RUNS)).astype(np.float64)
        expected = np.tile(expected, RUNS)
    if inside.sum() <= 0 or places < 2 or per_week >= places:
        return dict.fromkeys(RATIOS)
    return {
        name: _weeks(
            inside, expected, (ratio - 1.0) * float(inside.mean()), incident_size, places, per_week, alpha, seed
        )
        for name, ratio in RATIOS.items()
    }


def _weeks(
    inside: Floats, expected: Floats, extra: float, size: float, places: int, carrying: int, alpha: float, seed: int
) -> int | None:
    """The first number of weeks with enough power, which then stays."""
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(inside), size=(RUNS, MOST_WEEKS, places))
    counts = inside[drawn]
    size = max(1.0, size)
    counts[:, :, :carrying] += size * rng.poisson(extra / size, size=(RUNS, MOST_WEEKS, carrying))
    excess = np.log((counts + HALF) / (expected[drawn] + HALF))
    gain = excess[:, :, :carrying].mean(axis=2) - excess.mean(axis=2)
    variance = excess.var(axis=2) * (places - carrying) / max(1, carrying * (places - 1))
    sums, variances = np.cumsum(gain, axis=1), np.cumsum(variance, axis=1)
    of_window = (excess[:, :, :carrying].max(axis=2) - excess.mean(axis=2)) / carrying
    best = np.maximum.accumulate(of_window, axis=1)
    seen = _beyond(sums, variances, float(-ndtri(alpha))) & _beyond(sums - best, variances, float(-ndtri(2 * alpha)))
    enough = seen.mean(axis=0) >= POWER
    enough[: least_weeks(places, carrying, alpha) - 1] = False
    short = np.flatnonzero(~enough)
    first = int(short[-1]) + 2 if len(short) else 1
    return first if first <= MOST_WEEKS else None


def least_weeks(places: int, carrying: int, alpha: float) -> int:
    """Weeks before the design can reach alpha, and twice alpha with one week left out."""
    ways = math.comb(places, carrying)
    if ways < 2:
        return MOST_WEEKS
    if math.comb(places, max(1, carrying - 1)) >= 1 / alpha:  # a block of many rows
        return 1
    reach, rest = (math.ceil(-math.log(error) / math.log(ways) - _TOLERANCE) for error in (alpha, 2 * alpha))
    return max(reach, rest + 1, 2)


def _beyond(sums: Floats, variances: Floats, z: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((sums > 0) & (sums >= z * np.sqrt(np.maximum(variances, 1e-12))))
