"""The permutation test against all arrangements counted by hand, and its error on noise."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from monitor.analysis.verdict.permutation import Stratum, arranged, least_p, least_p_left_out, permute
from tests.strata import stratum


def weeks(values: list[list[float]], published: int = 1) -> list[Stratum]:
    """Weeks of days with one slot and one outcome, of which one day carries the window."""
    return [
        stratum(np.array(days).reshape(-1, 1, 1), ((published, (0,)),), (number,)) for number, days in enumerate(values)
    ]


def test_p_is_the_share_of_arrangements_that_are_as_extreme() -> None:
    values = [[0.1, 0.9, 0.3], [0.2, 0.4, 0.5], [0.0, 0.7, 0.1]]
    tested = permute(weeks(values))
    actual = sum(days[1] for days in values)
    as_large = [sum(chosen) >= actual - 1e-9 for chosen in product(*values)]
    assert tested.exact
    assert tested.arrangements == 27
    assert tested.p_adjusted[0] == pytest.approx(sum(as_large) / 27)


def test_without_any_one_window_it_is_the_test_of_the_others() -> None:
    values = [[0.1, 5.0, 0.3], [0.2, 0.4, 0.5], [0.0, 0.7, 0.1]]
    rests = [permute(weeks(values[:n] + values[n + 1 :])).p_adjusted[0] for n in range(3)]
    assert permute(weeks(values)).p_left_out[0] == pytest.approx(max(rests))


def test_one_week_is_never_enough() -> None:
    assert permute(weeks([[0.0, 99.0, 0.0, 0.0, 0.0]])).p_adjusted[0] == pytest.approx(0.2)


def test_two_days_of_a_week_move_together() -> None:
    values = np.zeros((5, 1, 1))
    values[1] = values[3] = 1.0
    one = stratum(values, ((1, (0,)), (3, (0,))), (0, 1))
    assert one.ways == 10
    assert permute([one]).p_adjusted[0] == pytest.approx(0.1)


def test_slots_of_their_own_keep_their_time_of_day() -> None:
    values = np.zeros((4, 2, 1))
    values[:, 0, 0] = [9.0, 1.0, 1.0, 1.0]
    values[:, 1, 0] = [1.0, 9.0, 1.0, 1.0]
    one = stratum(values, ((0, (0,)), (1, (1,))), (0, 1))
    assert one.ways == 12
    assert permute([one]).p_adjusted[0] == pytest.approx(1 / 12)
    assert len(arranged(one, np.random.default_rng(0))) == 12


def test_a_place_that_carries_everything_leaves_nothing_to_move() -> None:
    one = stratum(np.ones((5, 1, 1)), tuple((place, (0,)) for place in range(5)), tuple(range(5)))
    assert one.ways == 1
    assert permute([one]).p_adjusted[0] == pytest.approx(1.0)


def test_many_outcomes_pay_for_their_number() -> None:
    rng = np.random.default_rng(3)
    alone = permute(weeks([[0.0, 1.0, 0.1, 0.2, -0.1], [0.1, 0.8, 0.9, 0.0, 0.3], [0.0, 0.5, 0.6, 0.1, 0.2]]))
    strata = [
        stratum(np.concatenate([one.values, rng.normal(size=(5, 1, 9))], axis=2), one.groups, one.windows)
        for one in weeks([[0.0, 1.0, 0.1, 0.2, -0.1], [0.1, 0.8, 0.9, 0.0, 0.3], [0.0, 0.5, 0.6, 0.1, 0.2]])
    ]
    assert permute(strata).p_adjusted[0] > alone.p_adjusted[0]


def test_drawn_arrangements_agree_with_all_of_them() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5, 5)) + np.array([0.0, 0.8, 0.0, 0.0, 0.0])
    exact = permute(weeks(values.tolist()))
    drawn = permute(weeks([*values.tolist(), *([[0.0] * 5] * 4)]))  # four weeks that show nothing
    assert exact.exact
    assert not drawn.exact
    assert drawn.p_adjusted[0] == pytest.approx(exact.p_adjusted[0], abs=0.03)


def test_noise_is_blamed_as_often_as_alpha_says() -> None:
    rng = np.random.default_rng(7)
    blamed = sum(
        permute(weeks(rng.standard_t(2, size=(5, 4)).tolist()), leave_out=False).p_adjusted[0] <= 0.05
        for _ in range(400)
    )
    assert blamed <= 32  # of 400: the 99 % bound of 5 %


def test_the_least_p_value_of_a_design() -> None:
    three = weeks([[0.0] * 5] * 3)
    assert least_p(three) == pytest.approx(1 / 125)
    assert least_p_left_out(three) == pytest.approx(1 / 25)
    assert least_p(three, informative=1) == pytest.approx(1 / 5)
    assert least_p_left_out(three, informative=1) == 1.0
    assert (least_p([]), least_p_left_out([])) == (1.0, 1.0)
    assert math.isclose(least_p(three[:1]), 0.2)
    pair = stratum(np.zeros((5, 2, 1)), ((0, (0,)), (1, (1,))), (0, 1))
    assert (least_p([pair]), least_p_left_out([pair])) == (pytest.approx(1 / 20), pytest.approx(1 / 5))
    assert (
        least_p_left_out([stratum(np.zeros((12, 1, 1)), tuple((n, (0,)) for n in range(6)), tuple(range(6)))]) < 0.005
    )


def test_a_year_of_weeks_without_a_choice_is_one_arrangement() -> None:
    whole = stratum(np.ones((5, 1, 1)), tuple((place, (0,)) for place in range(5)), tuple(range(5)))
    assert permute([whole] * 80).arrangements == 1
