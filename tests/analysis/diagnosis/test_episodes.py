"""Stretches of trouble: what joins, what is chance, and which rows lie in them."""

from __future__ import annotations

import numpy as np

from monitor.analysis.diagnosis.episodes import NO_STRETCHES, Stretches, inside, joined, stretches_of
from monitor.facts.stretches import within

EVERY_S = 30.0


def found(bad: list[int], count: int = 100, weight: dict[int, float] | None = None) -> Stretches:
    at_s = np.arange(count) * EVERY_S
    flags = np.isin(np.arange(count), bad)
    weights = np.ones(count)
    for n, many in (weight or {}).items():
        weights[n] = many
    site = np.full(count, 3, dtype=np.int32)
    return stretches_of(at_s, flags, weights, site, np.zeros(count, dtype=np.int64))


def test_bad_attempts_close_together_are_one_stretch() -> None:
    assert list(found([10, 11, 14])) == [(300.0, 420.0, 3)]


def test_far_apart_they_are_two() -> None:
    assert list(found([10, 11, 50, 51])) == [(300.0, 330.0, 3), (1500.0, 1530.0, 3)]


def test_one_bad_attempt_is_chance_unless_it_stands_for_several() -> None:
    assert len(found([10])) == 0
    assert found([10], weight={10: 4.0}).bad.tolist() == [4.0]


def test_few_bad_ones_among_many_good_ones_are_chance() -> None:
    assert len(found([10, 16, 22, 28])) == 1  # one in six or so
    assert len(found([10, 16], count=400)) == 1
    assert len(found([0, 6, 12, 18, 24, 30], weight=dict.fromkeys(range(1, 6), 10.0))) == 0


def test_all_well_is_no_stretch() -> None:
    assert found([]) is NO_STRETCHES


def test_moments_within_and_their_edges() -> None:
    moments = np.array([0.0, 10.0, 15.0, 20.0, 21.0, 40.0])
    assert within(moments, [(10.0, 20.0), (40.0, 50.0)]).tolist() == [False, True, True, True, False, True]
    assert not within(moments, []).any()


def test_rows_of_another_site_are_outside() -> None:
    at_s, site = np.array([310.0, 310.0]), np.array([3, 4], dtype=np.int32)
    assert inside(at_s, site, found([10, 11])).tolist() == [True, False]
    assert inside(at_s - 50.0, site, found([10, 11]), before_s=40.0).tolist() == [True, False]


def test_joined_and_made_longer_they_may_touch() -> None:
    both = joined(found([10, 11]), found([20, 21]))
    assert both.at(None) == [(300.0, 330.0), (600.0, 630.0)]
    assert both.at(3, before_s=200.0, after_s=200.0) == [(100.0, 830.0)]
    assert both.at(4) == []
