"""What a verdict costs, from ten thousand facts to a million: `python -m tests.verdict_bench`, for docs/verdict.md.

A year of 150 agents, measured ever more often. The whole command reads files; `analyse` alone has its facts in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from monitor.analysis.verdict.analyse import analyse
from monitor.facts.evidence import Evidence
from monitor.outputs.sources.files.export import write_events, write_windows
from tests.histories.evidence import evidence_of, rules_of
from tests.histories.plan import Harm, Weeks
from tests.histories.scenarios import PEAK

YEAR: Final = Weeks(weeks=52, usual=PEAK, harm=Harm(ratio=5.0))
SAMPLES_S: Final = (6000.0, 1800.0, 600.0, 180.0, 58.0)
MEGABYTE: Final = 1024.0  # of the kilobytes that Linux counts memory in


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size. cpu: of the whole command, and of `analyse` alone; memory of the whole command at its peak."""

    facts: int
    file_mb: float
    command_cpu_s: float
    command_wall_s: float
    memory_mb: float
    analyse_cpu_s: float


def facts_of(found: Evidence) -> int:
    """Rows: drops, samples, head counts."""
    return len(found.drops) + len(found.heads.at_s) + sum(len(one) for one in found.series.values())


def year(sample_s: float) -> Evidence:
    """A year of facts, a measurement of every signal and site each sample_s."""
    return evidence_of(replace(YEAR, sample_s=sample_s), 1)


def analyse_cpu_s(found: Evidence, times: int = 3) -> float:
    """The least of several runs."""
    rules = rules_of(YEAR)
    spent = []
    for _ in range(times):
        began_s = time.process_time()
        analyse(found, rules)
        spent.append(time.process_time() - began_s)
    return min(spent)


def costs(samples_s: Sequence[float]) -> Iterator[Cost]:
    """One size after the other."""
    for sample_s in samples_s:
        found = year(sample_s)
        with TemporaryDirectory() as scratch:
            events, windows = Path(scratch, "events.csv"), Path(scratch, "windows.csv")
            write_events(found, events)
            write_windows(found.windows, windows)
            cpu_s, wall_s, memory_mb = _command(events, windows)
            file_mb = events.stat().st_size / 1e6
        yield Cost(facts_of(found), file_mb, cpu_s, wall_s, memory_mb, analyse_cpu_s(found))


def growth(small: Cost, large: Cost) -> float:
    """How the cost of `analyse` grew, as a multiple of what n log n would make of it."""
    usual = large.facts * np.log(large.facts) / (small.facts * np.log(small.facts))
    return float(large.analyse_cpu_s / small.analyse_cpu_s / usual)


def _command(events: Path, windows: Path) -> tuple[float, float, float]:
    """CPU seconds, seconds, and megabytes at the peak of `analyze`, its start included."""
    words = ["analyze", str(events), "--windows", str(windows), "--hours", "08:00-18:00", "--tz", "America/Chicago"]
    words += ["--days", "mon-fri"]
    began_s = time.perf_counter()
    program = subprocess.Popen([sys.executable, "-m", "monitor", *words, "--json"], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        raise SystemExit(f"analyze ended with {program.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began_s, used.ru_maxrss / MEGABYTE


def main() -> None:
    """Print the table."""
    print(
        "| facts | file | command, CPU | command, elapsed | memory | `analyse` alone, CPU | a million facts at that |"
    )
    print("|---|---|---|---|---|---|---|")
    found = []
    for cost in costs(SAMPLES_S):
        found.append(cost)
        a_million_s = cost.analyse_cpu_s / cost.facts * 1e6
        print(
            f"| {cost.facts:,} | {cost.file_mb:.1f} MB | {cost.command_cpu_s:.2f} s | {cost.command_wall_s:.2f} s "
            f"| {cost.memory_mb:.0f} MB | {cost.analyse_cpu_s:.3f} s | {a_million_s:.2f} s |",
            flush=True,
        )
    print(f"\nGrowth of `analyse` over all of it, against n log n: {growth(found[0], found[-1]):.2f}")


if __name__ == "__main__":
    main()
