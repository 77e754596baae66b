"""A year of facts stays affordable: cost grows no faster than n log n, counted in CPU time of one process."""

from __future__ import annotations

import pytest

from tests.verdict_bench import SAMPLES_S, costs, facts_of, growth, year


def test_a_year_of_a_hundred_and_fifty_agents_is_a_million_facts() -> None:
    assert facts_of(year(SAMPLES_S[-1])) == pytest.approx(1e6, rel=0.1)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_times_the_facts_cost_no_more_than_n_log_n_makes_of_it() -> None:
    small, large = costs((SAMPLES_S[0], SAMPLES_S[-1]))
    assert large.facts > 50 * small.facts
    assert growth(small, large) <= 1.0
    assert large.memory_mb <= 500.0
    assert large.command_cpu_s <= 20.0  # 5 s on the machine of the docs; this one may be slower and busy
