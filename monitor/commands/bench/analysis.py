"""Bench section: how long `analyze` takes for a year of 150 simulated agents, from files, as a person would run it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from monitor.commands.bench.figures import summary
from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.markers import Marker
from monitor.outputs.sources.files.export import write_events, write_windows
from monitor.outputs.sources.observed import Observed
from monitor.simulator.history.calendar import begin_wall_s, end_wall_s
from monitor.simulator.history.history import Cadence, HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

SCENARIO, START, ZONE, SEED = "publish_saturates_signalling", date(2025, 11, 24), "America/Chicago", 1
YEAR_WEEKS, QUICK_WEEKS = 52, 4
RUNS = 5
# sparser than the monitor measures by itself: some million facts a year
CADENCE = Cadence(
    heartbeat_s=120.0,
    websocket_s=120.0,
    signalling_s=300.0,
    gathering_s=300.0,
    api_s=300.0,
    call_s=3600.0,
    media_s=30.0,
    own_lag_s=600.0,
)
KB_PER_MB = 1024.0  # ru_maxrss is in KB on Linux


def year(weeks: int) -> Evidence:
    """Simulated weeks of 150 agents with a publish on each Tuesday."""
    plan = HistoryPlan(start=START, weeks=weeks, cadence=CADENCE)
    zone, builder, markers = ZoneInfo(ZONE), EvidenceBuilder(), list[Marker]()
    builder.simulated = True
    reader = Observed(builder)
    for fact in facts(load_scenario(SCENARIO), plan, SEED):
        if isinstance(fact, Marker):
            markers.append(fact)
        else:
            reader.add(fact)
    end_s = end_wall_s(plan, zone)
    reader.markers(markers, end_s)
    reader.finish()
    return builder.build((begin_wall_s(plan, zone), end_s))


def analyzed(events: Path, windows: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and megabytes at the peak of the whole command. Raises RuntimeError."""
    words = ["analyze", str(events), "--windows", str(windows), "--hours", "08:00-18:00", "--tz", ZONE, "--json"]
    begun_s = time.monotonic()
    program = subprocess.Popen(  # noqa: S603 - our own command on our own files
        [sys.executable, "-m", "monitor", *words, "--days", "mon-fri"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _, status, used = os.wait4(program.pid, 0)
    except BaseException:
        program.kill()
        raise
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        raise RuntimeError(f"analyze ended with {program.returncode}")
    return time.monotonic() - begun_s, used.ru_utime + used.ru_stime, used.ru_maxrss / KB_PER_MB


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Seconds (elapsed and of processor time) and memory of `analyze`; the history itself is made beforehand."""
    weeks, runs = (QUICK_WEEKS, 1) if quick else (YEAR_WEEKS, RUNS)
    progress(f"analysis: {weeks} weeks of 150 simulated agents are being made up")
    found = year(weeks)
    with TemporaryDirectory() as scratch:
        events, windows = Path(scratch, "events.csv"), Path(scratch, "windows.csv")
        write_events(found, events)
        write_windows(found.windows, windows)
        took = []
        for run in range(1, runs + 1):
            progress(f"analysis: run {run} of {runs}")
            took.append(analyzed(events, windows))
        size_mb = events.stat().st_size / 1e6
    told: dict[str, Any] = {"unit": "s", "weeks": weeks, "agents": 150, "facts": _facts(found), "file_mb": size_mb}
    elapsed, cpu, memory = ([one[at] for one in took] for at in range(3))
    told |= {"elapsed": summary(elapsed), "cpu": summary(cpu), "peak_mb": summary(memory)}
    return {"analyze_seconds": told}


def _facts(found: Evidence) -> int:
    return len(found.drops) + len(found.heads.at_s) + sum(len(series) for series in found.series.values())
