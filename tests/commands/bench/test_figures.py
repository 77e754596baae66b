"""Medians, ratios run by run, and the search for the largest load held."""

from __future__ import annotations

import pytest

from monitor.commands.bench.figures import holds, largest_held, ratios, share, slope, spread, summary


def test_a_summary_keeps_every_run() -> None:
    assert summary([3.0, 1.0, 2.0]) == {"median": 2.0, "runs": [3.0, 1.0, 2.0]}
    assert summary([]) == {"median": None, "runs": []}


def test_a_ratio_is_taken_within_its_run() -> None:
    assert ratios([10.0, 40.0], [1.0, 2.0]) == [10.0, 20.0]
    assert ratios([10.0, 40.0], [0.0, 2.0]) == [20.0]
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


def test_a_spread_is_of_values_that_were_there() -> None:
    values = [float(one) for one in range(1, 101)]
    assert spread(values) == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    assert spread([]) == {"p50": None, "p99": None, "max": None}


def test_a_share_of_nothing_is_none_of_it() -> None:
    assert share(0, 0) == 0.0
    assert share(1, 4) == 0.25


def test_a_slope_needs_two_moments() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
    assert slope([(0.0, 1.0), (1.0, 2.0), (2.0, 0.0), (3.0, 1.0)]) == pytest.approx(-0.2)
    assert slope([(1.0, 1.0), (1.0, 2.0)]) is None
    assert slope([]) is None


@pytest.mark.parametrize(
    ("p99_s", "max_s", "missed", "within"),
    [
        (0.004, 0.019, 0.0009, True),
        (0.005, 0.019, 0.0009, False),
        (0.004, 0.020, 0.0009, False),
        (0.004, 0.019, 0.001, False),
        (None, None, 0.0, False),
    ],
)
def test_each_limit_alone_is_enough_to_fail(
    p99_s: float | None, max_s: float | None, missed: float, within: bool
) -> None:
    assert holds(p99_s, max_s, missed) is within


@pytest.mark.parametrize("truth", [0, 49, 50, 299, 300, 449, 450, 451, 1310, 1999, 2000, 5000])
@pytest.mark.parametrize("first", [10, 300, 1950])
async def test_the_search_finds_the_largest_multiple_held(truth: int, first: int) -> None:
    tried: list[int] = []

    async def held(count: int) -> bool:
        tried.append(count)
        return count <= truth

    assert await largest_held(held, first=first, step=50, most=2000) == min(truth, 2000) // 50 * 50
    assert len(tried) == len(set(tried))
    assert max(tried) <= 2000
    assert len(tried) <= 16
