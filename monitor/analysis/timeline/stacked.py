"""The publish windows laid over one another by their start, against the same clock time on other days; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.timeline.measures import MEASURES, SHARES, Attempts, harm, measures, quantile
from monitor.analysis.timeline.places import Places, mean_of
from monitor.facts.evidence import Evidence, Floats

BEFORE_S: Final = 1800.0
AFTER_S: Final = 1800.0  # at least, and so long after the end of the longest window
MOST_AFTER_S: Final = 4 * 3600.0
BUCKETS: Final = 40
STEPS_S: Final = (60.0, 120.0, 180.0, 300.0, 600.0)
WIDER: Final = (1, 2, 3, 5)
FILLED: Final = 0.9  # of the buckets
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Spread:
    """What one group of days shows, a figure a bucket, None where nothing was measured, infinity among failures.

    Of drops, and of signals of which the share counts, middle is the mean and low and high are empty.
    """

    middle: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """One signal in one phase: how many attempts, how many of them failed, and two quantiles of the attempts."""

    attempts: int
    failed: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One signal, `drops` among them. edges_s: of its buckets, wider for what is seldom measured.

    in_windows: all attempts from the start to the end of the tail; in_others: the same on other days.
    """

    signal: str
    edges_s: tuple[float, ...]
    windows: Spread
    others: Spread
    in_windows: Phase | None = None
    in_others: Phase | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """Panels over one axis: edges_s are seconds after the start. windows, others: how many lie upon one another."""

    edges_s: tuple[float, ...]
    windows: int
    others: int
    length_s: float
    panels: tuple[Panel, ...]


def stacked(evidence: Evidence, places: Places) -> Stack | None:
    """The stack; None without a window. length_s: the median length of the windows."""
    if not places.windows:
        return None
    after_s = min(MOST_AFTER_S, places.longest_s + places.tail_s + AFTER_S)
    step_s = next((step for step in STEPS_S if (BEFORE_S + after_s) / step <= BUCKETS), STEPS_S[-1])
    edges = np.arange(-BEFORE_S, math.ceil(after_s / step_s) * step_s + 1.0, step_s)
    length_s = float(np.median([one.last_s - one.start_s for one in places.windows]))
    signals = (_panel(one, places, edges, length_s) for one in measures(evidence))
    panels = (_drops(evidence, places, edges), *(one for one in signals if _shows(one)))
    return Stack(tuple(edges.tolist()), len(places.windows), len(places.others), length_s, panels)


def missed(evidence: Evidence, stack: Stack) -> tuple[str, ...]:
    """Signals that were measured, and of which no attempt that may be trusted lies in a window or its tail."""
    near = {one.signal for one in stack.panels if one.in_windows is not None and one.in_windows.attempts}
    return tuple(name for name in MEASURES if len(evidence.series.get(name, ())) and name not in near)


def _shows(panel: Panel) -> bool:
    """Whether there is anything to draw: not where all was left out as suspect, or lies elsewhere."""
    return any(value is not None for spread in (panel.windows, panel.others) for value in spread.middle)


def _drops(evidence: Evidence, places: Places, edges: Floats) -> Panel:
    """Drops a bucket on an average day, at the moment they were noticed."""
    noticed_s = harm(evidence).noticed_s
    windows, others = (_mean_count(noticed_s, starts_s, edges) for starts_s in (places.starts_s, places.others))
    return Panel("drops", tuple(edges.tolist()), windows, others)


def _mean_count(noticed_s: Floats, starts_s: Floats, edges: Floats) -> Spread:
    lags, _ = _lagged(noticed_s, noticed_s, starts_s, edges)
    counts = np.histogram(lags, edges)[0] / max(1, len(starts_s))
    return Spread(tuple(counts.tolist()) if len(starts_s) else (None,) * (len(edges) - 1))


def _panel(attempts: Attempts, places: Places, edges: Floats, length_s: float) -> Panel:
    near = [_lagged(attempts.at_s, attempts.value, starts_s, edges) for starts_s in (places.starts_s, places.others)]
    edges = _wide_enough(near[0][0], edges)
    windows, others = (_spread(attempts.signal, lags, values, edges) for lags, values in near)
    inside = [values[(lags >= 0) & (lags < length_s + places.tail_s)] for lags, values in near]
    in_windows, in_others = (phase_of(Attempts(attempts.signal, values, values)) for values in inside)
    return Panel(attempts.signal, tuple(edges.tolist()), windows, others, in_windows, in_others)


def _wide_enough(lags: Floats, edges: Floats) -> Floats:
    """Buckets of which nearly all have an attempt, where there are enough of them; never one across the start."""
    start = int(np.searchsorted(edges, 0.0))
    for times in WIDER:
        wide = np.concatenate([edges[start % times : start : times], edges[start::times]])
        if np.count_nonzero(np.histogram(lags, wide)[0]) >= FILLED * (len(wide) - 1):
            return wide
    return wide


def phase_of(attempts: Attempts) -> Phase:
    """Counts and quantiles of some attempts."""
    values, failed = attempts.value, int(attempts.failed.sum())
    if attempts.signal in SHARES:
        return Phase(len(values), failed, None, None)
    return Phase(len(values), failed, quantile(values, MIDDLE), quantile(values, HIGH))


def _spread(signal: str, lags: Floats, values: Floats, edges: Floats) -> Spread:
    order = np.argsort(lags, kind="stable")
    parts = np.split(values[order], np.searchsorted(lags[order], edges))[1:-1]
    if signal in SHARES:
        return Spread(tuple(mean_of(part) for part in parts))
    middle, low, high = (tuple(quantile(part, share) for part in parts) for share in (MIDDLE, LOW, HIGH))
    return Spread(middle, low, high)


def _lagged(at_s: Floats, values: Floats, starts_s: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """Seconds after each start, and the value, of all that lies near it."""
    lags, found = [np.zeros(0)], [np.zeros(0)]
    for start_s in starts_s.tolist():
        rows = slice(*np.searchsorted(at_s, (start_s + edges[0], start_s + edges[-1])))
        lags.append(at_s[rows] - start_s)
        found.append(values[rows])
    return np.concatenate(lags), np.concatenate(found)
