"""Wrong blame is the worst bug: how often an innocent publish is blamed, counted over histories with seeds."""

from __future__ import annotations

from functools import cache

import pytest

from tests.calibration_tables import BLAME, blamed_by_turns, blames, ever_blamed, judged
from tests.histories.evidence import evidence_of, rules_of
from tests.histories.naive import against_the_day, same_clock_time
from tests.histories.plan import Weeks
from tests.histories.scenarios import DAILY_JOB, DANGEROUS, NULLS, drops_only, guilty

pytestmark = pytest.mark.no_cover  # hundreds of histories: counting their lines takes three times as long

RUNS = 300
MOST = 24  # the 99 % binomial bound of 5 % in 300
POOLED = 0.06
FEWER, MOST_OF_FEWER = 60, 8  # the same bound of 5 % in 60


@cache
def blamed(name: str) -> int:
    """How many of RUNS innocent histories are blamed; three of four have drops alone."""
    return sum(blamed_by_turns(NULLS[name], seed) for seed in range(RUNS))


@pytest.mark.parametrize("name", NULLS)
def test_an_innocent_publish_is_hardly_ever_blamed(name: str) -> None:
    assert blamed(name) <= MOST


def test_nor_is_it_over_all_of_them() -> None:
    assert sum(blamed(name) for name in NULLS) <= POOLED * RUNS * len(NULLS)


@pytest.mark.parametrize("plan", [*NULLS.values(), guilty(4, 5.0, clustered=True)])
def test_the_short_way_of_counting_says_what_the_verdict_says(plan: Weeks) -> None:
    for seed in range(6):
        assert blames(evidence_of(plan, seed), rules_of(plan)) == (judged(plan, seed).verdict in BLAME)


def test_a_naive_comparison_blames_the_daily_peak() -> None:
    plan = drops_only(NULLS["null_daily_peak"])
    p_values = [against_the_day(evidence_of(plan, seed), plan) for seed in range(FEWER)]
    assert sum(p <= 0.05 for p in p_values) > 0.8 * FEWER


def test_comparing_the_same_time_of_other_days_blames_a_busy_tuesday() -> None:
    plan = drops_only(NULLS["null_weekday_peak"])
    p_values = [same_clock_time(evidence_of(plan, seed), plan) for seed in range(FEWER)]
    assert sum(p <= 0.05 for p in p_values) > 0.2 * FEWER


def test_a_daily_job_at_one_time_is_never_blamed() -> None:
    assert not any(judged(DAILY_JOB, seed).verdict in BLAME for seed in range(10))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DANGEROUS)
def test_innocent_weeks_that_look_guilty(name: str) -> None:
    assert sum(blamed_by_turns(DANGEROUS[name], seed) for seed in range(RUNS)) <= MOST


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["null_flat", "null_daily_peak", "null_clustered"])
def test_a_verdict_that_is_looked_at_every_week_for_half_a_year(name: str) -> None:
    plan = drops_only(Weeks(weeks=26, usual=NULLS[name].usual))
    assert sum(ever_blamed(plan, seed)[0] is not None for seed in range(100)) <= 11  # 99 % bound of 5 %
