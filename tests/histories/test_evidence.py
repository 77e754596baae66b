"""The synthetic histories hold what they promise: else a calibration on them would tell nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from monitor.facts import signals
from monitor.facts.evidence import Evidence
from tests.histories.evidence import evidence_of, rules_of, until
from tests.histories.plan import CHICAGO, Behaviour, Harm, Job, Weeks
from tests.histories.scenarios import DANGEROUS, NOT_SEPARABLE, NULLS, guilty

BUSY = Behaviour(per_hour=60.0, day_sigma=0.0)


def local_hours(found: Evidence) -> list[float]:
    """The local hour of day of every drop."""
    moments = [datetime.fromtimestamp(at_s, tz=UTC).astimezone(CHICAGO) for at_s in found.drops.noticed_s]
    return [moment.hour + moment.minute / 60 for moment in moments]


def inside(found: Evidence) -> int:
    """Drops noticed in runs and the two minutes after them."""
    at_s = found.drops.noticed_s
    return sum(int(np.sum((at_s >= run.start_s) & (at_s < run.end_s + 120.0))) for run in found.windows)


def test_equal_seeds_give_equal_facts_and_others_give_others() -> None:
    plan = NULLS["null_clustered"]
    first, again, other = (evidence_of(plan, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.drops.noticed_s, again.drops.noticed_s)
    assert len(first.drops) != len(other.drops) or not np.array_equal(first.drops.noticed_s, other.drops.noticed_s)
    assert np.array_equal(first.series[signals.WS_RTT].value, again.series[signals.WS_RTT].value, equal_nan=True)


def test_the_usual_rate_in_the_working_hours() -> None:
    found = evidence_of(Weeks(usual=BUSY), 1)
    assert len(found.drops) == pytest.approx(60 * 10 * 5 * 6, rel=0.03)
    assert min(local_hours(found)) >= 8.0
    assert max(local_hours(found)) <= 18.02


@pytest.mark.parametrize("burst", [0.0, 0.5])
def test_a_run_multiplies_the_rate_however_clustered(burst: float) -> None:
    plan = Weeks(weeks=26, usual=BUSY, harm=Harm(ratio=12.0, burst=burst), sample_s=0.0)
    usual = evidence_of(replace(plan, harm=Harm()), 1)
    assert inside(evidence_of(plan, 1)) / inside(usual) == pytest.approx(12.0 * 11 / 12, rel=0.2)  # of 12 minutes, 11


def test_a_peak_at_ten_and_a_busy_tuesday() -> None:
    found = evidence_of(Weeks(usual=replace(BUSY, peak=3.0, weekday=((1, 1.5),))), 1)
    hours = np.floor(local_hours(found))
    assert np.sum(hours == 10) > 2 * np.sum(hours == 13)
    weekday = np.array([datetime.fromtimestamp(at_s, tz=UTC).weekday() for at_s in found.drops.noticed_s])
    assert np.sum(weekday == 1) == pytest.approx(1.5 * np.sum(weekday == 2), rel=0.1)


def test_bursts_bring_no_more_drops_but_fewer_incidents() -> None:
    even, clustered = (evidence_of(Weeks(usual=replace(BUSY, burst=burst), sample_s=0.0), 1) for burst in (0.0, 0.6))
    assert len(clustered.drops) == pytest.approx(len(even.drops), rel=0.1)
    apart = [int(np.sum(np.diff(found.drops.noticed_s) > 60.0)) for found in (even, clustered)]
    assert apart[1] < 0.8 * apart[0]


def test_runs_are_at_ten_by_the_local_clock_on_both_sides_of_a_dst_change() -> None:
    found = evidence_of(DANGEROUS["dst"], 1)
    local = [datetime.fromtimestamp(run.start_s, tz=UTC).astimezone(CHICAGO) for run in found.windows]
    assert {(moment.weekday(), moment.hour) for moment in local} == {(1, 10)}
    assert len({moment.utcoffset() for moment in local}) == 2


def test_an_effect_at_one_site_is_at_that_site() -> None:
    plan = Weeks(usual=BUSY, harm=Harm(ratio=20.0, sites=("dallas",), ping=4.0))
    found = evidence_of(plan, 1)
    pings = found.series[signals.WS_RTT]
    runs = np.zeros(len(pings), dtype=bool)
    for run in found.windows:
        runs |= (pings.at_s >= run.start_s) & (pings.at_s < run.end_s)
    medians = [float(np.nanmedian(pings.value[runs & (pings.site == found.code(site))])) for site in plan.names]
    assert medians[1] > 3 * medians[0]


def test_skewed_markers_gaps_and_holidays() -> None:
    skewed = evidence_of(Weeks(job=Job(skew_s=90.0)), 1).windows[0].start_s
    assert skewed - evidence_of(Weeks(), 1).windows[0].start_s == 90.0
    gaps = evidence_of(DANGEROUS["gaps"], 1)
    assert gaps.gaps
    for gap in gaps.gaps:
        assert not np.any((gaps.drops.noticed_s > gap.start_s) & (gaps.drops.noticed_s < gap.end_s))
    plan = NULLS["null_holidays"]
    assert rules_of(plan).days_off == frozenset(plan.days_off)
    assert date(2025, 11, 11) in plan.days_off  # a Tuesday: nobody publishes
    assert len(evidence_of(plan, 1).windows) == plan.weeks - 1


def test_a_look_knows_nothing_of_what_comes_later() -> None:
    whole = evidence_of(Weeks(), 1)
    assert whole.span is not None
    end_s = whole.span[0] + 2 * 7 * 86400.0
    known = until(whole, end_s)
    assert known.span == (whole.span[0], end_s)
    assert len(known.windows) == 2
    assert known.drops.noticed_s.max() < end_s


def test_randomised_blocks_have_one_run_and_one_without_each() -> None:
    rows = evidence_of(DANGEROUS["blocks"], 1).windows
    assert len(rows) == 16
    assert all(row.randomised for row in rows)
    for block in {row.block for row in rows}:
        assert sorted(row.arm for row in rows if row.block == block) == ["none", "publish"]


@pytest.mark.parametrize("plan", [guilty(3, 3.0, clustered=True), *NOT_SEPARABLE.values()])
def test_every_kind_of_history_has_runs_and_drops(plan: Weeks) -> None:
    found = evidence_of(plan, 3)
    assert len(found.drops) > 20
    assert len(found.windows) >= 3
