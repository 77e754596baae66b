"""A real monitor with a job for each way of detection, a real simulator, the real SDK; and how well the ways do.

As a program: `python tests/detection_rig.py --runs 10` prints delay and edge errors for each way.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from product import line_with, simulator, started

from monitor.facts.clock import parse_rfc3339

PUBLISHER = Path(__file__).parent / "conformance/sdk_publisher.py"
WAYS = ("notification", "poll", "audit")
LOOK_EVERY_S = 0.02
PATIENCE_S = 100.0  # for a marker to appear: a guard against hanging, not a measurement
SCENARIO = """
name: detection
description: a quiet platform whose publishes take a while
expected: {{publish_harms_softphones: false, cause: none}}
agents: 150
rest: {{capacity: 2000.0, base_s: 0.002, jitter_s: 0.0}}
signalling: {{capacity: 2000.0, base_s: 0.002, jitter_s: 0.0}}
coupling: 0.0
publish_s: {publish_s}
processing_event: {processing}
"""
CONFIG = """
site: chicago
timezone: America/Chicago
genesys:
  rest: {rest}
  login: {rest}
  streaming: {ws}
  client: {{id_env: CLIENT_ID, secret_env: CLIENT_SECRET}}
probes: []
publish:
{jobs}
exporter: {{listen: "127.0.0.1:0"}}
journal: {{path: {journal}}}
"""


@dataclass(frozen=True)
class Settings:
    """Durations as the scenario and the configuration write them; an interval of "" is the product's default."""

    publish_s: float = 1.0
    processing: bool = True
    poll_interval: str = ""
    audit_interval: str = ""


@dataclass
class Publisher:
    """The SDK's process."""

    process: subprocess.Popen[str]

    def tell(self, order: str) -> dict[str, Any]:
        """`publish` or `draft`; what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(line_with(self.process.stdout, "{"))
        return told


@dataclass
class Rig:
    """The publisher, and the exporter's address of a monitor that has one job for each way, named after it.

    Jobs share no evidence: each finds a publish by its own way alone.
    """

    publisher: Publisher
    url: str

    def markers(self, way: str) -> list[dict[str, Any]]:
        """The markers of one job, newest first."""
        answer = httpx.get(f"{self.url}/markers?limit=1000", trust_env=False, timeout=20).raise_for_status()
        return [marker for marker in answer.json()["markers"] if marker["job"] == way]

    def next_run(self, way: str, known: int) -> tuple[dict[str, dict[str, Any]], float]:
        """Start and end of the run after the first `known` ones, and when they were there, Unix seconds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            markers = self.markers(way)
            seen_s = time.time()
            ends = [marker for marker in markers if marker["phase"] == "end"]
            if len(ends) > known:
                newest = max(ends, key=lambda marker: parse_rfc3339(marker["time"]))
                return {m["phase"]: m for m in markers if m["run_id"] == newest["run_id"]}, seen_s
            time.sleep(LOOK_EVERY_S)
        raise AssertionError(f"{way}: no new run in {markers}")


@contextmanager
def rig(folder: Path, settings: Settings) -> Iterator[Rig]:
    """Everything running, every job knowing what was there before."""
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO.format(publish_s=settings.publish_s, processing=str(settings.processing).lower()))
    with simulator("--scenario", str(scenario)) as info:
        config = folder / "monitor.yaml"
        jobs = "\n".join(_job(info["business_unit"], way, settings) for way in WAYS)
        config.write_text(CONFIG.format(**info, jobs=jobs, journal=folder / "facts.db"))
        env = {"CLIENT_ID": info["client_id"], "CLIENT_SECRET": info["client_secret"]}
        with started("run", "-c", str(config), env=env) as process, _publisher(info, folder) as publisher:
            address = line_with(process.stderr, "ready:").partition("http://")[2].partition("/metrics")[0]
            ready = Rig(publisher, f"http://{address}")
            _await_first_look(ready)
            yield ready


def _job(unit: str, way: str, settings: Settings) -> str:
    interval = {"poll": settings.poll_interval, "audit": settings.audit_interval}.get(way, "")
    more = f", {way}_interval: {interval}" if interval else ""
    return f"  - {{name: {way}, business_unit: {unit}, detect: [{way}], gap: 0s{more}}}"


def _await_first_look(ready: Rig) -> None:
    """Until both lists (that of polling, and that after subscribing) and the audit have been answered.

    What is published from then on is new.
    """
    wanted = {"schedules": 2, "audits": 1}
    while wanted:
        lines = httpx.get(f"{ready.url}/metrics", trust_env=False, timeout=20).text.splitlines()
        for operation, count in tuple(wanted.items()):
            series = f'softphone_api_requests_total{{operation="{operation}",site="chicago",status="200"}} '
            if any(line.startswith(series) and float(line.removeprefix(series)) >= count for line in lines):
                del wanted[operation]
        time.sleep(0.05)


@contextmanager
def _publisher(info: dict[str, Any], folder: Path) -> Iterator[Publisher]:
    """HOME is an empty directory, as importing the SDK watches it for a configuration file."""
    with subprocess.Popen(
        [sys.executable, str(PUBLISHER), json.dumps(info)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    ) as process:
        line_with(process.stdout, "ready")
        yield Publisher(process)  # its stdin is closed behind it, which ends it


@dataclass(frozen=True)
class Measured:
    """One publish as one way found it, in seconds. delay: saved by the platform -> markers there. Errors: marker minus
    truth; widths: of the markers' own intervals. held: both truths lie in them."""

    way: str
    delay_s: float
    end_error_s: float
    start_error_s: float
    end_width_s: float
    start_width_s: float
    held: bool


def measure(ready: Rig, runs: int, pause_s: float, seed: int = 1) -> list[Measured]:
    """Publish `runs` times, each once every way has found the last, after a random pause of 0 to twice `pause_s`."""
    chance = random.Random(seed)
    found: list[Measured] = []
    with ThreadPoolExecutor(len(WAYS)) as watchers:
        for index in range(runs):
            time.sleep(chance.uniform(0.0, 2.0) * pause_s)
            waiting = {way: watchers.submit(ready.next_run, way, index) for way in WAYS}
            truth = ready.publisher.tell("publish")
            found += [_measured(way, truth, *run.result()) for way, run in waiting.items()]
            print(f"run {index + 1} of {runs}", file=sys.stderr, flush=True)
    return found


def _measured(way: str, truth: dict[str, Any], run: dict[str, dict[str, Any]], seen_s: float) -> Measured:
    # the request for the update reached the platform between these two
    started_s = (truth["asked_s"] + truth["answered_s"]) / 2
    start, end = (
        {key: parse_rfc3339(run[phase][key]) for key in ("time", "time_min", "time_max")} for phase in ("start", "end")
    )
    slack_s = 0.002  # times are told in whole milliseconds
    return Measured(
        way=way,
        delay_s=seen_s - truth["saved_s"],
        end_error_s=end["time"] - truth["saved_s"],
        start_error_s=start["time"] - started_s,
        end_width_s=end["time_max"] - end["time_min"],
        start_width_s=start["time_max"] - start["time_min"],
        held=end["time_min"] - slack_s <= truth["saved_s"] <= end["time_max"] + slack_s
        and start["time_min"] - slack_s <= truth["asked_s"]
        and truth["asked_s"] <= start["time_max"] + slack_s,
    )


def report(found: Sequence[Measured]) -> str:
    """A table in Markdown: median and worst of each way."""
    lines = [
        "| way | runs | delay, median (worst) | end error | start error | end interval | start interval | held |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for way in dict.fromkeys(one.way for one in found):
        mine = [one for one in found if one.way == way]
        cells = [
            _middle_and_worst([getattr(one, name) for one in mine])
            for name in ("delay_s", "end_error_s", "start_error_s")
        ]
        widths = [
            f"{statistics.median(getattr(one, name) for one in mine):.1f} s"
            for name in ("end_width_s", "start_width_s")
        ]
        held = f"{sum(one.held for one in mine)} of {len(mine)}"
        lines.append("| " + " | ".join([way, str(len(mine)), *cells, *widths, held]) + " |")
    return "\n".join(lines)


def _middle_and_worst(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} s ({max(values, key=abs):.3f} s)"


def main() -> None:
    """Measure with the product's default intervals unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--publish-seconds", type=float, default=5.0, help="how long the platform takes")
    parser.add_argument(
        "--pause",
        type=float,
        default=30.0,
        help="seconds between publishes, on average: half of the "
        "longest interval, so that every moment of it is as likely",
    )
    parser.add_argument("--poll-interval", default="")
    parser.add_argument("--audit-interval", default="")
    parser.add_argument("--no-processing-event", action="store_true")
    given = parser.parse_args()
    settings = Settings(given.publish_seconds, not given.no_processing_event, given.poll_interval, given.audit_interval)
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), settings) as ready:
        print(report(measure(ready, given.runs, given.pause)))


if __name__ == "__main__":
    main()
