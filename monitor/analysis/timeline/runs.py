"""Each publish window by itself: its drops, those at the same time of other days, how slow things were; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.timeline.measures import Attempts, harm, measures, quantile
from monitor.analysis.timeline.places import Places, counts_from, mean_of
from monitor.analysis.timeline.stacked import BEFORE_S
from monitor.facts.evidence import Drops, Evidence, Floats, Window
from monitor.facts.signals import ICE_GATHERING, ICE_SERVERS, WS_RTT

SLOW: Final = 0.95
COLUMNS: Final = 240  # of a raw picture: of more samples the lowest and the highest of each column are kept
AFTER_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One window with its tail.

    drops: in it. usual: mean of the same clock time on other days, None without any. ping_s, fetch_s: 95th percentile,
    infinity where that lies among failures, None where not measured. gatherings: failed and tried.
    """

    window: Window
    drops: float
    usual: float | None
    ping_s: float | None
    fetch_s: float | None
    gatherings: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Raw:
    """One window as it was measured. Seconds after its start: drops_s, and each signal's attempts with their values."""

    window: Window
    from_s: float
    to_s: float
    drops_s: tuple[float, ...]
    signals: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]
    thinned: bool


def run_figures(evidence: Evidence, places: Places) -> tuple[RunFigures, ...]:
    """The figures of every window, in order of time."""
    drops = harm(evidence)
    measured = {one.signal: one for one in measures(evidence)}
    return tuple(
        _figures(window, others, drops, measured, places.tail_s)
        for window, others in zip(places.windows, places.of_window, strict=True)
    )


def worst(figures: Sequence[RunFigures]) -> RunFigures | None:
    """The one with most drops, then the slowest pings, then the latest."""
    return max(figures, key=lambda one: (one.drops, one.ping_s or 0.0, one.window.start_s), default=None)


def raw_of(evidence: Evidence, window: Window, tail_s: float) -> Raw:
    """A window with half an hour before it and after its end."""
    from_s, to_s = -BEFORE_S, window.last_s - window.start_s + max(AFTER_S, tail_s)
    start_s = window.start_s
    noticed_s = harm(evidence).noticed_s
    near = noticed_s[slice(*np.searchsorted(noticed_s, (start_s + from_s, start_s + to_s)))]
    parts = [one.between(start_s + from_s, start_s + to_s) for one in measures(evidence)]
    thin = [_thinned(one) for one in parts]
    told = tuple((one.signal, tuple((one.at_s - start_s).tolist()), tuple(one.value.tolist())) for one in thin)
    thinned = any(len(few.at_s) < len(every.at_s) for few, every in zip(thin, parts, strict=True))
    return Raw(window, from_s, to_s, tuple((near - start_s).tolist()), told, thinned)


def _figures(window: Window, others: Floats, drops: Drops, measured: dict[str, Attempts], tail_s: float) -> RunFigures:
    length_s = window.last_s - window.first_s + tail_s
    count = counts_from(np.array([window.first_s]), length_s, drops.last_good_s, drops.noticed_s)
    usual = counts_from(others, length_s, drops.last_good_s, drops.noticed_s)
    here = {name: one.between(window.first_s, window.first_s + length_s) for name, one in measured.items()}
    slow = {name: quantile(one.value, SLOW) for name, one in here.items()}
    gathered = here.get(ICE_GATHERING)
    tried = (int(gathered.failed.sum()), len(gathered.value)) if gathered is not None else (0, 0)
    return RunFigures(window, float(count[0]), mean_of(usual), slow.get(WS_RTT), slow.get(ICE_SERVERS), tried)


def _thinned(one: Attempts) -> Attempts:
    """Few enough to draw: of each column the lowest and the highest."""
    if len(one.at_s) <= 2 * COLUMNS:
        return one
    parts = np.array_split(np.arange(len(one.at_s)), COLUMNS)
    kept = sorted({int(part[pick(one.value[part])]) for part in parts for pick in (np.argmin, np.argmax)})
    return Attempts(one.signal, one.at_s[kept], one.value[kept])
