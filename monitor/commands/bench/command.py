"""`bench`: runs the sections one after the other, and tells their figures as tables or as one JSON object."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from monitor.commands.bench import accuracy, analysis, cpu, detection, distrust, scale, scrape, simulator, soak
from monitor.commands.bench.tables import tables
from monitor.commands.interruptible import sigterm_as_ctrl_c
from monitor.facts.clock import SystemClock, rfc3339

OK, FAILED, USAGE = 0, 1, 2
LIBRARIES = ("softphone-monitor", "aiortc", "aioice", "av", "pylibsrtp", "websockets", "prometheus-client")
NOTICE = "All load is SIMULATED: every end of every call and session is a process of this machine, over loopback"

Progress = Callable[[str], None]
Found = dict[str, object]


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """only: names of sections; none for all but the LONG ones.

    quick: a short run whose figures say no more than that it works.
    """

    only: tuple[str, ...] = ()
    quick: bool = False
    json_out: bool = False


class Section(Protocol):
    """A section's `measure`: its figures, ready for JSON, under the keys that `tables` knows."""

    def __call__(self, progress: Progress, *, quick: bool) -> Found: ...


SECTIONS: Mapping[str, Section] = {
    "cpu": cpu.measure,
    "scale": scale.measure,
    "accuracy": accuracy.measure,
    "detection": detection.measure,
    "distrust": distrust.measure,
    "scrape": scrape.measure,
    "analysis": analysis.measure,
    "simulator": simulator.measure,
    "soak": soak.measure,
}
LONG = frozenset({"soak"})  # an hour: run when they are named, and only then


def run_bench(options: BenchOptions) -> int:
    """Measure, print on stdout, and end with 0; 1 when a section failed, 2 for a section that does not exist.

    Raises KeyboardInterrupt after Ctrl-C or SIGTERM, once every process that was started has ended.
    """
    unknown = [name for name in options.only if name not in SECTIONS]
    if unknown:
        _say(f"no section is called {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
        return USAGE
    with sigterm_as_ctrl_c():
        found = _head(options)
        failed = _run(options, found)
    print(json.dumps(found) if options.json_out else tables(found))
    return FAILED if failed else OK


def _run(options: BenchOptions, found: dict[str, object]) -> dict[str, str]:
    """Put each section's figures into `found`; why sections failed, by name. One that fails stops no other."""
    failed: dict[str, str] = {}
    for name, measure in SECTIONS.items():
        if name not in (options.only or SECTIONS.keys() - LONG):
            continue
        try:
            found.update(measure(_say, quick=options.quick))
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
            _say(f"{name} failed: {failed[name]}")
    found["failed"] = failed
    return failed


def _head(options: BenchOptions) -> dict[str, object]:
    """Where, with what and how it was measured."""
    flags = [flag for flag, given in (("--quick", options.quick), ("--json", options.json_out)) if given]
    words = [*(f"--only {name}" for name in options.only), *flags]
    return {
        "command": " ".join(["softphone-monitor bench", *words]),
        "at": rfc3339(SystemClock().wall_s()),
        "simulated": True,
        "notice": NOTICE,
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, object]:
    """Cores that we may use, processor, kernel, Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.release()}"
    return {"cores": cores, "processor": _processor(), "kernel": system, "python": platform.python_version()}


def versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Of ourselves and the libraries that the figures depend on; those not installed are left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
