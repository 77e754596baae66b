"""An anytime-valid test for a verdict that is looked at again and again: bets on each week in turn; pure.

Each stratum is a bet at fair odds that its windows stand out: under the null the capital never grows on average,
whatever was bet before and whenever somebody stops to look, so that 1 / capital bounds the error over all looks
(Ville's inequality). Several outcomes share the capital.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.verdict.permutation import Stratum, arranged, contributions
from monitor.facts.evidence import Floats

STAKE: Final = 0.5  # of the capital, on every stratum
STEP: Final = 5.0  # bets are placed on the most extreme fifth of the arrangements, the fifth of that, and so on
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Anytime:
    """p-values that hold at every look: of each outcome alone, and of all together."""

    outcomes: Floats
    together: float


def anytime_p(strata: Sequence[Stratum], *, seed: int = 0) -> Anytime:
    """The p-values over all strata so far. strata: in order of time, at least one.

    Each is 1 over the largest capital so far: an outcome's own share, or the sum of all shares at one moment.
    """
    rng = np.random.default_rng(seed)
    outcomes = strata[0].values.shape[2]
    capital = np.full(outcomes, 1.0 / outcomes)
    highest, together = capital.copy(), 1.0
    for stratum in strata:
        capital = capital * _gain(stratum, rng)
        highest, together = np.maximum(highest, capital), max(together, float(capital.sum()))
    return Anytime(np.minimum(1.0, 1.0 / highest), 1.0 / together)


def _gain(stratum: Stratum, rng: np.random.Generator) -> Floats:
    """What one unit of capital becomes, for each outcome."""
    sums = contributions(stratum, arranged(stratum, rng))
    p_values = (sums >= sums[0] - _TOLERANCE).mean(axis=0)
    bets = [(p_values <= share + _TOLERANCE) / share for share in _shares(len(sums))]
    gained: Floats = 1.0 - STAKE + STAKE * np.mean(bets, axis=0) if bets else np.ones(len(p_values))
    return gained


def _shares(ways: int) -> list[float]:
    """The shares of arrangements that are bet on: fair, as the actual one is in each with just that probability."""
    if ways < 2:
        return [1.0]
    shares = [max(1, round(ways / STEP)) / ways]
    while shares[-1] * ways / STEP >= 1.0:
        shares.append(max(1, round(shares[-1] * ways / STEP)) / ways)
    return shares
