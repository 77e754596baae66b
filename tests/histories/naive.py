"""What one would do without thinking: counts as Poisson, the window against the rest. Shown beside the verdict."""

from __future__ import annotations

import numpy as np
from scipy import stats

from monitor.analysis.verdict.rules import TAIL_S
from monitor.facts.evidence import Evidence
from tests.histories.calendar import HOUR_S, Days, days_of
from tests.histories.plan import Weeks


def against_the_day(found: Evidence, plan: Weeks) -> float:
    """p of as many drops in the windows, were they spread evenly over the working hours."""
    hours = (plan.hours[1] - plan.hours[0]) * int(np.sum(days_of(plan).begin_s < _end_s(found)))
    inside, length_s = _inside(found)
    return _poisson(inside, length_s, len(found.drops), hours * HOUR_S)


def same_clock_time(found: Evidence, plan: Weeks) -> float:
    """p of as many drops in the windows, were they as many as at the same time of the other days."""
    days = days_of(plan)
    inside, length_s = _inside(found)
    spans = [_same_time(days, window.start_s, window.end_s + TAIL_S, _end_s(found)) for window in found.windows]
    edges = np.concatenate(spans) if spans else np.zeros((0, 2))
    other = float(sum(_count(found, first_s, last_s) for first_s, last_s in edges)) / max(1, len(found.windows))
    other_s = float(np.sum(edges[:, 1] - edges[:, 0])) / max(1, len(found.windows))
    return _poisson(inside, length_s, inside + other, length_s + other_s)


def _same_time(
    days: Days, first_s: float, last_s: float, known_s: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    day = int(np.searchsorted(days.midnight_s, first_s, side="right")) - 1
    others = days.midnight_s[(days.weekday != days.weekday[day]) & (days.begin_s < known_s)] - days.midnight_s[day]
    return np.stack([first_s + others, last_s + others], axis=1)


def _inside(found: Evidence) -> tuple[float, float]:
    spans = [(window.start_s, window.end_s + TAIL_S) for window in found.windows]
    return float(sum(_count(found, *span) for span in spans)), sum(last_s - first_s for first_s, last_s in spans)


def _count(found: Evidence, first_s: float, last_s: float) -> int:
    at_s = found.drops.noticed_s
    return int(np.searchsorted(at_s, last_s) - np.searchsorted(at_s, first_s))


def _poisson(inside: float, inside_s: float, total: float, total_s: float) -> float:
    """Given the total, the number inside is binomial by the share of time: one-sided."""
    if not total or not inside_s:
        return 1.0
    return float(stats.binom.sf(inside - 1, round(total), inside_s / total_s))


def _end_s(found: Evidence) -> float:
    return np.inf if found.span is None else found.span[1]
