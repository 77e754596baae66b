"""Runs from markers in any order, with the change that told of them."""

from __future__ import annotations

from dataclasses import replace

from live_facts import T0

from monitor.facts.markers import Marker, MarkerPhase
from monitor.web.live import published
from monitor.web.live.published import Published

START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0, strategy="batch", agents=150)
BATCH = Marker(job="weekly", run_id="r1", phase=MarkerPhase.BATCH, at_wall_s=T0 + 30, batch_size=25, outcome="failed")
END = Marker(job="weekly", run_id="r1", phase=MarkerPhase.END, at_wall_s=T0 + 60, outcome="ok")
LIMIT_S = 7200.0


def test_a_run_is_shown_with_its_batches() -> None:
    runs = Published()
    for marker in (END, BATCH, START):
        runs.add(marker)
    assert runs.look(T0 + 100, LIMIT_S, 9)
    (run,) = runs.shown(T0 - 900, T0 + 100)
    assert (run["start"], run["end"], run["outcome"], run["strategy"], run["agents"]) == (
        T0,
        T0 + 60,
        "ok",
        "batch",
        150,
    )
    assert run["batches"] == [{"at": T0 + 30, "size": 25, "outcome": "failed"}]
    assert runs.change == 9
    assert runs.shown(T0 + 70, T0 + 970) == []


def test_a_running_run_has_no_end_and_ends_by_itself() -> None:
    runs = Published()
    runs.add(START)
    assert runs.look(T0 + 10, LIMIT_S, 1)
    assert runs.shown(T0 - 900, T0 + 10)[0]["end"] is None
    assert runs.running(T0 + 10)
    assert not runs.look(T0 + 20, LIMIT_S, 2)
    assert runs.look(T0 + LIMIT_S + 1, LIMIT_S, 3)
    last = runs.last(T0 + LIMIT_S + 1)
    assert last is not None
    assert (last.outcome, runs.change, runs.running(T0 + LIMIT_S + 1)) == ("aborted", 3, [])


def test_a_run_of_the_future_neither_runs_nor_was_the_last() -> None:
    runs = Published()
    runs.add(replace(START, at_wall_s=T0 + 60))
    runs.add(replace(START, run_id="r0", at_wall_s=T0 - 60))
    runs.add(replace(END, run_id="r0", at_wall_s=T0 - 30))
    assert runs.look(T0, LIMIT_S, 1)
    last = runs.last(T0)
    assert last is not None
    assert (runs.running(T0), last.run_id) == ([], "r0")
    assert [run["run_id"] for run in runs.shown(T0 - 900, T0)] == ["r0"]
    assert not runs.look(T0 + 50, LIMIT_S, 2)
    assert runs.look(T0 + 61, LIMIT_S, 3)  # nothing more is told of it
    assert [run.run_id for run in runs.running(T0 + 61)] == ["r1"]
    assert [run["run_id"] for run in runs.shown(T0 - 900, T0 + 61)] == ["r0", "r1"]


def test_a_marker_of_long_ago_is_told_too() -> None:
    runs = Published()
    runs.add(replace(START, at_wall_s=T0 - 2 * published.KEPT_S))
    assert runs.look(T0, LIMIT_S, 1)  # whoever shows all runs that the journal knows has one more
    assert not runs.look(T0 + 10, LIMIT_S, 2)


def test_a_marker_takes_the_place_of_another() -> None:
    runs = Published()
    runs.add(START)
    runs.add(END)
    runs.add(replace(END, at_wall_s=T0 + 50), instead_of=END)
    runs.look(T0 + 100, LIMIT_S, 1)
    assert runs.shown(T0 - 900, T0 + 100)[0]["end"] == T0 + 50


def test_markers_are_forgotten_after_two_days() -> None:
    runs = Published()
    runs.add(START)
    runs.look(T0 + published.KEPT_S + 1, LIMIT_S, 1)
    assert runs.last(T0 + published.KEPT_S + 1) is None
