"""What forbids blame: the monitor's own lag, its loopback control, and suspect periods; nothing else does; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from monitor.analysis.verdict.coverage import at_site
from monitor.analysis.verdict.observed import LATENCIES, Observed
from monitor.analysis.verdict.placed import Placed
from monitor.facts import signals
from monitor.facts.evidence import Floats, Series, merged

LEAST_RISE_S: Final = 0.010  # lag that rose by less explains nothing an agent could notice
SHARE_OF_RISE: Final = 0.25  # of the slow-down to be explained
SUSPECT_SHARE: Final = 0.25  # of the windows' time, or of their samples
NEAR_S: Final = 3600.0  # beside a window: so long before and after


def vetoes(observed: Observed, placed: Sequence[Placed], harmed: Sequence[str]) -> Iterator[str]:
    """Why nobody must be blamed, one sentence each. harmed: the outcomes that stand out."""
    windows = [(one.start_s, one.end_s) for one in placed if one.treated]
    slower_s = [_rise_s(observed, signal, windows) for signal in LATENCIES if signal in harmed]
    limit_s = max(LEAST_RISE_S, SHARE_OF_RISE * min(slower_s, default=0.0))
    for signal, words in ((signals.LOOP_LAG, "own loop lag"), (signals.LOOPBACK_RTT, "the loopback control")):
        rise_s = _rise_s(observed, signal, windows)
        if rise_s > limit_s:
            yield f"{words} rose in the windows by {rise_s * 1000:.0f} ms: the monitor itself may explain what it saw"
    share = _suspect_share(observed, windows)
    if share > SUSPECT_SHARE:
        yield f"{share:.0%} of the windows' time is suspect of the monitor's own trouble"
    samples, suspect = _samples_in(observed, windows)
    if suspect > SUSPECT_SHARE * max(1.0, samples):
        yield f"{suspect:.0f} of {samples:.0f} samples in the windows are suspect of own lag"


def _rise_s(observed: Observed, signal: str, windows: Sequence[tuple[float, float]]) -> float:
    """How much the mean is higher in windows than in the hours beside them, 0 where it was not measured."""
    series = observed.evidence.series.get(signal)
    if series is None:
        return 0.0
    measured = series.where(~np.isnan(series.value))
    inside = measured.where(_within(measured.at_s, windows))
    beside = measured.where(_within(measured.at_s, merged((a - NEAR_S, b + NEAR_S) for a, b in windows)))
    beside = beside.where(~_within(beside.at_s, windows))
    if not len(inside):
        return 0.0
    return _mean(inside) - (_mean(beside) if len(beside) else 0.0)


def _suspect_share(observed: Observed, windows: Sequence[tuple[float, float]]) -> float:
    """Of the windows' time at all sites that is suspect."""
    sites = observed.evidence.sites or ("",)
    total = sum(b - a for a, b in windows) * len(sites)
    lost = 0.0
    for site in sites:
        suspects = merged(at_site(observed.evidence.suspects, site))
        lost += sum(max(0.0, min(b, d) - max(a, c)) for a, b in windows for c, d in suspects)
    return lost / total if total > 0 else 0.0


def _samples_in(observed: Observed, windows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """How many samples of the latencies lie in windows, and how many of them are suspect."""
    total = suspect = 0.0
    for signal in LATENCIES:
        series = observed.evidence.series.get(signal)
        if series is not None:
            inside = series.where(_within(series.at_s, windows))
            total += float(inside.weight.sum())
            suspect += float(inside.weight[inside.suspect].sum())
    return total, suspect


def _within(at_s: Floats, windows: Sequence[tuple[float, float]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    edges = np.array([edge for window in merged(windows) for edge in window])
    return np.asarray(np.searchsorted(edges, at_s, side="right") % 2 == 1)


def _mean(series: Series) -> float:
    return float(np.average(series.value, weights=series.weight))
