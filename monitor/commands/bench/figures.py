"""The bench's arithmetic: medians with every run's value, spreads, the search for the largest load held. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence

from monitor.commands.bench.line_truth import quantile

Summary = dict[str, object]

LAG_P99_S, LAG_MAX_S, MISSED_SHARE = 0.005, 0.020, 0.001


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Median, p99 and largest; all None of no values."""
    if not values:
        return {"p50": None, "p99": None, "max": None}
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": max(values)}


def summary(values: Sequence[float]) -> Summary:
    """The median of several runs beside every run's value; of no run the median is None."""
    return {"median": statistics.median(values) if values else None, "runs": [float(f"{one:.6g}") for one in values]}


def ratios(upper: Sequence[float], lower: Sequence[float]) -> list[float]:
    """Run by run, so that what slowed a whole run down is in both parts of its ratio."""
    return [over / under for over, under in zip(upper, lower, strict=True) if under]


def share(part: float, whole: float) -> float:
    """Part of whole, 0 of nothing."""
    return part / whole if whole else 0.0


def holds(lag_p99_s: float | None, lag_max_s: float | None, missed_share: float) -> bool:
    """Whether a load is within the limits: lag p99 and largest, and the share of 20 ms slots missed."""
    if lag_p99_s is None or lag_max_s is None:
        return False
    return lag_p99_s < LAG_P99_S and lag_max_s < LAG_MAX_S and missed_share < MISSED_SHARE


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """By how much the second number grows with the first: a least-squares line's. None without two firsts."""
    if len({first for first, _ in points}) < 2:
        return None
    return statistics.linear_regression(*zip(*points, strict=True)).slope


async def largest_held(
    held: Callable[[int], Awaitable[bool]], *, first: int, step: int, growth: float = 1.5, most: int = 2000
) -> int:
    """The largest multiple of `step`, up to `most`, for which `held` is true; 0 when not even `step` is.

    first: where the search begins. It goes up by `growth` until something does not hold, then halves what is left.
    """
    good, bad, tried = 0, most // step + 1, max(1, first // step)
    while tried < bad:
        if await held(tried * step):
            good, tried = tried, max(tried + 1, int(tried * growth))
        else:
            bad = tried
    tried = (good + bad) // 2 if bad - good > 1 else 0
    while tried:
        if await held(tried * step):
            good = tried
        else:
            bad = tried
        tried = (good + bad) // 2 if bad - good > 1 else 0
    return good * step
