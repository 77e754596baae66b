"""Counters between scrapes: resets, series that appear, buckets, and which outcome has which value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.outputs.sources.prometheus.counts import (
    bucket_increments,
    increments,
    measured_between,
    on_grid,
    paired,
    representative,
    resets,
)

NAN = math.nan


def column(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Values on a grid."""
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("values", "raised"),
    [
        ((3, 3, 5, 9), (0, 0, 2, 4)),
        ((3, 5, 1, 4), (0, 2, 1, 3)),  # the target was restarted: it counts from 0 again
        ((NAN, NAN, 2, 2), (0, 0, 2, 0)),  # a status that came up: its first sample is its first count
        ((3, NAN, NAN, 7), (0, 0, 0, 4)),  # scraped, and not there for a while
        ((5,), (0,)),
        ((), ()),
    ],
)
def test_what_was_counted_between_two_scrapes(values: tuple[float, ...], raised: tuple[float, ...]) -> None:
    assert increments(column(*values)).tolist() == list(raised)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_without_resets_nothing_is_lost(steps: list[int]) -> None:
    assert increments(np.cumsum([0.0, *steps])).sum() == sum(steps)


def test_a_reset_of_a_histogram_is_seen_by_its_largest_bucket() -> None:
    buckets = {0.1: column(1, 5), math.inf: column(100, 20)}  # the small bucket alone seems to have grown by 4
    assert resets(buckets[math.inf]).tolist() == [False, True]
    edges, rows = bucket_increments(buckets)
    assert edges == [0.1, math.inf]
    assert rows.tolist() == [[0, 5], [0, 15]]


def test_buckets_become_the_values_that_fell_between_their_edges() -> None:
    rows = bucket_increments({0.1: column(0, 1), 0.5: column(0, 3), math.inf: column(0, 4)})
    assert measured_between(*rows, 1, (0.1, 0.5)) == [(0.05, 1.0), (pytest.approx(math.sqrt(0.05)), 2.0), (0.5, 1.0)]
    assert measured_between(*rows, 1, (0.1, 0.5), floor=0.1) == [(pytest.approx(math.sqrt(0.05)), 2.0), (0.5, 1.0)]


def test_an_edge_that_never_counted_anything_still_bounds_its_neighbour() -> None:
    rows = bucket_increments({0.5: column(0, 3), math.inf: column(0, 3)})
    assert measured_between(*rows, 1, (0.1, 0.25, 0.5)) == [(pytest.approx(math.sqrt(0.125)), 3.0)]


@pytest.mark.parametrize(("lower", "upper", "value"), [(0.0, 0.0, 0.0), (0.0, 0.1, 0.05), (2.0, math.inf, 2.0)])
def test_buckets_at_the_ends(lower: float, upper: float, value: float) -> None:
    assert representative(lower, upper) == value


def test_values_go_to_outcomes_in_order_and_none_gets_lost() -> None:
    measured = [(0.01, 3.0), (0.2, 2.0)]
    assert list(paired(measured, [("empty", 1.0), ("ok", 3.0), ("host_only", 4.0)], "ok")) == [
        ("empty", 0.01, 1.0),
        ("ok", 0.01, 2.0),
        ("ok", 0.2, 1.0),
        ("host_only", 0.2, 1.0),
        ("host_only", None, 3.0),
    ]
    assert list(paired(measured, [], "ok")) == [("ok", 0.01, 3.0), ("ok", 0.2, 2.0)]


def test_a_series_is_put_on_the_scrapes_of_its_target() -> None:
    grid = column(10, 20, 30)
    np.testing.assert_array_equal(on_grid(column(20, 25, 99), column(1, 2, 3), grid), column(NAN, 1, NAN))
