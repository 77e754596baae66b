"""The publish windows, and the same clock time on other days to compare them with; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.analysis.verdict.calendar import LocalCalendar, WorkDay, calendar_for
from monitor.analysis.verdict.placed import NONE_ARM
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence, Floats, Window
from monitor.facts.stretches import edges_of, merged, overlapping


@dataclass(frozen=True, slots=True)
class Places:
    """Published windows in order of time, and where each would have begun on other days.

    others: Unix seconds, each moment once. of_window: for each window those with its own clock time. tail_s: seconds
    after a window that count as the window.
    """

    windows: tuple[Window, ...]
    others: Floats
    of_window: tuple[Floats, ...]
    tail_s: float

    @property
    def starts_s(self) -> Floats:
        """When the windows began, Unix seconds."""
        return np.array([window.start_s for window in self.windows], dtype=np.float64)

    @property
    def longest_s(self) -> float:
        """The length of the longest window, in seconds."""
        return max((window.last_s - window.first_s for window in self.windows), default=0.0)


def places_of(evidence: Evidence, rules: Rules) -> Places:
    """The windows in the observed span. Other days: working days, without a window or a gap at that time."""
    windows = tuple(one for one in evidence.windows if one.arm != NONE_ARM and _meets(one, evidence))
    calendar = calendar_for(rules, [window.first_s for window in windows])
    busy = [(window.first_s, window.last_s + rules.tail_s) for window in evidence.windows]
    taken = edges_of(merged([*busy, *((gap.start_s, gap.end_s) for gap in evidence.gaps), *rules.excluded]))
    days = calendar.work_days(*evidence.span) if evidence.span else []
    found = tuple(_others(window, evidence, calendar, days, taken, rules.tail_s) for window in windows)
    every = np.unique(np.concatenate([np.zeros(0), *found]))
    return Places(windows, every, found, rules.tail_s)


def _meets(window: Window, evidence: Evidence) -> bool:
    return evidence.span is not None and window.last_s >= evidence.span[0] and window.first_s <= evidence.span[1]


def _others(
    window: Window, evidence: Evidence, calendar: LocalCalendar, days: Sequence[WorkDay], taken: Floats, tail_s: float
) -> Floats:
    """The start of a window put to every other working day."""
    if evidence.span is None:
        return np.zeros(0)
    first_s, last_s = evidence.span
    clock_s = round(calendar.clock_of(window.start_s) / 60.0) * 60.0  # to the minute: runs of one time share their days
    moments = np.array([calendar.at(day.day, clock_s) for day in days], dtype=np.float64)
    length_s = window.last_s - window.start_s + tail_s
    inside = (moments >= first_s) & (moments + length_s <= last_s)
    return np.asarray(moments[inside & ~overlapping(moments, moments + length_s, taken)])


def counts_from(starts_s: Floats, length_s: float, first_s: Floats, last_s: Floats) -> Floats:
    """For each start how many events may lie in the stretch after it. first_s, last_s: when each may have been."""
    begun = np.searchsorted(np.sort(first_s), starts_s + length_s, side="right")
    over = np.searchsorted(np.sort(last_s), starts_s, side="left")
    return np.asarray(np.maximum(0, begun - over), dtype=np.float64)


def mean_of(values: Floats | Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return float(np.mean(values)) if len(values) else None
