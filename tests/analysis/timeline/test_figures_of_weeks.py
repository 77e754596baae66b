"""Days, stack, runs and sites of weeks whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from monitor.analysis.timeline.days import overview
from monitor.analysis.timeline.measures import Attempts, harm
from monitor.analysis.timeline.places import Places, places_of
from monitor.analysis.timeline.runs import COLUMNS, raw_of, run_figures, worst
from monitor.analysis.timeline.sites import site_figures
from monitor.analysis.timeline.stacked import phase_of, stacked
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import Evidence, Window
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.golden.weeks import GUILTY, mornings
from tests.histories.evidence import evidence_of, rules_of

PLAN = mornings(GUILTY)
RULES = rules_of(PLAN)


@pytest.fixture(scope="module")
def guilty() -> Evidence:
    return evidence_of(PLAN, 11)


@pytest.fixture(scope="module")
def places(guilty: Evidence) -> Places:
    return places_of(guilty, RULES)


def test_every_drop_is_on_one_day_and_windows_stand_on_theirs(guilty: Evidence, places: Places) -> None:
    found = overview(guilty, RULES, places)
    assert found is not None
    assert not found.weekly
    assert sum(one.drops for one in found.stretches) == len(harm(guilty))
    published = [one for one in found.stretches if one.windows]
    assert {one.day.weekday() for one in published} == {1}
    assert sum(one.in_windows for one in published) == sum(one.in_windows for one in found.stretches) > 0
    days = [one.day for one in found.stretches]
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


def test_a_long_period_is_shown_by_weeks(guilty: Evidence, places: Places) -> None:
    assert guilty.span is not None
    longer = replace(guilty, span=(guilty.span[0], guilty.span[0] + 150 * 86_400.0))
    found = overview(longer, RULES, places)
    assert found is not None
    assert found.weekly
    assert {one.day.weekday() for one in found.stretches} == {0}
    assert sum(one.drops for one in found.stretches) == len(harm(guilty))


def test_the_stack_shows_the_harm_in_windows_and_on_no_other_day(guilty: Evidence, places: Places) -> None:
    found = stacked(guilty, places)
    assert found is not None
    assert (found.windows, found.others) == (len(places.windows), len(places.others))
    by_signal = {one.signal: one for one in found.panels}
    pings = by_signal[signals.WS_RTT]
    assert pings.in_windows is not None
    assert pings.in_others is not None
    assert pings.in_windows.p90 > 2 * pings.in_others.p90  # type: ignore[operator]
    drops = by_signal["drops"]
    inside = [low >= 0 for low in found.edges_s[:-1]]
    harmed = sum(value or 0.0 for value, later in zip(drops.windows.middle, inside, strict=True) if later)
    usual = sum(value or 0.0 for value, later in zip(drops.others.middle, inside, strict=True) if later)
    assert harmed > usual
    assert all(0.0 in panel.edges_s for panel in found.panels)  # before and after the start are never in one bucket


def test_without_a_window_nothing_is_stacked() -> None:
    evidence = EvidenceBuilder().build((0.0, 86_400.0))
    assert stacked(evidence, places_of(evidence, Rules())) is None


def test_a_phase_counts_failures_and_never_averages_them() -> None:
    values = np.array([0.1, 0.2, math.inf])
    phase = phase_of(Attempts(signals.WS_RTT, values, values))
    assert (phase.attempts, phase.failed, phase.median, phase.p90) == (3, 1, 0.2, math.inf)
    share = np.array([0.0, 1.0])
    assert phase_of(Attempts(signals.ICE_GATHERING, share, share)).failed == 1


def test_run_by_run_the_sum_of_drops_is_that_of_the_windows(guilty: Evidence, places: Places) -> None:
    figures = run_figures(guilty, places)
    sites = site_figures(guilty, RULES)
    assert sum(one.drops for one in figures) == sum(one.drops_in for one in sites)
    assert sum(one.drops_in + one.drops_out for one in sites) == len(harm(guilty))
    assert all(one.usual is not None and one.ping_s is not None for one in figures)
    most = worst(figures)
    assert most is not None
    assert most.drops == max(one.drops for one in figures)
    assert worst(()) is None


def test_a_dense_window_is_thinned_and_keeps_its_extremes() -> None:
    builder = EvidenceBuilder()
    for second in range(0, 3600, 2):
        builder.sample(signals.WS_RTT, 1e9 + second, 9.0 if second == 1800 else 0.02)
    raw = raw_of(builder.build(), Window(start_s=1e9 + 1700, end_s=1e9 + 1800), 300.0)
    ((_, at_s, values),) = raw.signals
    assert raw.thinned
    assert len(values) <= 2 * COLUMNS
    assert max(values) == pytest.approx(9.0)
    assert list(at_s) == sorted(at_s)
