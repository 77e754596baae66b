"""The journal: what it promised to keep is there afterwards, whatever happens to the process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import HeartbeatObserved, Observation, OwnLagObserved, SlotSkipped
from monitor.outputs import journal as journal_module
from monitor.outputs.journal import SCHEMA_VERSION, Journal, JournalError, JournalReader

T0 = 1_790_000_000.0
PING = HeartbeatObserved(site="s", probe="p", at_wall_s=T0, channel="xmpp", outcome="ok", rtt_s=0.01)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0, strategy="steady", agents=150)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal goes."""
    return tmp_path / "softphone.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """An open journal."""
    one = Journal(path)
    yield one
    await one.close()


async def written(path: Path, *facts: Observation, **options: Any) -> JournalReader:
    """A reader of a closed journal that was given these facts."""
    one = Journal(path, **options)
    for fact in facts:
        one.append(fact)
    await one.close()
    return JournalReader(path)


# Facts


async def test_facts_come_back_in_order_of_time(path: Path) -> None:
    facts = [replace(PING, at_wall_s=T0 + i) for i in (3, 1, 2)]
    reader = await written(path, *facts)
    assert list(reader.facts()) == sorted(facts, key=lambda fact: fact.at_wall_s)


async def test_facts_are_chosen_by_time_and_kind(path: Path) -> None:
    skipped = SlotSkipped(site="s", probe="p", at_wall_s=T0 + 5)
    reader = await written(path, PING, skipped, replace(PING, at_wall_s=T0 + 10))
    assert list(reader.facts(T0 + 5, T0 + 10)) == [skipped]
    assert list(reader.facts(kinds=["slot_skipped"])) == [skipped]
    assert [fact.kind for fact in reader.facts(kinds=["heartbeat"])] == ["heartbeat", "heartbeat"]
    assert list(reader.facts(kinds=[])) == []


async def test_of_own_lag_only_the_worst_of_a_noisy_second_is_kept(path: Path) -> None:
    lag = OwnLagObserved(site="s", probe="prober", at_wall_s=T0, process="prober", lag_samples_s=(0.001,) * 100)
    noisy = replace(lag, lag_samples_s=(0.002, 0.3, 0.1), lateness_samples_s=(0.01, 0.02))
    starved = replace(lag, at_wall_s=T0 + 1, waited_s=0.05, turns=110, gc_pauses_s=(0.001,))
    reader = await written(path, lag, noisy, starved)
    assert list(reader.facts()) == [
        replace(noisy, lag_samples_s=(0.3,), lateness_samples_s=(0.02,)),
        replace(starved, lag_samples_s=(0.001,), lateness_samples_s=(0.0,), gc_pauses_s=()),
    ]


async def test_reading_goes_on_while_writing_goes_on(journal: Journal, path: Path) -> None:
    await journal.add_marker(START)
    reading = JournalReader(path).facts()
    for i in range(1200):
        journal.append(replace(PING, at_wall_s=T0 + i))
    await journal.add_marker(replace(START, run_id="r2"))  # everything before it is committed as well
    assert len(list(reading)) == 1200
    halfway = journal.facts()
    assert next(halfway).at_wall_s == T0
    journal.append(PING)
    await journal.add_marker(replace(START, run_id="r3"))
    assert len(list(halfway)) == 1199


async def test_a_fact_from_a_newer_version_is_left_out_with_a_word(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = await written(path, PING)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO facts (kind, at_wall_s, site, json) VALUES ('new', ?, 's', '{\"kind\":\"new\"}')", (T0,)
        )
    connection.close()
    with caplog.at_level(logging.WARNING):
        assert list(reader.facts()) == [PING]
    assert "1 facts are of a kind this version does not know" in caplog.text


def flood(journal: Journal) -> None:
    """More facts than the writer takes at once."""
    for _ in range(journal_module.BATCH_LIMIT + 10):
        journal.append(PING)


async def test_too_many_waiting_facts_are_refused_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "QUEUE_LIMIT", 3)
    await written(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    one = Journal(path)
    try:
        with pytest.raises(JournalError, match="wait to be written"):
            flood(one)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
        await one.close()


async def test_old_facts_are_swept_and_markers_stay(path: Path) -> None:
    before = Journal(path)
    await before.add_marker(START)
    for i in range(10):
        before.append(replace(PING, at_wall_s=T0 + i * 3600))
    await before.close()
    clock = ManualClock(wall_s=T0 + 9 * 3600)
    reader = await written(path, retention_s=3 * 3600.0, clock=clock)
    assert [fact.at_wall_s for fact in reader.facts()] == [T0 + i * 3600 for i in (6, 7, 8, 9)]
    assert reader.markers() == [START]


# Markers


async def test_a_marker_is_there_once_it_is_added(journal: Journal, path: Path) -> None:
    assert await journal.add_marker(START) is True
    assert JournalReader(path).markers() == [START]


async def test_the_same_marker_is_stored_once(journal: Journal) -> None:
    assert await journal.add_marker(START) is True
    assert await journal.add_marker(replace(START, strategy="other")) is False
    assert journal.markers() == [START]


@pytest.mark.parametrize(
    "change", [{"run_id": "r2"}, {"job": "daily"}, {"phase": MarkerPhase.END}, {"at_wall_s": T0 + 1}]
)
async def test_another_identity_is_another_marker(journal: Journal, change: dict[str, Any]) -> None:
    await journal.add_marker(START)
    assert await journal.add_marker(replace(START, **change)) is True
    assert len(journal.markers()) == 2


async def test_a_start_that_told_no_time_is_stored_once_a_run_and_a_batch_always(journal: Journal) -> None:
    assert await journal.add_marker(START, once=True) is True
    assert await journal.add_marker(replace(START, at_wall_s=T0 + 3), once=True) is False
    batch = replace(START, phase=MarkerPhase.BATCH)
    assert await journal.add_marker(batch, once=True) is True
    assert await journal.add_marker(replace(batch, at_wall_s=T0 + 3), once=True) is True


async def test_one_of_many_same_markers_at_once_is_new(journal: Journal) -> None:
    answers = await asyncio.gather(*(journal.add_marker(START) for _ in range(20)))
    assert sorted(answers) == [False] * 19 + [True]


async def test_markers_are_listed_newest_first_within_bounds(journal: Journal) -> None:
    every = [replace(START, at_wall_s=T0 + i, run_id=f"r{i}") for i in range(5)]
    for one in every:
        await journal.add_marker(one)
    assert journal.markers() == every[::-1]
    assert journal.markers(T0 + 1, T0 + 4) == every[3:0:-1]
    assert journal.markers(limit=2) == [every[4], every[3]]


async def test_a_sender_that_goes_away_does_not_stop_the_writer(journal: Journal) -> None:
    adding = asyncio.create_task(journal.add_marker(START))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await journal.add_marker(replace(START, run_id="r2")) is True
    assert len(journal.markers()) == 2


# Trouble


async def test_only_the_owner_may_read_it(journal: Journal, path: Path) -> None:
    await journal.add_marker(START)
    files = list(path.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_close_may_be_called_twice_and_then_nothing_is_taken(journal: Journal) -> None:
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        await journal.add_marker(START)


def refused(path: Path) -> str:
    """The one line with which a journal is refused."""
    with pytest.raises(JournalError) as raised:
        Journal(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"not a database at all, " * 100)
    assert "not a database" in refused(path)


def test_a_database_of_something_else(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    assert "not a journal of softphone-monitor" in refused(path)


async def test_a_journal_from_a_newer_version(path: Path) -> None:
    await written(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = version + 1")
    connection.close()
    assert f"schema {SCHEMA_VERSION + 1}" in refused(path)
    with pytest.raises(JournalError, match="newer"):
        JournalReader(path).markers()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing" / "softphone.db")


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    assert "directory" in refused(tmp_path)


async def test_a_journal_that_somebody_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "BUSY_TIMEOUT_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE schema_version (version INTEGER)")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked" in refused(path)
    finally:
        holder.close()


def test_reading_a_journal_that_is_not_there(path: Path) -> None:
    with pytest.raises(JournalError, match="unable to open"):
        JournalReader(path).markers()
    assert not path.exists()


async def test_what_cannot_be_written_is_told_and_the_writer_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[int] = []
    one = Journal(path, on_lost=lost.append)
    await one.add_marker(START)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE facts RENAME TO elsewhere")
        connection.execute("ALTER TABLE markers RENAME TO elsewhere_too")
    connection.close()
    one.append(PING)
    with caplog.at_level(logging.ERROR), pytest.raises(JournalError, match="no such table"):
        await one.add_marker(replace(START, run_id="r2"))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO facts")
        connection.execute("ALTER TABLE elsewhere_too RENAME TO markers")
    connection.close()
    assert await one.add_marker(replace(START, run_id="r3")) is True
    await one.close()
    assert lost == [1]
    assert len([record for record in caplog.records if "cannot write" in record.message]) == 1


CHILD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import SlotSkipped
from monitor.outputs.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    for i in range(100000):
        journal.append(SlotSkipped(site="s", probe="p", at_wall_s=float(i)))
        await journal.add_marker(Marker(job="j", run_id=str(i), phase=MarkerPhase.START, at_wall_s=float(i)))
        print(i, flush=True)

asyncio.run(main())
"""


def test_every_confirmed_marker_survives_kill_9(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        confirmed = [int(child.stdout.readline()) for _ in range(30)]
        os.kill(child.pid, signal.SIGKILL)
        confirmed += [int(line) for line in child.stdout.read().split()]
    assert child.returncode == -signal.SIGKILL
    reader = JournalReader(path)
    stored = {int(marker.run_id) for marker in reader.markers()}
    assert set(confirmed) <= stored
    assert len(list(reader.facts())) >= len(confirmed)
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


async def test_a_stored_fact_is_plain_json_for_others_to_read(path: Path) -> None:
    await written(path, PING)
    connection = sqlite3.connect(path)
    kind, at_wall_s, site, text = connection.execute("SELECT kind, at_wall_s, site, json FROM facts").fetchone()
    connection.close()
    assert (kind, at_wall_s, site) == ("heartbeat", T0, "s")
    assert json.loads(text)["rtt_s"] == 0.01
