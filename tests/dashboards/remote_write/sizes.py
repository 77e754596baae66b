"""What a monitor costs a server: its series, from its real exposition, and the bytes of a sample, on real servers.

Run: python -m tests.dashboards.remote_write.sizes series
     python -m tests.dashboards.remote_write.sizes bytes [HOURS]    (on real servers; a minute and more)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, Final

import httpx

from monitor.app import metrics_options
from monitor.config.load import load
from monitor.facts.clock import ManualClock
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import ApiObserved, GatheringObserved, Observation
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.simulator.history.history import HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario
from tests import conftest  # noqa: F401 - lets the helpers beside the tests be imported, also without pytest
from tests.system.backfill import backfill, exposed
from tests.system.remote_writing import WRITE, agent, receiver
from tests.system.victoria_metrics import victoria_metrics

EXAMPLE = Path(__file__).parents[3] / "monitor" / "config" / "example.yaml"
WIRE_S: Final = 30.0
WIRE: Final = ("prometheus_remote_storage_bytes_total", "prometheus_remote_storage_samples_total")
OF_THE_SCRAPE = 5  # up, scrape_duration_seconds and the like, which the scraper adds
EVERY_S: Final = 15.0
# As `bytes` measured them: chunks and index of a Prometheus, and a request by the agent.
AT_REST_BYTES: Final = 1.0
WIRE_BYTES: Final = 15.5
AT_S = 1_790_000_000.0
ABOUT: dict[str, Any] = {"site": "chicago", "probe": "p", "at_wall_s": AT_S}
# What a platform hands out: one STUN server and one TURN server, by UDP and by TCP.
HANDED_OUT = (
    ServerResult("stun.example.com:3478", "stun", "udp", ServerOutcome.OK, 0.02),
    ServerResult("turn.example.com:3478", "turn", "udp", ServerOutcome.OK, 0.05),
    ServerResult("turn.example.com:443", "turn", "tcp", ServerOutcome.OK, 0.06),
)


def options(agents: int = 1, *, per_agent: bool = False) -> MetricsOptions:
    """What the example settings make known, with that many synthetic softphones."""
    names = tuple(f"synthetic-{n}" for n in range(1, agents + 1))
    return replace(metrics_options(load(EXAMPLE)), agents=names, per_agent=per_agent)


def series(metrics: Metrics) -> int:
    """How many series a scrape of it gives."""
    lines = metrics.render("")[0].decode().splitlines()
    return sum(not line.startswith("#") for line in lines) + OF_THE_SCRAPE


def used(metrics: Metrics, agents: int) -> Metrics:
    """The monitor after a while: the platform's servers are known, and how its calls are answered."""
    host = (CandidateType.HOST,)
    for number in range(1, agents + 1):
        gathering = GatheringObserved(
            **ABOUT,
            agent=f"synthetic-{number}",
            servers="platform",
            signature=Signature.OK,
            wanted=host,
            obtained=host,
            results=HANDED_OUT,
            seconds=0.1,
        )
        metrics.observe(gathering)
    for operation in options().operations:
        for status in ("200", "429", "timeout"):
            metrics.observe(ApiObserved(**ABOUT, operation=operation, status=status, seconds=0.1))
    return metrics


def published(metrics: Metrics, runs: int) -> Metrics:
    """The monitor after that many runs of the publish job."""
    for run in range(runs):
        start = Marker(job="weekly", run_id=f"r{run}", phase=MarkerPhase.START, at_wall_s=AT_S - 604_800.0 * run)
        metrics.marker(start)
        metrics.marker(replace(start, phase=MarkerPhase.END, at_wall_s=start.at_wall_s + 600.0))
    return metrics


def counted() -> list[tuple[str, int]]:
    """What docs/scaling.md shows, in order."""

    def monitor(agents: int = 1, *, per_agent: bool = False) -> Metrics:
        return Metrics("chicago", options(agents, per_agent=per_agent), ManualClock(wall_s=AT_S))

    return [
        ("just started", series(monitor())),
        ("in use", series(used(monitor(), 1))),
        ("in use, 60 runs of one publish job", series(published(used(monitor(), 1), 60))),
        ("in use, 60 runs, 150 softphones", series(published(used(monitor(150), 150), 60))),
        ("in use, 60 runs, 10 softphones, `per_agent`", series(published(used(monitor(10, per_agent=True), 10), 60))),
        (
            "in use, 60 runs, 150 softphones, `per_agent`",
            series(published(used(monitor(150, per_agent=True), 150), 60)),
        ),
    ]


def fleet_table() -> Iterator[str]:
    """What docs/scaling.md shows for many sites, one of which is told of the publish job's runs."""
    one, with_runs = (dict(counted())[name] for name in ("in use", "in use, 60 runs of one publish job"))
    yield "| sites | series | samples a second | remote write | at rest, a day | at rest, 400 days |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for sites in (1, 10, 100, 1000):
        many = one * sites + with_runs - one
        a_second = many / EVERY_S
        a_day = a_second * 86_400 * AT_REST_BYTES
        yield (
            f"| {sites:,} | {many:,} | {a_second:,.0f} | {a_second * WIRE_BYTES / 1000:,.1f} kB/s "
            f"| {a_day / 1e6:,.1f} MB | {a_day * 400 / 1e9:,.1f} GB |"
        )


def day(hours: int) -> list[Observation | Marker]:
    """So many hours of one simulated site."""
    plan = HistoryPlan(start=date(2026, 9, 15), weeks=1, days="tue", hours=(time(8), time(8 + hours)))
    told: list[Observation | Marker] = list(facts(load_scenario("publish_saturates_signalling"), plan, 1))
    return told


def scrapes(hours: int) -> Iterator[list[str]]:
    """The samples of these hours, one scrape every 15 s."""
    yield from exposed(day(hours), "chicago", options(), 15.0)


def of_prometheus(directory: Path, samples: list[list[str]], count: int) -> str:
    """What its blocks need."""
    backfill(directory, samples)
    files = [path for path in (directory / "data").rglob("*") if path.is_file()]
    chunks = sum(path.stat().st_size for path in files if path.parent.name == "chunks")
    index = sum(path.stat().st_size for path in files if path.name == "index")
    return f"Prometheus: chunks {chunks / count:.2f}, index {index / count:.2f} bytes a sample"


def of_victoria_metrics(directory: Path, samples: list[list[str]], count: int) -> str:
    """What its data and its index need, by its own account."""
    with victoria_metrics(directory) as url, httpx.Client(base_url=url, trust_env=False, timeout=600.0) as http:
        for one in samples:
            lines = [f"{head} {float(at_s) * 1000:.0f}" for head, at_s in (line.rsplit(" ", 1) for line in one)]
            http.post("/api/v1/import/prometheus", content="\n".join(lines)).raise_for_status()
        http.get("/internal/force_flush").raise_for_status()
        rows = [line.rpartition(" ") for line in http.get("/metrics").text.splitlines()]
    told = {name: float(value) for name, _, value in rows if name.startswith(("vm_data_size_bytes{", "vm_rows{"))}
    assert sum(value for name, value in told.items() if name.startswith('vm_rows{type="storage')) == count
    data = sum(value for name, value in told.items() if name.startswith('vm_data_size_bytes{type="storage'))
    index = told['vm_data_size_bytes{type="indexdb"}']
    return f"VictoriaMetrics: data {data / count:.2f}, index {index / count:.2f} bytes a sample"


def of_the_wire(directory: Path) -> str:
    """What an agent sends to a receiver for a sample, one request a scrape."""
    body = used(Metrics("chicago", options(), ManualClock(wall_s=AT_S)), 1).render("")[0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, receiver(directory) as url:
        Thread(target=server.serve_forever, daemon=True).start()
        with agent(directory, f"127.0.0.1:{server.server_port}", [f"{url}{WRITE}"]) as own:
            sleep(WIRE_S)
            told = httpx.get(f"{own}/metrics", trust_env=False).text
        server.shutdown()
    sent = {
        name: float(line.split()[-1]) for line in told.splitlines() for name in WIRE if line.startswith(f"{name}{{")
    }
    ratio = sent[WIRE[0]] / sent[WIRE[1]]
    return f"remote write: {ratio:.1f} bytes a sample, {len(body)} bytes a scrape before it is compressed"


def bytes_of_a_sample(hours: int) -> Iterator[str]:
    """Lines that say what a sample needs, at rest and on the wire."""
    samples = [list(one) for one in scrapes(hours)]
    count = sum(len(one) for one in samples)
    yield f"{hours} h at 15 s: {count} samples"
    for measured in (of_prometheus, of_victoria_metrics):
        with tempfile.TemporaryDirectory() as folder:
            yield measured(Path(folder), samples, count)
    with tempfile.TemporaryDirectory() as folder:
        yield of_the_wire(Path(folder))


if __name__ == "__main__":
    if sys.argv[1:2] == ["series"]:
        print("\n".join([*(f"| {what} | {many:,} |" for what, many in counted()), "", *fleet_table()]))
    else:
        for line in bytes_of_a_sample(int(sys.argv[2]) if len(sys.argv) > 2 else 2):
            print(line, flush=True)
