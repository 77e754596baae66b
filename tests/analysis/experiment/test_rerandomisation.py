"""The re-randomisation test is exact: checked against enumeration by hand, brute force and its own promises."""

from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.experiment.rerandomisation import LARGEST_EXACT, rerandomise

TREATED = [True, False, True, False]
OUTCOMES = st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=8, max_size=8, unique=True)
DESIGNS = st.permutations([True] * 4 + [False] * 4)


def difference(values: list[float], treated: tuple[int, ...]) -> float:
    rest = [v for i, v in enumerate(values) if i not in treated]
    return fmean(values[i] for i in treated) - fmean(rest)


def brute_force_p(values: list[float], treated: list[bool], effect: float) -> float:
    """Share of assignments that differ at least as much, once `effect` is taken off the treated blocks."""
    adjusted = [v - effect * t for v, t in zip(values, treated, strict=True)]
    actual = tuple(i for i, t in enumerate(treated) if t)
    observed = difference(adjusted, actual)
    every = list(combinations(range(len(values)), len(actual)))
    return sum(difference(adjusted, a) >= observed - 1e-9 for a in every) / len(every)


def test_a_tiny_case_enumerated_by_hand() -> None:
    # four blocks 5 1 4 2, the first and third treated; the six ways to choose two, with the differences of means:
    # {5,1} 0, {5,4} 3, {5,2} 1, {1,4} -1, {1,2} -3, {4,2} 0. Only the actual one reaches 3.
    tested = rerandomise(TREATED, [[5, 1, 4, 2]])
    assert (tested.assignments, tested.exact) == (6, True)
    assert tested.effects == (3.0,)
    assert tested.p_single == tested.p_adjusted == (pytest.approx(1 / 6),)
    # treating {1,4} instead, only {1,2} falls below its -1
    assert rerandomise([False, True, True, False], [[5, 1, 4, 2]]).p_overall == pytest.approx(5 / 6)


def test_two_outcomes_enumerated_by_hand() -> None:
    # the second outcome, 3 1 2 4, has differences of means: {3,1} -1, {3,2} 0, {3,4} 2, {1,2} -2, {1,4} 0, {2,4} 1.
    # Both have the variance 10/3 and 5/3, so in standard deviations of the difference (sqrt of it) the pairs are
    # (0, -.77), (1.64, 0), (.55, 1.55), (-.55, -1.55), (-1.64, 0), (0, .77): largest 0, 1.64, 1.55, -.55, 0, .77.
    tested = rerandomise(TREATED, [[5, 1, 4, 2], [3, 1, 2, 4]])
    assert tested.p_single == (pytest.approx(1 / 6), pytest.approx(4 / 6))
    assert tested.p_adjusted == (pytest.approx(1 / 6), pytest.approx(5 / 6))
    assert tested.p_overall == tested.p_adjusted[0]


@given(OUTCOMES, DESIGNS, st.sampled_from([0.0, math.log(1.1), -0.5]))
def test_p_values_equal_brute_force(values: list[float], treated: list[bool], floor: float) -> None:
    assert rerandomise(treated, [values], floor=floor).p_single[0] == pytest.approx(
        brute_force_p(values, treated, floor)
    )


@given(OUTCOMES, DESIGNS)
def test_confidence_limits_are_where_the_test_stops_rejecting(values: list[float], treated: list[bool]) -> None:
    low, high = rerandomise(treated, [values]).limits[0]
    assert low is not None
    assert high is not None
    assert low <= high
    assert brute_force_p(values, treated, low - 0.001) <= 0.025
    assert brute_force_p(values, treated, low + 0.001) > 0.025
    mirrored = [-v for v in values]
    assert brute_force_p(mirrored, treated, -high - 0.001) <= 0.025
    assert brute_force_p(mirrored, treated, -high + 0.001) > 0.025


@given(OUTCOMES, DESIGNS, st.floats(0, 1))
def test_the_floor_does_not_move_the_effect_or_its_limits(
    values: list[float], treated: list[bool], floor: float
) -> None:
    plain, floored = rerandomise(treated, [values]), rerandomise(treated, [values], floor=floor)
    assert floored.effects == pytest.approx(plain.effects)
    assert floored.limits[0] == pytest.approx(plain.limits[0])
    assert floored.p_single[0] >= plain.p_single[0]


@given(st.lists(OUTCOMES, min_size=2, max_size=3), DESIGNS)
def test_adjusting_for_several_outcomes_never_makes_a_p_value_smaller(
    outcomes: list[list[float]], treated: list[bool]
) -> None:
    tested = rerandomise(treated, outcomes)
    assert all(a >= s - 1e-12 for a, s in zip(tested.p_adjusted, tested.p_single, strict=True))


@given(OUTCOMES, DESIGNS, st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter(values: list[float], treated: list[bool], scale: float, shift: float) -> None:
    other = [scale * v + shift for v in values]
    assert rerandomise(treated, [other]).p_single == pytest.approx(rerandomise(treated, [values]).p_single)


def test_over_all_designs_the_p_value_is_as_rare_as_it_says() -> None:
    values = [[0.3, 1.2, 0.1, 2.4, 0.9, 1.7, 0.2, 3.1], [1.1, 0.4, 2.2, 0.3, 0.8, 1.9, 1.5, 0.7]]
    designs = [[i in chosen for i in range(8)] for chosen in combinations(range(8), 4)]
    p_values = [rerandomise(design, values).p_overall for design in designs]
    for alpha in (0.02, 0.05, 0.1, 0.5):
        assert sum(p <= alpha for p in p_values) / 70 <= alpha


def test_equal_blocks_blame_nobody() -> None:
    tested = rerandomise(TREATED * 2, [[1.0] * 8])
    assert tested.p_overall == 1.0
    assert tested.effects == (0.0,)


def test_no_limits_where_the_design_is_too_small() -> None:
    assert rerandomise([True] * 3 + [False] * 3, [[1, 2, 3, 4, 5, 6]]).limits == ((None, None),)


def test_large_designs_are_drawn_by_seed_and_near_the_exact_value() -> None:
    source = random.Random(3)
    treated = [True, False] * 11
    values = [source.gauss(0, 1) + 0.7 * t for t in treated]
    tested = rerandomise(treated, [values], seed=1)
    assert (tested.exact, tested.assignments) == (False, 20_000)
    assert tested == rerandomise(treated, [values], seed=1)
    again = rerandomise(treated, [values], seed=2)
    assert again.p_overall == pytest.approx(tested.p_overall, abs=0.01)
    assert again.limits[0] == pytest.approx(tested.limits[0], abs=0.1)
    assert min(tested.p_overall, again.p_overall) >= 1 / 20_000
    assert math.comb(22, 11) > LARGEST_EXACT >= math.comb(20, 10)


@pytest.mark.parametrize("treated", [[True, True], [False, False], []])
def test_one_arm_alone_is_refused(treated: list[bool]) -> None:
    with pytest.raises(ValueError, match="at least one treated and one untreated block"):
        rerandomise(treated, [[0.0] * len(treated)])


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_outcomes_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite outcome"):
        rerandomise([True, False], [[bad, 1.0]])
