"""Steps of the monitor's wall clock: every probe's grid of slots moves by the same amount at the same moment; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.diagnosis.episodes import Stretches
from monitor.analysis.diagnosis.strands import grouped
from monitor.facts import signals
from monitor.facts.evidence import NOTHING, Evidence, Floats, Series
from monitor.facts.stretches import within

GRIDS: Final = (  # what is measured slot by slot, and told with its length
    signals.NOTIFICATION_RTT,
    signals.EDGE_RTT,
    signals.ICE_SERVERS,
    signals.ICE_GATHERING,
    signals.API,
    signals.LOOP_LAG,
)
LEAST_SLOTS: Final = 20  # of a grid, before its interval is known
LEAST_STEP_S: Final = 1.5  # less than this a slot may be late by itself
LONGEST_S: Final = 600.0  # a longer break is a night, or a monitor that was off
STEADY_SHARE: Final = 0.75  # of a grid's slots come after the usual interval, or it is no grid
LEAST_GRIDS: Final = 3
SAME_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the clock of a site's monitor. grids: probes that show it, of all that measured then."""

    at_s: float
    by_s: float
    site: int
    grids: int
    of: int


@dataclass(frozen=True, slots=True)
class _Grid:
    """One probe's slots: their times, and by how much each came off the usual interval after the one before."""

    site: int
    at_s: Floats
    off_s: Floats
    interval_s: float


def steps(evidence: Evidence, lag: Stretches) -> list[Step]:
    """Every step that at least three probes of a site agree on. Slots in stretches of own lag prove nothing.

    A step by a multiple of every interval looks like a pause, and is not found. A monitor that started anew counts its
    slots anew as well, and is known by its sign-in.
    """
    grids = list(_grids(evidence, lag))
    found: list[Step] = []
    for site in sorted({grid.site for grid in grids}):
        found += _of_site([grid for grid in grids if grid.site == site], _restarts(evidence, site))
    return sorted(found, key=lambda step: step.at_s)


def _grids(evidence: Evidence, lag: Stretches) -> Iterator[_Grid]:
    for name in GRIDS:
        series = evidence.series.get(name)
        if series is None:
            continue
        rows = series.where((series.probe != NOTHING) & ~np.isnan(series.value))
        groups = grouped(rows, ("site", "probe", "target"))
        for one in np.unique(groups):
            yield from _grid(name, rows.where(groups == one), lag)


def _grid(name: str, rows: Series, lag: Stretches) -> Iterator[_Grid]:
    if len(rows) < LEAST_SLOTS:
        return
    length_s = np.zeros(len(rows)) if name == signals.LOOP_LAG else rows.value
    start_s = np.sort(rows.at_s - length_s)
    apart_s = np.diff(start_s)
    interval_s = float(np.median(apart_s))
    if interval_s <= 2 * LEAST_STEP_S or (np.abs(apart_s - interval_s) < LEAST_STEP_S).mean() < STEADY_SHARE:
        return
    site = int(rows.site[0])
    trusted = ~within(start_s[1:], lag.at(site, 90.0, 90.0))
    yield _Grid(site, start_s[1:][trusted], (apart_s - interval_s)[trusted], interval_s)


def _of_site(grids: list[_Grid], restarts_s: Floats) -> Iterator[Step]:
    """The moments at which grids came off together, each told once."""
    if len(grids) < LEAST_GRIDS:
        return
    moved = [(at_s, off_s, n) for n, grid in enumerate(grids) for at_s, off_s in _moves(grid)]
    moved.sort()
    reach_s = 2 * max(grid.interval_s for grid in grids)
    begin = 0
    for end in range(1, len(moved) + 1):
        if (
            end < len(moved)
            and moved[end][0] - moved[end - 1][0] <= reach_s
            and moved[end][0] < moved[begin][0] + reach_s
        ):
            continue
        yield from _agreed(moved[begin:end], grids, restarts_s, reach_s)
        begin = end


def _moves(grid: _Grid) -> list[tuple[float, float]]:
    """Where the grid itself moved: off by what is no whole number of slots."""
    phase_s = grid.off_s - grid.interval_s * np.round(grid.off_s / grid.interval_s)
    moved = (np.abs(phase_s) > LEAST_STEP_S) & (np.abs(grid.off_s) < LONGEST_S)
    return list(zip(grid.at_s[moved].tolist(), grid.off_s[moved].tolist(), strict=True))


def _agreed(
    moved: list[tuple[float, float, int]], grids: list[_Grid], restarts_s: Floats, reach_s: float
) -> Iterator[Step]:
    off_s = np.array([off for _, off, _ in moved])
    of_grid = np.array([n for _, _, n in moved])
    best = max(off_s.tolist(), key=lambda one: len(set(of_grid[np.abs(off_s - one) < SAME_S].tolist())))
    agree = set(of_grid[np.abs(off_s - best) < SAME_S].tolist())
    seen = set(of_grid.tolist())
    first_s, last_s = moved[0][0], moved[-1][0]
    anew = ((restarts_s > first_s - reach_s) & (restarts_s < last_s + reach_s)).any()
    if len(agree) >= LEAST_GRIDS and 2 * len(agree) > len(seen) and not anew:
        yield Step(first_s, float(best), grids[0].site, len(agree), len(grids))


def _restarts(evidence: Evidence, site: int) -> Floats:
    """When the monitor's own softphone signed in."""
    rows = evidence.series.get(signals.phase_signal("sasl"))
    return np.zeros(0) if rows is None else rows.at_s[rows.site == site]
