"""The excess of a cell over its adjacent hours, for drops, failures and latencies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.analysis.verdict.coverage import Coverage
from monitor.analysis.verdict.outcomes import (
    BEYOND,
    HALF,
    Cells,
    DropOutcome,
    Events,
    FailureOutcome,
    LatencyOutcome,
    log_latencies,
)
from monitor.facts.evidence_builder import EvidenceBuilder

HOUR_S = 3600.0
DAY = (0.0, 24 * HOUR_S)
TEN = Cells(np.array([10 * HOUR_S]), np.array([10 * HOUR_S + 600.0]), np.array([300.0]))


def events(*spans: tuple[float, float]) -> Events:
    first, last = (np.array(column) for column in zip(*spans, strict=True))
    return Events(first, last, np.zeros(len(spans), dtype=np.bool_))


def drops(*spans: tuple[float, float], heads: float | None = None) -> DropOutcome:
    told = None if heads is None else (np.array([0.0]), np.array([heads]))
    coverage = Coverage(DAY, [], told)
    return DropOutcome("", [(events(*spans), coverage, coverage)])


def at(hour: float) -> tuple[float, float]:
    return hour * HOUR_S, hour * HOUR_S


def test_a_drop_is_in_every_cell_that_its_interval_overlaps() -> None:
    inside = events((9.0, 11.0), (10.5, 10.6), (11.5, 12.0)).inside(
        np.array([10.0, 11.0, 13.0]), np.array([11.0, 12.0, 14.0])
    )
    assert inside.tolist() == [2.0, 2.0, 0.0]


def test_adjacent_hours_keep_away_from_the_cell_and_reach_two_hours() -> None:
    hours = (7.5, 8.5, 9.95, 10.05, 10.2, 10.5, 12.0, 13.0)  # the guard is five minutes
    found = events(*map(at, hours)).adjacent(TEN)
    assert found.tolist() == [3.0]  # 8.5, 10.5, 12.0


def test_drops_against_the_same_days_adjacent_hours() -> None:
    outcome = drops(at(8.5), at(9.5), at(11.0), at(12.0), at(10.05), at(10.1))
    counts = outcome.counts(TEN)
    assert counts.inside.tolist() == [2.0]
    assert counts.expected[0] == pytest.approx(4 / 4 * 600 / HOUR_S)


def test_expectation_is_brought_to_the_level_of_all_cells_so_that_a_busy_day_at_its_peak_is_no_excess() -> None:
    quiet_and_busy = Cells(
        np.array([10.0, 34.0]) * HOUR_S, np.array([10.0, 34.0]) * HOUR_S + 600.0, np.array([300.0] * 2)
    )
    peak = [*[at(8.5), at(11.5)], *[at(10.05)]]  # at ten, six times as many as around
    days = Coverage((0.0, 48 * HOUR_S), [])
    busy = [(start_s + 24 * HOUR_S, end_s + 24 * HOUR_S) for start_s, end_s in peak] * 4
    excess = DropOutcome("", [(events(*peak, *busy), days, days)]).excess(quiet_and_busy)
    assert excess == pytest.approx([0.0, 0.0])


def test_a_busy_day_and_more_agents_are_expected_to_have_more() -> None:
    quiet = drops(at(8.5), at(11.0), at(10.05))
    busy = drops(*[at(8.5), at(11.0), at(10.05)] * 5)
    crowded = drops(at(8.5), at(11.0), at(10.05), heads=150.0)
    assert quiet.counts(TEN).expected[0] == pytest.approx(crowded.counts(TEN).expected[0])
    assert busy.counts(TEN).expected[0] == pytest.approx(5 * quiet.counts(TEN).expected[0])


def test_a_day_without_adjacent_hours_is_expected_to_be_as_all_are() -> None:
    free, covered = Coverage(DAY, [(8 * HOUR_S, 13 * HOUR_S)]), Coverage(DAY, [])
    outcome = DropOutcome("", [(events(at(2.0), at(10.05)), covered, free)])
    assert outcome.counts(TEN).expected[0] == pytest.approx(2 / 19 * 600 / HOUR_S)


def test_an_unobserved_cell_has_no_excess() -> None:
    gone = Coverage(DAY, [(9.9 * HOUR_S, 10.5 * HOUR_S)])
    assert np.isnan(DropOutcome("", [(events(at(8.5)), gone, gone)]).excess(TEN)[0])


def test_failures_are_a_share_of_attempts() -> None:
    at_s = np.arange(8 * HOUR_S, 12.5 * HOUR_S, 60.0)
    inside = (at_s >= 10 * HOUR_S) & (at_s <= 10 * HOUR_S + 600.0)
    always = FailureOutcome("ice", "", at_s, np.ones(len(at_s)), np.ones(len(at_s)), inside)
    there = FailureOutcome("ice", "", at_s, inside.astype(float), np.ones(len(at_s)), inside)
    assert always.excess(TEN)[0] == pytest.approx(0.0)  # what always fails does not fail more often in a window
    assert there.excess(TEN)[0] == pytest.approx(math.log((11 + HALF) / HALF))


def test_where_nothing_failed_there_is_no_ratio_to_tell() -> None:
    at_s = np.array([hour * 3600.0 for hour in (8.0, 9.0, 10.1, 11.0, 40.0)])
    failed, out = np.zeros(5), at_s < 0
    near = TEN
    assert FailureOutcome("ice", "", at_s, failed, np.ones(5), out).none_failed(near)
    elsewhere, around, inside = failed.copy(), failed.copy(), failed.copy()
    elsewhere[4], around[1], inside[2] = 1.0, 1.0, 1.0
    assert FailureOutcome("ice", "", at_s, elsewhere, np.ones(5), out).none_failed(near)
    assert not FailureOutcome("ice", "", at_s, around, np.ones(5), out).none_failed(near)
    assert not FailureOutcome("ice", "", at_s, inside, np.ones(5), out).none_failed(near)


def latency(values: dict[float, float], usual: float = 0.02) -> LatencyOutcome:
    at_s = np.arange(8 * HOUR_S, 12.5 * HOUR_S, 15.0)
    log_value = np.full(len(at_s), math.log(usual))
    inside = np.flatnonzero((at_s >= 10 * HOUR_S) & (at_s <= 10 * HOUR_S + 600.0))
    done = 0
    for value, share in values.items():
        count = round(share * len(inside))
        log_value[inside[done : done + count]] = value
        done += count
    return LatencyOutcome("ws", "", at_s, log_value, np.zeros(len(at_s), dtype=np.bool_))


def test_a_latency_that_doubles_in_a_fifth_of_the_window_shows_and_one_spike_does_not() -> None:
    assert latency({math.log(0.04): 0.2}).excess(TEN)[0] == pytest.approx(math.log(2.0))
    assert latency({math.log(4.0): 0.03}).excess(TEN)[0] == pytest.approx(0.0)


def test_timeouts_rank_above_every_latency_and_are_told_apart() -> None:
    silent = latency({BEYOND: 0.5})
    assert silent.excess(TEN)[0] > latency({math.log(14.0): 0.5}).excess(TEN)[0]
    assert silent.timed_out(TEN.start_s, TEN.end_s)
    assert not latency({math.log(14.0): 0.5}).timed_out(TEN.start_s, TEN.end_s)


def test_too_few_samples_are_not_measured() -> None:
    few = LatencyOutcome("ws", "", np.array([10.01 * HOUR_S]), np.array([0.0]), np.zeros(1, dtype=np.bool_))
    assert np.isnan(few.excess(TEN)[0])


def test_only_answers_and_timeouts_are_latencies() -> None:
    builder = EvidenceBuilder()
    builder.sample("ws", 1.0, 0.5)
    builder.sample("ws", 2.0, None, "timeout")
    builder.sample("ws", 3.0, None, "not_connected")
    builder.sample("ws", 4.0, 0.25, weight=3.0)
    evidence = builder.build()
    at_s, values = log_latencies(evidence.series["ws"], evidence)
    assert at_s.tolist() == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert np.exp(values) == pytest.approx([0.5, 120.0, 0.25, 0.25, 0.25])
