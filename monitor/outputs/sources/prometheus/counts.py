"""Counters and histograms, read at scrapes, to what happened between two of them; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from monitor.facts.evidence import Flags, Floats

Counted = tuple[float, float]  # value, how many


def on_grid(times_s: Floats, values: Floats, grid_s: Floats) -> Floats:
    """The values of a series at its target's scrapes, nan where it has none. grid_s: in order, all of `times_s`."""
    column = np.full(len(grid_s), np.nan)
    place = np.minimum(np.searchsorted(grid_s, times_s), len(grid_s) - 1)
    known = grid_s[place] == times_s
    column[place[known]] = values[known]
    return column


def resets(values: Floats) -> Flags:
    """Where a counter begins anew: it is lower than at the last scrape that has it."""
    return values < _before(values)


def increments(values: Floats, reset: Flags | None = None) -> Floats:
    """How much a counter was raised between each scrape and the one before; 0 where that is not known.

    values: on a grid of scrapes, nan where the series was not there. A series that appears counts from 0, as its target
    was scraped before without it; at the first scrape of all nothing is known of it. reset: as `resets`, by default.
    """
    begun = resets(values) if reset is None else reset
    before = np.where(begun, 0.0, np.nan_to_num(_before(values)))
    raised = np.nan_to_num(values - before)
    raised[:1] = 0.0
    return np.maximum(raised, 0.0)


def bucket_increments(by_edge: Mapping[float, Floats]) -> tuple[list[float], Floats]:
    """How many values fell between two edges between two scrapes.

    by_edge: upper edge -> cumulative counts on the grid; edges that never counted anything may be missing, infinity may
    not. Returns the edges in order, and a row of increments for each.
    """
    edges = sorted(by_edge)
    reset = resets(by_edge[edges[-1]])
    cumulative = np.array([increments(by_edge[edge], reset) for edge in edges])
    return edges, np.maximum(np.diff(cumulative, axis=0, prepend=0.0), 0.0)


def representative(lower: float, upper: float) -> float:
    """The value that stands for a bucket: the geometric mean of its edges.

    The first bucket, which has no lower edge above 0, is stood for by half of its edge; the last one by its lower edge.
    """
    if math.isinf(upper):
        return lower
    return math.sqrt(lower * upper) if lower > 0 else upper / 2 if upper > 0 else upper


def measured_between(
    edges: Sequence[float], rows: Floats, step: int, every: Sequence[float], floor: float = 0.0
) -> list[Counted]:
    """The values measured before one scrape, the smallest first: a representative of each bucket, and how many.

    every: all edges of the histogram, as a missing one would make its neighbour seem wider. floor: buckets that begin
    below it are left out.
    """
    found: list[Counted] = []
    for edge, row in zip(edges, rows, strict=True):
        lower = max((one for one in every if one < edge), default=0.0)
        if row[step] > 0 and lower >= floor:
            found.append((representative(lower, edge), float(row[step])))
    return found


def paired(
    measured: Sequence[Counted], outcomes: Sequence[tuple[str, float]], default: str
) -> Iterator[tuple[str, float | None, float]]:
    """Each outcome with its value and how many; value None for those that none is left for.

    A histogram and a counter tell of the same attempts, but not which value belongs to which outcome: the smallest
    values go to the first outcomes. Values without an outcome, as a scrape falls between the two, get the default.
    """
    left = list(measured)
    for outcome, count in outcomes:
        missing = count
        while left and missing > 0:
            value, many = left.pop(0)
            taken = min(many, missing)
            yield outcome, value, taken
            missing -= taken
            if many > taken:
                left.insert(0, (value, many - taken))
        if missing > 0:
            yield outcome, None, missing
    for value, many in left:
        yield default, value, many


def _before(values: Floats) -> Floats:
    """The last known value before each place, nan where there is none."""
    known = np.where(np.isnan(values), -1, np.arange(len(values)))
    last = np.concatenate([[-1], np.maximum.accumulate(known)[:-1]]) if len(values) else known
    return np.where(last >= 0, values[last], np.nan)
