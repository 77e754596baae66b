"""The last day from a real journal: newest first, nothing after the start, and stopped when asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_facts import SITE, T0, drop, ping

from monitor.facts.clock import ManualClock
from monitor.facts.observations import Observation
from monitor.outputs.journal import Journal, JournalError
from monitor.web.live.attempts import ProbeName
from monitor.web.live.data import LiveData, PageOptions
from monitor.web.live.restoring import restore

OPTIONS = PageOptions(site=SITE, probes=(ProbeName("beat", "heartbeat"),))


def memory() -> LiveData:
    return LiveData(OPTIONS, ManualClock(wall_s=T0))


async def test_a_day_comes_back_and_nothing_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "facts.db")
    for at_s in (-90_000, -50_000, -4000, -100, -1, 0, 5):
        journal.append(ping(T0 + at_s, None, "timeout"))
    journal.append(drop(T0 - 3))
    await journal.close()
    data = memory()
    restore(data, journal, T0, threading.Event())
    counts = {name: sum(data.snapshot(name)[1]["tracks"]["ws_rtt"]["n"]) for name in ("15m", "2h", "24h")}
    assert counts == {"15m": 2, "2h": 3, "24h": 4}
    assert data.snapshot("15m")[1]["drops_total"] == 1
    told = data.probe("beat")
    assert told is not None
    assert [entry["at"] - T0 for entry in told["failures"]] == [-1, -100, -4000, -50_000]


async def test_it_reads_the_newest_first_and_stops_when_asked() -> None:
    asked, stop = [], threading.Event()

    class Slow:
        def facts(self, since_s: float, until_s: float) -> Iterator[Observation]:
            asked.append((since_s, until_s))
            if len(asked) == 2:
                stop.set()
            return iter([ping(since_s)])

    journal: Any = Slow()
    restore(memory(), journal, T0, stop)
    assert asked == [(T0 - 300, T0), (T0 - 600, T0 - 300)]


async def test_a_journal_that_cannot_be_read_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def facts(self, since_s: float, until_s: float) -> Iterator[Observation]:
            raise JournalError("facts.db: disk I/O error")

    journal: Any = Broken()
    restore(memory(), journal, T0, threading.Event())
    assert "facts.db: disk I/O error" in caplog.text


async def test_a_mistake_of_ours_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Mistaken:
        def facts(self, since_s: float, until_s: float) -> Iterator[Observation]:
            raise KeyError(29_833_333)

    journal: Any = Mistaken()
    restore(memory(), journal, T0, threading.Event())
    assert "our own mistake" in caplog.text
    assert "KeyError: 29833333" in caplog.text
