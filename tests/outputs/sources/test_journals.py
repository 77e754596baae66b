"""Journals to evidence: the same as the facts themselves, several sites at once, one window for one run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date, time
from pathlib import Path

import numpy as np
import pytest

from monitor.facts.evidence import Evidence
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import HeartbeatObserved, MonitorStarted, Observation
from monitor.outputs.journal import Journal, JournalError
from monitor.outputs.sources.journals import read_journals
from monitor.outputs.sources.observed import facts_evidence
from monitor.simulator.history.history import HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

T0 = 1_790_000_000.0
PING = HeartbeatObserved(site="north", probe="p", at_wall_s=T0, channel="xmpp", outcome="ok", rtt_s=0.01)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0)
END = replace(START, phase=MarkerPhase.END, at_wall_s=T0 + 60)
STARTED = MonitorStarted(site="north", probe="", at_wall_s=T0 - 100, version="1", simulated=True)


async def written(path: Path, told: Iterable[Observation | Marker]) -> Path:
    """A closed journal of these."""
    journal = Journal(path)
    for one in told:
        if isinstance(one, Marker):
            await journal.add_marker(one)
        else:
            journal.append(one)
    await journal.close()
    return path


def assert_same(one: Evidence, other: Evidence) -> None:
    """Equal in everything, names resolved."""
    assert one.series.keys() == other.series.keys()
    tables = [*((one.series[name], other.series[name]) for name in one.series), (one.drops, other.drops)]
    for mine, theirs in [*tables, (one.heads, other.heads)]:
        for column in (field.name for field in fields(mine)):
            a, b = getattr(mine, column), getattr(theirs, column)
            if a.dtype == np.int32 and column != "code":
                assert [one.names[code] for code in a] == [other.names[code] for code in b]
            else:
                np.testing.assert_array_equal(a, b)
    for name in ("windows", "span", "gaps", "suspects", "warnings", "simulated"):
        assert getattr(one, name) == getattr(other, name)


async def test_a_journal_gives_the_same_as_the_facts_it_was_told(tmp_path: Path) -> None:
    plan = HistoryPlan(start=date(2026, 9, 14), weeks=1, hours=(time(9, 50), time(10, 10)), days="mon-tue")
    told = list(facts(load_scenario("publish_saturates_signalling"), plan, 3))
    heard = [one for one in told if one.__class__.__name__ != "OwnLagObserved"]  # of a quiet second nothing is kept
    read = read_journals([await written(tmp_path / "one.db", heard)])
    assert len(read.series) > 10
    assert_same(read, facts_evidence(heard))


async def test_several_sites_told_of_one_run_give_one_window(tmp_path: Path) -> None:
    north = await written(tmp_path / "north.db", [PING, START, END])
    south = await written(tmp_path / "south.db", [replace(PING, site="south", at_wall_s=T0 + 1), START, END])
    evidence = read_journals([north, south, tmp_path / "." / "north.db"])
    assert evidence.sites == ("north", "south")
    assert [(window.start_s, window.end_s) for window in evidence.windows] == [(T0, T0 + 60)]
    assert sum(len(series) for series in evidence.series.values()) == 2


async def test_only_the_period_is_read_with_the_runs_that_reach_into_it(tmp_path: Path) -> None:
    told = [replace(PING, at_wall_s=T0 + n) for n in (0, 30, 90)]
    early = [replace(one, run_id="r0", at_wall_s=one.at_wall_s - 1000) for one in (START, END)]
    path = await written(tmp_path / "north.db", [*told, *early, START, END])
    evidence = read_journals([path], T0 + 30, T0 + 80)
    assert evidence.span == (T0 + 30, T0 + 30)
    assert [window.run_id for window in evidence.windows] == ["r1"]


async def test_simulated_is_what_the_last_start_before_the_period_says(tmp_path: Path) -> None:
    real = replace(STARTED, at_wall_s=T0 + 50, simulated=False)
    path = await written(tmp_path / "north.db", [STARTED, PING, real, replace(PING, at_wall_s=T0 + 60)])
    assert read_journals([path]).simulated
    assert read_journals([path], T0).simulated
    assert not read_journals([path], T0 + 55).simulated


async def test_a_fact_of_a_newer_version_is_left_out_with_a_warning(tmp_path: Path) -> None:
    path = await written(tmp_path / "north.db", [PING])
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO facts (kind, at_wall_s, site, json) VALUES ('new', ?, 's', '{}')", (T0,))
    connection.close()
    (warning,) = read_journals([path]).warnings
    assert "1 facts are of a kind this version does not know" in warning


def test_a_journal_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"missing\.db: there is no such file"):
        read_journals([tmp_path / "missing.db"])


def test_a_file_that_is_no_journal_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a journal, but long enough to be taken for something" * 20)
    with pytest.raises(JournalError, match=r"notes\.db: file is not a database"):
        read_journals([path])


async def test_an_empty_journal_is_no_evidence(tmp_path: Path) -> None:
    assert read_journals([await written(tmp_path / "north.db", [])]).span is None
