"""The test for repeated looks: fair at every look, and quick where the windows stand out each week."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.verdict.permutation import Stratum
from monitor.analysis.verdict.sequential import anytime_p
from tests.strata import stratum


def week(days: list[float]) -> Stratum:
    return stratum(np.array(days).reshape(-1, 1, 1), ((1, (0,)),), (0,))


def test_four_weeks_that_stand_out_are_enough_at_any_look() -> None:
    strata = [week([0.0, 1.0, 0.1, 0.2, 0.3])] * 4
    p_values = [anytime_p(strata[: n + 1]).together for n in range(4)]
    assert p_values == pytest.approx([1 / 3, 1 / 9, 1 / 27, 1 / 81])


def test_what_was_shown_once_stays_shown() -> None:
    clear, contrary = week([0.0, 1.0, 0.1, 0.2, 0.3]), week([0.0, -1.0, 0.1, 0.2, 0.3])
    assert anytime_p([*[clear] * 3, *[contrary] * 9]).together == pytest.approx(1 / 27)


def test_looking_every_week_at_noise_blames_seldom() -> None:
    rng = np.random.default_rng(5)
    blamed = sum(
        anytime_p([week(days) for days in rng.normal(size=(26, 5)).tolist()]).together <= 0.05 for _ in range(400)
    )
    assert blamed <= 32  # of 400 over all 26 looks: the 99 % bound of 5 %


def test_outcomes_share_the_capital() -> None:
    values = np.zeros((5, 1, 4))
    values[1] = 1.0
    found = anytime_p([stratum(values, ((1, (0,)),), (0,))] * 4)
    assert found.outcomes == pytest.approx([4 / 81] * 4)
    assert found.together == pytest.approx(1 / 81)


def test_outcomes_that_never_gained_are_no_evidence_together() -> None:
    values = np.zeros((5, 1, 40))
    values[1] = -1.0
    assert anytime_p([stratum(values, ((1, (0,)),), (0,))] * 9).together == 1.0


def test_many_noisy_outcomes_together_blame_seldom() -> None:
    rng = np.random.default_rng(6)
    strata = [[stratum(rng.normal(size=(5, 1, 12)), ((1, (0,)),), (0,)) for _ in range(12)] for _ in range(300)]
    assert sum(anytime_p(one).together <= 0.05 for one in strata) <= 24  # the 99 % bound of 5 %


def test_a_week_without_choice_is_no_bet() -> None:
    whole = stratum(np.ones((1, 1, 1)), ((0, (0,)),), (0,))
    assert anytime_p([whole] * 9).together == 1.0
