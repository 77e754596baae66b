"""A running exporter with its knobs: real HTTP on a free loopback port, whatever address it believes to listen on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from monitor.facts.clock import ManualClock
from monitor.facts.probe_result import ProbePhase, ProbeResult
from monitor.outputs.journal import Journal
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.web.exporter import WebContext, create_app, serve
from monitor.web.live.attempts import ProbeName
from monitor.web.live.data import LiveData, PageOptions
from monitor.web.server import ServerHandle
from monitor.web.streams import Streams

START = {"job": "weekly", "run_id": "r1", "phase": "start", "time": "2026-11-24T10:00:00-06:00"}
OPEN = {"host": "192.0.2.2", "token": "s3cret"}  # believes to listen off loopback
PROBES = {"heartbeat-1": "heartbeat", "api-1": "api"}
UP = ProbeResult(
    target="heartbeat-1",
    module="heartbeat",
    success=True,
    duration_s=0.25,
    phases=(ProbePhase(name="ping", seconds=0.02, outcome="ok"),),
    log=("connecting", "ping answered"),
)


class Explained:
    """Explanations that a test tells."""

    def __init__(self) -> None:
        self.version = 0
        self._told: dict[str, Any] = {}

    def told(self) -> Mapping[str, Any]:
        """The latest."""
        return self._told

    def tell(self, **told: Any) -> None:
        """There is something new."""
        self._told, self.version = told, self.version + 1


@dataclass
class Bench:
    """A running exporter. readers: how many streams were open, each time that changed."""

    journal: Journal
    clock: ManualClock
    data: LiveData
    streams: Streams
    explained: Explained
    readers: list[int]
    ready: bool = True
    bad_settings: Sequence[str] = ()
    result: ProbeResult | Exception = UP
    asked: list[tuple[str, str]] = field(default_factory=list)
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    server: ServerHandle | None = None
    port: int = 0

    async def probe_now(self, target: str, module: str) -> ProbeResult:
        """Note what was asked."""
        self.asked.append((target, module))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def reload(self) -> Sequence[str]:
        """What is wrong with the settings."""
        return self.bad_settings

    def context(self, **more: Any) -> WebContext:
        """What the exporter answers with."""
        return WebContext(
            streams=self.streams,
            metrics=Metrics("chicago", MetricsOptions(jobs=("weekly",)), self.clock),
            journal=self.journal,
            probes=lambda: PROBES,
            probe_now=self.probe_now,
            ready=lambda: self.ready,
            reload=self.reload,
            clock=self.clock,
            **more,
        )


def make_bench(path: Path) -> Bench:
    """One that does not run yet."""
    clock, explained, readers = ManualClock(), Explained(), list[int]()
    options = PageOptions(site="chicago", zone="America/Chicago", probes=tuple(map(ProbeName, PROBES, PROBES.values())))
    data = LiveData(options, clock)
    return Bench(
        journal=Journal(path / "softphone.db"),
        clock=clock,
        data=data,
        streams=Streams(data, explained, readers.append),
        explained=explained,
        readers=readers,
    )


@asynccontextmanager
async def exporter(path: Path, **context: Any) -> AsyncIterator[Bench]:
    """A real server, asked over HTTP."""
    bench = make_bench(path)
    server = bench.server = await serve(create_app(bench.context(**context)), "127.0.0.1", 0)
    bench.port = server.port
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:
            bench.http = http
            yield bench
    finally:
        bench.streams.close()
        await server.stop()
        await bench.journal.close()
