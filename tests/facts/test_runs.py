"""Markers to runs: in any order, with edges missing, late, repeated, or never told."""

from __future__ import annotations

import random
from typing import Any

import pytest

from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.runs import Batch, Run, is_detected, joined_ways, runs_of

T0 = 1_795_536_000.0
LIMIT_S = 7200.0


def marker(phase: str, at_s: float, run_id: str = "r1", job: str = "weekly", **more: Any) -> Marker:
    """A marker `at_s` seconds after T0."""
    return Marker(job=job, run_id=run_id, phase=MarkerPhase(phase), at_wall_s=T0 + at_s, **more)


def only(markers: list[Marker], now_s: float = 600.0) -> Run:
    """The one run that these markers tell of."""
    (run,) = runs_of(markers, now_wall_s=T0 + now_s, limit_s=LIMIT_S)
    return run


WHOLE = [
    marker("start", 0, strategy="steady", batch_size=50, pause_s=2.0, agents=150),
    marker("batch", 10, batch_size=50),
    marker("batch", 20, batch_size=25, outcome="failed"),
    marker("end", 30, outcome="failed"),
]


def test_a_whole_run() -> None:
    run = only(WHOLE)
    assert (run.start_wall_s, run.end_wall_s, run.outcome) == (T0, T0 + 30, "failed")
    assert run.batches == (
        Batch(at_wall_s=T0 + 10, size=50, outcome="ok"),
        Batch(at_wall_s=T0 + 20, size=25, outcome="failed"),
    )
    assert (run.strategy, run.batch_size, run.pause_s, run.agents) == ("steady", 50, 2.0, 150)
    assert (run.start_min_wall_s, run.start_max_wall_s) == (T0, T0)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    shuffled = random.Random(seed).sample(WHOLE, len(WHOLE))
    assert only(shuffled) == only(WHOLE)


def test_a_repeated_marker_counts_once() -> None:
    assert only(WHOLE + WHOLE) == only(WHOLE)


def test_a_run_goes_on_until_its_end() -> None:
    run = only(WHOLE[:2])
    assert (run.outcome, run.end_wall_s) == ("running", None)
    assert run.active_at(T0)
    assert run.active_at(T0 + 599)
    assert not run.active_at(T0 - 1)
    assert not only(WHOLE).active_at(T0 + 30)
    assert only(WHOLE).active_at(T0 + 29.9)


def test_a_run_without_an_end_is_aborted_after_the_limit() -> None:
    started = [marker("start", 0)]
    assert only(started, LIMIT_S - 1).outcome == "running"
    run = only(started, LIMIT_S)
    assert (run.outcome, run.end_wall_s) == ("aborted", T0 + LIMIT_S)
    assert (run.end_min_wall_s, run.end_max_wall_s) == (T0, T0 + LIMIT_S)
    assert not run.active_at(T0 + LIMIT_S)


def test_the_limit_counts_from_the_last_sign_of_life() -> None:
    markers = [marker("start", 0), marker("batch", 7000)]
    assert only(markers, 7000 + LIMIT_S - 1).outcome == "running"
    assert only(markers, 7000 + LIMIT_S).end_min_wall_s == T0 + 7000


def test_an_end_that_comes_late_replaces_the_abort() -> None:
    markers = [marker("start", 0), marker("end", 30)]
    assert only(markers, 10 * LIMIT_S).outcome == "ok"


def test_an_end_without_a_start_was_never_active() -> None:
    run = only([marker("end", 30)])
    assert (run.start_wall_s, run.end_wall_s, run.outcome) == (None, T0 + 30, "ok")
    assert run.start_min_wall_s is None
    assert not run.active_at(T0 + 29)
    assert run.first_wall_s == T0 + 30


def test_batches_without_a_start_are_active_from_the_first() -> None:
    run = only([marker("batch", 5), marker("batch", 15)])
    assert run.start_wall_s is None
    assert run.active_at(T0 + 5)
    assert not run.active_at(T0 + 4)


def test_the_first_start_and_the_last_end_hold() -> None:
    run = only([marker("end", 40), marker("start", 3), marker("start", 0), marker("end", 30)])
    assert (run.start_wall_s, run.end_wall_s) == (T0, T0 + 40)


def test_a_noticed_edge_keeps_its_bounds() -> None:
    noticed = marker("start", 10, at_min_wall_s=T0, at_max_wall_s=T0 + 10, found_by="poll")
    run = only([noticed, marker("end", 30)])
    assert (run.start_min_wall_s, run.start_max_wall_s, run.found_by) == (T0, T0 + 10, "poll")
    assert (run.end_min_wall_s, run.end_max_wall_s) == (T0 + 30, T0 + 30)


def test_jobs_and_runs_are_told_apart_oldest_first() -> None:
    markers = [marker("start", 50, "b"), marker("start", 0, "a"), marker("start", 20, "a", job="daily")]
    runs = runs_of(markers, now_wall_s=T0 + 60)
    assert [(run.job, run.run_id) for run in runs] == [("weekly", "a"), ("daily", "a"), ("weekly", "b")]


def test_no_markers_no_runs() -> None:
    assert runs_of([], now_wall_s=T0) == ()


# --- told and detected --------------------------------------------------------------------------------------------


def found(phase: str, at_s: float, run_id: str = "found", by: str = "notification", **more: Any) -> Marker:
    """A marker of a detected run."""
    return marker(phase, at_s, run_id, found_by=by, **more)


def test_a_detected_run_within_a_told_one_is_that_one() -> None:
    run = only([*WHOLE, found("start", 5, agents=7), found("end", 25)])
    assert (run.run_id, run.start_wall_s, run.end_wall_s) == ("r1", T0, T0 + 30)
    assert (run.agents, run.found_by, len(run.batches)) == (150, "told+notification", 2)


@pytest.mark.parametrize(("start_s", "end_s", "runs"), [(89, 95, 1), (91, 95, 2), (-95, -59, 1), (-95, -61, 2)])
def test_they_may_be_a_minute_apart(start_s: float, end_s: float, runs: int) -> None:
    markers = [*WHOLE, found("start", start_s), found("end", end_s)]
    assert len(runs_of(markers, now_wall_s=T0 + 600)) == runs


def test_an_open_told_run_takes_in_what_is_found_meanwhile() -> None:
    run = only([marker("start", 0), found("start", 200), found("end", 220, agents=9)])
    assert (run.outcome, run.end_wall_s, run.agents) == ("running", None, 9)


def test_a_start_that_nobody_told_is_the_detected_one() -> None:
    run = only([marker("end", 30), found("start", 5, at_min_wall_s=T0, at_max_wall_s=T0 + 6), found("end", 25)])
    assert (run.start_wall_s, run.start_min_wall_s, run.start_max_wall_s) == (T0 + 5, T0, T0 + 6)
    assert run.end_wall_s == T0 + 30


def test_a_start_after_the_told_end_is_not_its_start() -> None:
    run = only([marker("end", 30), found("start", 60), found("end", 65)])
    assert (run.start_wall_s, run.end_wall_s) == (None, T0 + 30)


def test_batches_that_nobody_told_are_the_detected_ones() -> None:
    run = only([marker("start", 0), marker("end", 30), found("start", 1), found("batch", 9), found("end", 20)])
    assert [batch.at_wall_s for batch in run.batches] == [T0 + 9]


def test_each_detected_run_goes_to_the_told_one_that_it_shares_most_with() -> None:
    second = [marker("start", 50, "r2"), marker("end", 80, "r2")]
    runs = runs_of([*WHOLE, *second, found("start", 45), found("end", 75, by="poll")], now_wall_s=T0 + 600)
    assert [(run.run_id, run.found_by) for run in runs] == [("r1", "told"), ("r2", "told+notification")]


def test_ways_are_joined_once_each_with_what_was_told_first() -> None:
    assert joined_ways(["audit", "notification+audit", "told", "cron"]) == "told+cron+notification+audit"
    assert is_detected("poll+audit")
    assert not is_detected("told+poll")
    assert not is_detected("")


def test_attributes_of_all_markers_are_put_together_the_later_ones_winning() -> None:
    told = [marker("start", 0, attributes={"arm": "none", "block": "1"}), marker("end", 9, attributes={"block": "2"})]
    assert only(told).attributes == {"arm": "none", "block": "2"}


@pytest.mark.parametrize(
    ("of_batches", "of_end", "calls"),
    [
        (("10", "20"), "35", 35),
        (("10", "20"), None, 30),
        (("10", "about ten"), None, 10),
        (("-5", "1e3"), "", None),
    ],
)
def test_calls_are_those_of_the_end_or_of_the_batches(
    of_batches: tuple[str, ...], of_end: str | None, calls: int | None
) -> None:
    told = [marker("start", 0), *(marker("batch", n, attributes={"calls": c}) for n, c in enumerate(of_batches, 1))]
    told.append(marker("end", 9, attributes={} if of_end is None else {"calls": of_end}))
    assert only(told).calls == calls


def test_a_told_run_takes_calls_and_attributes_from_its_detected_twin() -> None:
    found = [
        marker("start", 1, run_id="found", found_by="poll", attributes={"week": "1", "by": "poll"}),
        marker("end", 8, run_id="found", found_by="poll", attributes={"calls": "7"}),
    ]
    (run,) = runs_of([marker("start", 0, attributes={"by": "script"}), marker("end", 9), *found], now_wall_s=T0 + 60)
    assert (run.attributes, run.calls) == ({"week": "1", "by": "script", "calls": "7"}, 7)
