"""The sketch: quantiles within 3 %, the largest exactly, and the same packed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.live.sketch import LEAST, Sketch

VALUES = st.lists(st.floats(LEAST, 1e4), min_size=1, max_size=200)


def sketch_of(*values: float) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@given(VALUES)
def test_the_median_is_within_three_percent_and_the_largest_exact(values: list[float]) -> None:
    sketch = sketch_of(*values)
    assert sketch.quantile(0.5) == pytest.approx(statistics.median_low(values), rel=0.03)
    assert sketch.high == max(values)
    assert sketch.quantile(1.0) == pytest.approx(max(values), rel=0.03)


@given(VALUES, VALUES)
def test_two_merged_are_as_one_of_all(one: list[float], other: list[float]) -> None:
    merged = sketch_of(*one)
    packed = sketch_of(*other)
    packed.pack()
    merged.merge(packed)
    whole = sketch_of(*one, *other)
    assert dict(merged.classes()) == dict(whole.classes())
    assert (merged.high, merged.measured) == (whole.high, whole.measured)


def test_a_packed_one_is_the_same_and_goes_on() -> None:
    sketch = sketch_of(0.1, 0.2, 0.4)
    before = dict(sketch.classes())
    sketch.pack()
    sketch.pack()
    assert dict(sketch.classes()) == before
    sketch.add(0.8)
    assert sketch.measured == sum(count for _, count in sketch.classes()) == 4


def test_nothing_is_measured_by_nothing() -> None:
    assert sketch_of(math.nan, math.inf, -1.0).quantile(0.5) is None
    assert sketch_of().high is None


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_zeros_are_zero(share: float) -> None:
    assert sketch_of(0.0, 0.0, LEAST / 10).quantile(share) == 0.0


def test_the_memory_is_bounded_whatever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    grown: Callable[[Sketch], int] = lambda sketch: len(dict(sketch.classes()))  # noqa: E731
    sketch = sketch_of(*(LEAST * 1.01**n for n in range(2400)))
    assert grown(sketch) < 500
