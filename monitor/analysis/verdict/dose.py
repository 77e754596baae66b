"""Does more API load do more harm: the excess of each window against the calls a second of its publish; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.analysis.verdict.result import DoseResponse
from monitor.facts import signals
from monitor.facts.evidence import Evidence, Floats, Window

LEAST_WINDOWS: Final = 4
LEAST_SPREAD: Final = 1.25  # highest by lowest dose: below it every window had the same dose
LARGEST_EXACT: Final = 7  # windows, 5,040 permutations
DRAWS: Final = 9_999

_TOLERANCE: Final = 1e-9  # sums of the same numbers in another order differ in the last digits


def dose_of(evidence: Evidence, window: Window) -> float | None:
    """Calls a second of a window: as its run told, else the mean of the trusted API rates inside it, else None."""
    length_s = window.end_s - window.start_s
    if window.calls is not None and length_s > 0:
        return window.calls / length_s
    rates = evidence.series.get(signals.API_RATE)
    if rates is None:
        return None
    inside = slice(np.searchsorted(rates.at_s, window.start_s), np.searchsorted(rates.at_s, window.end_s, "right"))
    values = rates.value[inside][~rates.suspect[inside]]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def dose_response(
    doses: Sequence[float | None], effects: Sequence[float | None], *, seed: int = 0
) -> DoseResponse | None:
    """How the effects rise with the doses; None where four windows, or two different doses, are not known.

    doses: calls a second; effects: log excess, one each a window. A window without a positive dose or a finite effect
    is left out. slope: the median of the slopes between all pairs of windows (Theil and Sen), in log excess for each
    doubling. p_value: how often ranks dealt to the windows at random agree as well as these do (Spearman), one-sided:
    all permutations for up to seven windows, else 9,999 drawn by `seed` and the actual one. Ranks, so that one bad
    window counts as one window. It holds where the dose was not chosen by what harm there was at the time.
    """
    known = [(d, e) for d, e in zip(doses, effects, strict=True) if d is not None and e is not None]
    known = [(d, e) for d, e in known if math.isfinite(d) and d > 0 and math.isfinite(e)]
    if len(known) < LEAST_WINDOWS or max(known)[0] < LEAST_SPREAD * min(known)[0]:
        return None
    from scipy.stats import theilslopes

    dose, effect = np.array(known).T
    slope = float(theilslopes(effect, np.log2(dose)).slope)
    return DoseResponse(slope=slope, p_value=_p_value(_ranks(dose), _ranks(effect), seed))


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=np.float64) - (len(values) + 1) / 2


def _p_value(dose: Floats, effect: Floats, seed: int) -> float:
    actual = float(dose @ effect)
    if len(dose) <= LARGEST_EXACT:
        return float(np.mean(effect[_deals(len(effect))] @ dose >= actual - _TOLERANCE))
    shuffled = np.random.default_rng(seed).permuted(np.tile(effect, (DRAWS, 1)), axis=1)
    return float(1 + np.count_nonzero(shuffled @ dose >= actual - _TOLERANCE)) / (DRAWS + 1)


@cache
def _deals(count: int) -> NDArray[np.intp]:
    return np.array(list(permutations(range(count))), dtype=np.intp)
