"""Observed time, with and without head counts."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.verdict.coverage import Coverage, at_site
from monitor.facts.evidence import Stretch

HOUR_S = 3600.0
DAY = (0.0, 24 * HOUR_S)


def hours(coverage: Coverage, start_h: float, end_h: float) -> float:
    return float(coverage.agent_hours(np.array([start_h * HOUR_S]), np.array([end_h * HOUR_S]))[0])


def test_what_is_missing_is_taken_out_once_however_often_it_is_told() -> None:
    coverage = Coverage(DAY, [(2 * HOUR_S, 4 * HOUR_S), (3 * HOUR_S, 5 * HOUR_S), (-HOUR_S, HOUR_S / 2)])
    assert hours(coverage, 0, 24) == pytest.approx(20.5)
    assert hours(coverage, 1, 3) == pytest.approx(1.0)
    assert hours(coverage, 2, 5) == pytest.approx(0.0)


def test_nothing_is_observed_outside_the_span() -> None:
    assert hours(Coverage(DAY, []), -10, 30) == pytest.approx(24.0)


def test_agents_count_as_many_times_as_they_are_connected() -> None:
    heads = np.array([0.0, 6 * HOUR_S, 12 * HOUR_S]), np.array([10.0, 100.0, 0.0])
    coverage = Coverage(DAY, [(7 * HOUR_S, 8 * HOUR_S)], heads)
    assert hours(coverage, 0, 6) == pytest.approx(60.0)
    assert hours(coverage, 6, 12) == pytest.approx(500.0)
    assert hours(coverage, 12, 24) == pytest.approx(0.0)


def test_before_the_first_count_there_were_as_many() -> None:
    heads = np.array([6 * HOUR_S]), np.array([10.0])
    assert hours(Coverage(DAY, [], heads), 0, 24) == pytest.approx(240.0)


def test_which_moments_count() -> None:
    coverage = Coverage(DAY, [(2 * HOUR_S, 4 * HOUR_S)])
    asked = coverage.counts(np.array([-1.0, HOUR_S, 3 * HOUR_S, 5 * HOUR_S, 25 * HOUR_S]))
    assert asked.tolist() == [False, True, False, True, False]


def test_a_stretch_without_a_site_concerns_all() -> None:
    told = [Stretch(0.0, 1.0), Stretch(2.0, 3.0, "dallas")]
    assert at_site(told, "chicago") == [(0.0, 1.0)]
    assert at_site(told, "dallas") == [(0.0, 1.0), (2.0, 3.0)]
