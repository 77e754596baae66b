"""Dose and response: what a window's dose is, slopes, p-values and when there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.analysis.verdict.dose import dose_of, dose_response
from monitor.facts import signals
from monitor.facts.evidence import Window
from monitor.facts.evidence_builder import EvidenceBuilder

WINDOW = Window(start_s=100.0, end_s=160.0)


def test_a_dose_is_calls_by_time_as_the_run_told() -> None:
    assert dose_of(EvidenceBuilder().build(), Window(start_s=100.0, end_s=160.0, calls=300.0)) == 5.0


def test_else_it_is_the_mean_rate_inside_the_window() -> None:
    builder = EvidenceBuilder()
    for at_s, value in ((90.0, 1.0), (100.0, 4.0), (160.0, 8.0), (170.0, 1.0)):
        builder.sample(signals.API_RATE, at_s, value)
    builder.sample(signals.API_RATE, 130.0, 900.0, suspect=True)
    builder.sample(signals.API_RATE, 131.0, None, "timeout")
    evidence = builder.build()
    assert dose_of(evidence, WINDOW) == 6.0
    assert dose_of(evidence, Window(start_s=100.0, end_s=100.0, calls=3.0)) == 4.0


def test_an_unknown_dose_is_none() -> None:
    builder = EvidenceBuilder()
    assert dose_of(builder.build(), WINDOW) is None
    builder.sample(signals.API_RATE, 90.0, 1.0)
    assert dose_of(builder.build(), WINDOW) is None


def test_perfect_agreement_of_five_windows_is_one_of_all_their_permutations() -> None:
    found = dose_response([1, 2, 4, 8, 16], [0.0, 0.5, 1.0, 1.5, 2.0])
    assert found is not None
    assert found.slope == pytest.approx(0.5)
    assert found.p_value == pytest.approx(1 / math.factorial(5))


def test_less_harm_by_more_load_is_no_evidence() -> None:
    found = dose_response([1, 2, 4, 8, 16], [2.0, 1.5, 1.0, 0.5, 0.0])
    assert found is not None
    assert found.slope == pytest.approx(-0.5)
    assert found.p_value == 1.0


def test_two_doses_are_compared_as_two_groups() -> None:
    """Both high windows are above both low ones: one of six ways to choose them."""
    found = dose_response([5, 5, 20, 20], [0.1, 0.0, 1.0, 1.1])
    assert found is not None
    assert found.p_value == pytest.approx(1 / 6)
    assert found.slope == pytest.approx(0.5)


def test_one_monstrous_window_does_not_make_a_slope() -> None:
    found = dose_response([1, 2, 4, 8, 16, 32, 64], [0.0, 0.1, 0.0, 0.1, 0.0, 0.0, 50.0])
    assert found is not None
    assert found.slope < 0.1
    assert found.p_value > 0.05


@pytest.mark.parametrize(
    ("doses", "effects"),
    [
        ([1, 2, 4], [0, 1, 2]),
        ([5, 5, 5, 5], [0, 1, 2, 3]),
        ([5.0, 5.1, 5.2, 4.9, 5.0], [0, 1, 2, 3, 4]),
        ([1, 2, 4, None], [0, 1, 2, 3]),
        ([1, 2, 4, 8], [0, 1, 2, math.nan]),
        ([1, 2, 4, 8], [0, 1, 2, None]),
        ([0.0, 2, 4, 8], [0, 1, 2, 3]),
        ([], []),
    ],
)
def test_too_few_windows_or_doses_say_nothing(doses: list[float | None], effects: list[float | None]) -> None:
    assert dose_response(doses, effects) is None


def test_many_windows_are_dealt_by_seed() -> None:
    rng = np.random.default_rng(5)
    doses = list(rng.uniform(1, 30, 20))
    effects = [0.4 * math.log2(dose) + rng.normal(0, 0.2) for dose in doses]
    found = dose_response(doses, effects, seed=3)
    assert found is not None
    assert found.slope == pytest.approx(0.4, abs=0.1)
    assert found.p_value == pytest.approx(1 / 10_000)
    assert found == dose_response(doses, effects, seed=3)


def test_chance_alone_is_blamed_no_more_often_than_it_should() -> None:
    rng = np.random.default_rng(11)
    found = [dose_response(list(rng.uniform(1, 30, 6)), list(rng.normal(size=6))) for _ in range(300)]
    blamed = sum(one is not None and one.p_value <= 0.05 for one in found)
    assert blamed <= 24  # the 99 % binomial bound of 5 %
    assert blamed > 3  # nor is it blind
