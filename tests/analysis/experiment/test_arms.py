"""The statistics of arms: exact against brute force, repeatable by seed, honest where there is nothing to say."""

from __future__ import annotations

import random
import statistics
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.experiment.arms import (
    DRAWS,
    LARGEST_EXACT,
    differences,
    estimate,
    holm,
    least_p,
    paired,
    quantile,
    sign_flip_p,
)


def brute_force(values: list[float]) -> float:
    """The share of all sign patterns whose sum is at least as far from 0."""
    actual = abs(sum(values))
    patterns = product((1, -1), repeat=len(values))
    sums = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in patterns]
    return sum(value >= actual - 1e-9 * sum(map(abs, values)) for value in sums) / len(sums)


@given(st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=9))
def test_the_sign_flip_test_is_exact(values: list[float]) -> None:
    assert sign_flip_p(values) == pytest.approx(brute_force(values))


def test_twenty_differences_of_one_sign_reach_the_least_p_there_is() -> None:
    assert sign_flip_p([1.0 + i / 10 for i in range(20)]) == pytest.approx(2**-19) == pytest.approx(least_p(20))
    assert sign_flip_p([-2.0] * 20) == pytest.approx(2**-19)


@pytest.mark.parametrize("values", [[], [0.0] * 20, [1.0, -1.0]])
def test_no_difference_is_no_evidence(values: list[float]) -> None:
    assert sign_flip_p(values) == 1.0


def test_zero_differences_neither_help_nor_hurt() -> None:
    assert sign_flip_p([3.0, 4.0, 5.0, 0.0, 0.0]) == sign_flip_p([3.0, 4.0, 5.0])


def test_many_pairs_are_drawn_and_never_reach_p_0() -> None:
    assert sign_flip_p([1.0] * (LARGEST_EXACT + 1)) == pytest.approx(1 / DRAWS)
    noise = random.Random(3)
    values = [noise.gauss(0, 1) for _ in range(LARGEST_EXACT)]
    drawn = sign_flip_p([*values, 1e-12])
    assert drawn == pytest.approx(sign_flip_p(values), abs=0.02)
    assert sign_flip_p([*values, 1e-12]) == drawn


def test_the_sign_flip_test_keeps_its_level() -> None:
    """Without any difference p <= 0.05 comes up about once in 20."""
    noise = random.Random(11)
    rejected = sum(sign_flip_p([noise.gauss(0, 1) for _ in range(10)]) <= 0.05 for _ in range(1000))
    assert 25 <= rejected <= 75


def test_bootstrap_limits_cover_the_mean_about_19_times_in_20() -> None:
    noise = random.Random(5)
    covered = 0
    for seed in range(100):
        found = estimate([noise.gauss(10, 2) for _ in range(20)], seed=seed)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.mean <= found.high
        covered += found.low <= 10 <= found.high
    assert 85 <= covered <= 100


def test_an_estimate_says_how_little_it_rests_on() -> None:
    assert estimate([]) is None
    one = estimate([4.0])
    assert one is not None
    assert (one.n, one.mean, one.low, one.high) == (1, 4.0, None, None)
    same = estimate([4.0, 4.0, 4.0])
    assert same is not None
    assert (same.low, same.high) == (4.0, 4.0)
    assert estimate([1.0, 2.0, 9.0], seed=1) == estimate([1.0, 2.0, 9.0], seed=1)


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 21)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1.0)) == (10.0, 19.0, 20.0)
    assert quantile([7.0], 0.5) == 7.0
    assert quantile([], 0.5) is None


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(st.dictionaries(st.integers(), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_adjustment_and_bonferroni_and_keeps_the_order(p_values: dict[int, float]) -> None:
    adjusted = holm(p_values)
    for key, p_value in p_values.items():
        assert p_value <= adjusted[key] <= min(1.0, len(p_values) * p_value) + 1e-12
    ordered = sorted(p_values, key=lambda key: p_values[key])
    assert [adjusted[key] for key in ordered] == sorted(adjusted.values())


def test_only_replicates_that_measured_both_are_paired() -> None:
    assert paired({1: 5.0, 2: 6.0, 3: 9.0}, {1: 4.0, 3: 1.0, 4: 0.0}) == [1.0, 8.0]


def test_differences_are_against_the_other_arm_and_adjusted_together() -> None:
    drops = {
        "burst": dict(enumerate([30.0, 40.0, 35.0, 33.0, 38.0, 31.0])),
        "batch": dict(enumerate([0.0] * 6)),
        "paced": dict(enumerate([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])),
    }
    found = differences({"drops": drops}, "batch", ["burst", "batch", "paced"])
    assert set(found) == {("burst", "drops"), ("paced", "drops")}
    burst = found["burst", "drops"]
    assert burst.mean == pytest.approx(statistics.fmean(drops["burst"].values()))
    assert burst.n == 6
    assert (burst.p_value, burst.p_adjusted) == (pytest.approx(2 / 64), pytest.approx(4 / 64))
    assert found["paced", "drops"].p_value == 1.0
    assert burst.low is not None
    assert burst.low > 29


def test_an_arm_that_measured_nothing_differs_from_nobody() -> None:
    found = differences({"drops": {"a": {1: 2.0}}}, "a", ["a", "b"])["b", "drops"]
    assert (found.n, found.mean, found.p_value) == (0, None, 1.0)
