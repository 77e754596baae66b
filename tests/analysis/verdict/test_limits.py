"""The rate ratio and its limits: never narrower than so few incidents allow."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.verdict.limits import Ratio, Tally, rate_ratio


def tally(inside: list[float], incidents: list[float] | None = None, expected: float = 1.0) -> Tally:
    count = len(inside)
    begun = inside if incidents is None else incidents
    stratum = np.arange(count) % 6
    return Tally(np.array(inside), np.array(begun), np.full(count, expected), np.ones(count), stratum)


def test_no_drop_in_any_window_is_a_ratio_of_zero_with_an_upper_limit() -> None:
    found = rate_ratio(tally([0.0] * 6), tally([1.0] * 24))
    assert (found.ratio, found.low) == (0.0, 0.0)
    assert found.high is not None
    assert 0.4 < found.high < 1.2


def test_few_drops_acquit_nobody() -> None:
    found = rate_ratio(tally([0.0] * 6), tally([1.0, 1.0, 0.0, 0.0] * 1))
    assert found.high is not None
    assert found.high > 2.0


def test_equal_rates_are_a_ratio_of_one_within_its_limits() -> None:
    found = rate_ratio(tally([2.0, 1.0, 3.0, 2.0, 2.0, 2.0]), tally([2.0, 1.0, 3.0, 2.0] * 6))
    assert found.ratio == pytest.approx(1.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high


def test_drops_that_come_in_flocks_count_as_fewer() -> None:
    alone = rate_ratio(tally([5.0] * 6), tally([1.0] * 24))
    in_flocks = rate_ratio(tally([5.0] * 6), tally([6.0, *[0.0] * 5] * 4))
    assert alone.low is not None
    assert in_flocks.low is not None
    assert in_flocks.low < alone.low
    assert in_flocks.ratio == alone.ratio == pytest.approx(5.0)


def test_nothing_to_compare_with_is_no_ratio() -> None:
    assert rate_ratio(tally([3.0] * 6), tally([0.0] * 24)) == Ratio()
    assert rate_ratio(tally([3.0] * 6), tally([])) == Ratio()


def test_one_small_incident_in_the_windows_does_not_acquit_against_few_large_ones() -> None:
    found = rate_ratio(
        tally([1.0, *[0.0] * 5], [1.0, *[0.0] * 5]), tally([100.0, *[0.0] * 5] * 4, [1.0, *[0.0] * 5] * 4)
    )
    assert found.ratio == pytest.approx(0.01)
    assert found.high is not None
    assert found.high > 2.0
