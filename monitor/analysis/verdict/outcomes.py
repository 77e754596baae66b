"""The outcomes that are tested, each as an excess over the adjacent hours of the same day, on a log scale; pure.

The excess of a cell (a stretch of one day) compares it with the hours around it: as a ratio, so that neither a busy
day nor the height of a daily peak looks like an effect. What the time of day alone does, the other days show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from monitor.analysis.verdict.coverage import Coverage
from monitor.facts.evidence import Evidence, Flags, Floats, Series
from monitor.facts.failures import FAULT_OF, Fault

DROPS: Final = "drops"
REACH_S: Final = 7200.0  # adjacent: so long before and after
HARM_FLOOR: Final = 1.10  # a smaller slow-down is nothing that an agent could notice
HALF: Final = 0.5  # added to observed and expected counts, so that the log of no drop exists
SHARE: Final = 0.9  # the quantile of a latency: most of what a window shows, without its one spike
FEW: Final = 3  # samples: fewer than this in a cell have no quantile worth speaking of
BEYOND: Final = float(np.log(120.0))  # where timeouts rank: above every latency that any probe waits for
# Failures of our own doing, and pings on a connection that is down already, are no latency, however long.
TROUBLES: Final = tuple(reason.value for reason, fault in FAULT_OF.items() if fault is not Fault.LOCAL)
MOST_WEIGHT: Final = 1000.0  # attempts that one row may stand for
LEAST_SHARE: Final = 0.5  # of a cell that must have been observed


@dataclass(frozen=True, slots=True)
class Cells:
    """Stretches of time, one a row. guard_s: how far the adjacent hours keep away on either side."""

    start_s: Floats
    end_s: Floats
    guard_s: Floats

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def adjacent(self) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Begin and end of the stretches before and after each cell."""
        before = self.start_s - self.guard_s - REACH_S, self.start_s - self.guard_s
        return before, (self.end_s + self.guard_s, self.end_s + self.guard_s + REACH_S)


def joined(several: Sequence[Cells]) -> Cells:
    """All cells one after another."""
    return Cells(*(np.concatenate([getattr(one, name) for one in several]) for name in Cells.__slots__))


class Outcome(Protocol):
    """One thing measured at one site, or at all where `site` is empty. floor: log ratio that is not called harm yet."""

    name: str
    site: str
    floor: float

    def excess(self, cells: Cells) -> Floats:
        """The log excess of each cell; nan where it was not measured."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """Drops in each cell, how many the adjacent hours let one expect, and the agent-hours observed in it."""

    inside: Floats
    expected: Floats
    agent_hours: Floats


class Events:
    """Counts of what happens in an interval: drops, or failures among attempts. Attributed by overlap.

    first_s, last_s: the interval each lies in, as two sorted columns. elsewhere: those that lie in no window, for the
    adjacent hours. base: cumulative exposure up to a moment, all of it and that outside windows.
    """

    def __init__(self, first_s: Floats, last_s: Floats, in_window: Flags, weight: Floats | None = None) -> None:
        weights = np.ones(len(first_s)) if weight is None else weight
        self._first, self._first_sum = _cumulative(first_s, weights)
        self._last, self._last_sum = _cumulative(last_s, weights)
        out = ~in_window
        self._out_first, self._out_first_sum = _cumulative(first_s[out], weights[out])
        self._out_last, self._out_last_sum = _cumulative(last_s[out], weights[out])

    @property
    def outside(self) -> float:
        """Events that lie in no window."""
        return float(self._out_first_sum[-1])

    def inside(self, start_s: Floats, end_s: Floats) -> Floats:
        """Events that may lie in each stretch."""
        begun = self._first_sum[np.searchsorted(self._first, end_s, side="right")]
        over = self._last_sum[np.searchsorted(self._last, start_s, side="left")]
        return np.maximum(0.0, begun - over)

    def adjacent(self, cells: Cells) -> Floats:
        """Events outside of all windows that were over before the cell, or began after it, within reach."""
        (a, b), (c, d) = cells.adjacent
        before = _between(self._out_last, self._out_last_sum, a, b)
        return before + _between(self._out_first, self._out_first_sum, c, d)


class DropOutcome:
    """Drops for each agent-hour. coverage: observed time; outside: the same without any window."""

    floor = 0.0
    name = DROPS

    def __init__(self, site: str, parts: list[tuple[Events, Coverage, Coverage]]) -> None:
        """parts: the events and both coverages of each site that is pooled here."""
        self.site = site
        self._parts = parts

    def counts(self, cells: Cells) -> Counts:
        """What is in each cell and what was to be expected: the sum over sites, each by its own adjacent hours."""
        inside, expected, agent_hours = np.zeros((3, len(cells)))
        for events, covered, free in self._parts:
            hours = covered.agent_hours(cells.start_s, cells.end_s)
            around_hours = _hours_around(free, cells)
            usual = np.full(len(cells), _overall_rate(events, free))
            rate = np.divide(events.adjacent(cells), around_hours, out=usual, where=around_hours > hours)
            inside += events.inside(cells.start_s, cells.end_s)
            expected += rate * hours
            agent_hours += hours
        return Counts(inside, expected, agent_hours)

    def happened(self, cells: Cells) -> Floats:
        """Drops that may lie in each cell."""
        return self.counts(cells).inside

    def excess(self, cells: Cells) -> Floats:
        """As Outcome says."""
        counts = self.counts(cells)
        return np.where(counts.agent_hours > 0, _log_excess(counts.inside, counts.expected), np.nan)


class FailureOutcome:
    """The share of attempts that failed, such as gatherings."""

    floor = 0.0

    def __init__(self, name: str, site: str, at_s: Floats, failed: Floats, tried: Floats, in_window: Flags) -> None:
        """at_s: when each attempt was complete, in order; failed, tried: how many attempts each row stands for."""
        self.name = name
        self.site = site
        self._failed = Events(at_s, at_s, in_window, failed)
        self._tried = Events(at_s, at_s, in_window, tried)

    def happened(self, cells: Cells) -> Floats:
        """Attempts in each cell that failed."""
        return self._failed.inside(cells.start_s, cells.end_s)

    def none_failed(self, cells: Cells) -> bool:
        """Whether no attempt failed in the cells or in their adjacent hours: then no ratio exists."""
        return not self.happened(cells).any() and not self._failed.adjacent(cells).any()

    def excess(self, cells: Cells) -> Floats:
        """As Outcome says."""
        tried = self._tried.inside(cells.start_s, cells.end_s)
        around = self._tried.adjacent(cells)
        share = np.divide(self._failed.adjacent(cells), around, out=np.zeros(len(cells)), where=around > 0)
        failed = self.happened(cells)
        return np.where((tried > 0) & (around > 0), _log_excess(failed, share * tried), np.nan)


class LatencyOutcome:
    """A high quantile of a latency. An attempt that timed out ranks above every latency measured, without being one."""

    floor = float(np.log(HARM_FLOOR))

    def __init__(self, name: str, site: str, at_s: Floats, log_value: Floats, in_window: Flags) -> None:
        """at_s in order; log_value: of each attempt, BEYOND for each that failed."""
        self.name = name
        self.site = site
        self._all = at_s, log_value
        self._out = at_s[~in_window], log_value[~in_window]

    def timed_out(self, start_s: Floats, end_s: Floats) -> bool:
        """Whether so much timed out in any of these stretches that its latency lies beyond what was measured."""
        at_s, values = self._all
        low, high = np.searchsorted(at_s, start_s), np.searchsorted(at_s, end_s, side="right")
        return any(_quantile(values[a:b]) >= BEYOND for a, b in zip(low, high, strict=True) if b - a >= FEW)

    def excess(self, cells: Cells) -> Floats:
        """As Outcome says."""
        (a, b), (c, d) = cells.adjacent
        found = np.full(len(cells), np.nan)
        at_s, values = self._all
        low, high = np.searchsorted(at_s, cells.start_s), np.searchsorted(at_s, cells.end_s, side="right")
        out_s, out = self._out
        around = [np.searchsorted(out_s, edge) for edge in (a, b, c, d)]
        for row in np.flatnonzero(high - low >= FEW):
            near = np.concatenate([out[around[0][row] : around[1][row]], out[around[2][row] : around[3][row]]])
            if len(near) >= FEW:
                found[row] = _quantile(values[low[row] : high[row]]) - _quantile(near)
        return found


def log_latencies(series: Series, evidence: Evidence) -> tuple[Floats, Floats]:
    """When, and the log of how long, of every attempt that was answered or failed through no fault of ours."""
    failed = np.isin(series.outcome, evidence.codes(TROUBLES)) & np.isnan(series.value)
    usable = failed | ((series.value > 0) & np.isfinite(series.value))
    chosen = series.where(usable)
    if len(chosen) == 0:
        return chosen.at_s, chosen.value
    measured = chosen.value > 0
    values = np.where(measured, np.log(np.where(measured, chosen.value, 1.0)), BEYOND)
    times = np.clip(np.rint(np.nan_to_num(chosen.weight)), 1, MOST_WEIGHT).astype(np.intp)
    return (chosen.at_s, values) if (times == 1).all() else (np.repeat(chosen.at_s, times), np.repeat(values, times))


def _log_excess(inside: Floats, expected: Floats) -> Floats:
    """Log of observed over expected, where expected is first brought to the level of all cells together.

    Without that, a time of day at which drops peak would show a larger excess on a busy day than on a quiet one, as
    the half that is added weighs less there.
    """
    level = inside.sum() / expected.sum() if inside.sum() > 0 and expected.sum() > 0 else 1.0
    return np.asarray(np.log((inside + HALF) / (level * expected + HALF)))


def _quantile(values: Floats) -> float:
    place = min(len(values) - 1, int(SHARE * len(values)))
    return float(np.partition(values, place)[place])


def _cumulative(at_s: Floats, weight: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(at_s, kind="stable")
    return at_s[order], np.concatenate([[0.0], np.cumsum(weight[order])])


def _between(at_s: Floats, sums: Floats, start_s: Floats, end_s: Floats) -> Floats:
    found: Floats = sums[np.searchsorted(at_s, end_s)] - sums[np.searchsorted(at_s, start_s)]
    return found


def _hours_around(coverage: Coverage, cells: Cells) -> Floats:
    (a, b), (c, d) = cells.adjacent
    return coverage.agent_hours(a, b) + coverage.agent_hours(c, d)


def _overall_rate(events: Events, free: Coverage) -> float:
    """Drops an agent-hour outside of all windows, for a cell that has no adjacent hours."""
    return events.outside / free.hours if free.hours > 0 else 0.0
