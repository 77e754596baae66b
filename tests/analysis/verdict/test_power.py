"""A guilty publish is found: shares of histories with a known effect that are blamed, over seeds."""

from __future__ import annotations

import pytest

from tests.calibration_tables import blames
from tests.histories.evidence import evidence_of, rules_of
from tests.histories.plan import Weeks
from tests.histories.scenarios import guilty

pytestmark = pytest.mark.no_cover  # hundreds of histories: counting their lines takes three times as long

RUNS = 60


def found(plan: Weeks, runs: int = RUNS) -> float:
    """The share that is blamed."""
    return sum(blames(evidence_of(plan, seed), rules_of(plan)) for seed in range(runs)) / runs


def test_twelve_times_the_drops_are_found_in_six_weeks() -> None:
    assert found(guilty(6, 12.0, clustered=False)) >= 0.95


def test_and_mostly_when_they_come_in_clusters() -> None:
    assert found(guilty(6, 12.0, clustered=True)) >= 0.80


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("clustered", [False, True])
def test_longer_histories_and_stronger_effects_are_found_more_often(clustered: bool) -> None:
    by_weeks = [found(guilty(weeks, 5.0, clustered=clustered), 300) for weeks in (4, 8, 16)]
    by_ratio = [found(guilty(6, ratio, clustered=clustered), 300) for ratio in (2.0, 5.0, 12.0)]
    assert by_weeks == sorted(by_weeks)
    assert by_ratio == sorted(by_ratio)
