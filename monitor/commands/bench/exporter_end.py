"""A process that serves the real exporter and is fed with simulated facts of 150 agents once a second.

`python -m monitor.commands.bench.exporter_end AGENTS` obeys: port.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monitor.commands.bench.child import obeying
from monitor.facts.clock import SystemClock
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    ConnectionChanged,
    GatheringObserved,
    HeartbeatObserved,
    MediaSampled,
    Observation,
    OwnLagObserved,
    PhaseObserved,
)
from monitor.facts.probe_result import ProbeResult
from monitor.outputs.journal import Journal
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.web.exporter import WebContext, create_app, serve
from monitor.web.live.data import LiveData, PageOptions
from monitor.web.streams import Streams

SITE = "bench"
PHASES = ("token", "channel_create", "tcp", "tls", "upgrade", "sasl", "bind", "ice_servers")
CALL_PHASES = ("propose", "offer", "ice_checks", "dtls", "first_media")
SERVERS = (
    ("stun.example:3478", "stun", "udp"),
    ("turn.example:3478", "turn", "udp"),
    ("turn.example:443", "turn", "tls"),
)
PROCESSES = ("main", "prober", "shard0")  # as for `fleet: {agents: 150}`
HEARTBEAT_EVERY_S, GATHERING_EVERY_S = 15, 60
LAG_SAMPLES = 100  # a second, as the lag meter wakes every 10 ms


class Nothing:
    """No explanations; nobody looks at the page."""

    version = 0

    def told(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}


def names_of(agents: int) -> list[str]:
    """The agents."""
    return [f"agent-{number:03d}" for number in range(agents)]


def first_facts(agents: Sequence[str], now_s: float) -> Iterator[Observation]:
    """What it takes for every agent to be there: connected, in a call, each phase measured."""
    for agent in agents:
        about: dict[str, Any] = {"site": SITE, "probe": f"signalling-{agent}", "at_wall_s": now_s, "agent": agent}
        yield ConnectionChanged(**about, connected=True)
        for phase in PHASES:
            yield PhaseObserved(**about, phase=phase, seconds=0.05)
        for phase in CALL_PHASES:
            yield CallPhaseObserved(**about, phase=phase, seconds=0.05)
    for operation in ("users_me", "channels", "ice_servers"):
        yield ApiObserved(site=SITE, probe="api", at_wall_s=now_s, operation=operation, status="200", seconds=0.05)


def facts_of(agents: Sequence[str], now_s: float, draw: random.Random) -> Iterator[Observation]:
    """What the monitor is told in one second."""
    for number, agent in enumerate(agents):
        about: dict[str, Any] = {"site": SITE, "probe": f"call-{agent}", "at_wall_s": now_s, "agent": agent}
        sound: dict[str, Any] = {
            "rtt_s": draw.uniform(0.02, 0.05),
            "jitter_s": draw.uniform(0.001, 0.01),
            "loss_ratio": 0.0,
        }
        yield MediaSampled(**about, **sound, mos=4.3, packets_received=50)
        if number % HEARTBEAT_EVERY_S == int(now_s) % HEARTBEAT_EVERY_S:
            for channel in ("xmpp", "websocket", "notification"):
                yield HeartbeatObserved(**about, channel=channel, outcome="ok", rtt_s=draw.uniform(0.02, 0.06))
        if number % GATHERING_EVERY_S == int(now_s) % GATHERING_EVERY_S:
            yield _gathering(about, draw)
    for process in PROCESSES:
        lags_s = tuple(draw.uniform(0.0, 0.002) for _ in range(LAG_SAMPLES))
        yield OwnLagObserved(site=SITE, probe=process, at_wall_s=now_s, process=process, lag_samples_s=lags_s)


def _gathering(about: dict[str, Any], draw: random.Random) -> GatheringObserved:
    results = tuple(ServerResult(*server, ServerOutcome.OK, draw.uniform(0.01, 0.1)) for server in SERVERS)
    types = tuple(CandidateType)
    return GatheringObserved(
        **about,
        servers="platform",
        signature=Signature.OK,
        wanted=types,
        obtained=types,
        results=results,
        seconds=draw.uniform(0.05, 0.2),
    )


class Served:
    """The exporter with what feeds it."""

    def __init__(self, agents: Sequence[str], folder: Path) -> None:
        self._agents, self._clock = agents, SystemClock()
        ice = tuple((server, transport) for server, _, transport in SERVERS)
        options = MetricsOptions(
            agents=tuple(agents),
            jobs=("weekly",),
            simulated=True,
            processes=PROCESSES,
            stun_servers=ice[:1],
            turn_servers=ice[1:],
        )
        self._metrics = Metrics(SITE, options, self._clock)
        self._data = LiveData(PageOptions(site=SITE, simulated=True, agents=tuple(agents)), self._clock)
        self._journal = Journal(folder / "bench.db")
        self._streams = Streams(self._data, Nothing(), lambda readers: None)
        self.port = 0

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer."""
        return {"port": self.port} if command["do"] == "port" else {}

    async def run(self) -> None:
        """Serve until stdin ends."""
        server = await serve(create_app(self._context()), "127.0.0.1", 0)
        self.port = server.port
        feeding = asyncio.create_task(self._feed(), name="feed")
        try:
            await obeying(self.obey)
        finally:
            feeding.cancel()
            self._streams.close()
            await server.stop()
            await self._journal.close()

    async def _feed(self) -> None:
        draw = random.Random(1)  # noqa: S311 - reproducible, not a secret
        self._take(first_facts(self._agents, self._clock.wall_s()))
        while True:
            self._take(facts_of(self._agents, self._clock.wall_s(), draw))
            await asyncio.sleep(1.0)

    def _take(self, facts: Iterator[Observation]) -> None:
        for fact in facts:
            self._metrics.observe(fact)
            self._data.observe(fact)

    def _context(self) -> WebContext:
        return WebContext(
            metrics=self._metrics,
            streams=self._streams,
            journal=self._journal,
            probes=dict,
            probe_now=_no_probe,
            ready=lambda: True,
            reload=_no_reload,
            clock=self._clock,
            simulated=lambda: True,
        )


async def _no_probe(target: str, module: str) -> ProbeResult:
    raise NotImplementedError(f"{target} of {module} in a bench")


async def _no_reload() -> Sequence[str]:
    return ()


async def _main(agents: int) -> None:
    with TemporaryDirectory() as folder:
        await Served(names_of(agents), Path(folder)).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(int(sys.argv[1]))))
