"""The composition root: settings to objects, one task tree, ordered shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from monitor.config.model import GatheringProbe, Settings
from monitor.config.secrets import resolve
from monitor.config.values import is_loopback_url
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.observations import Observation
from monitor.genesys.rest import OPERATIONS
from monitor.media.server_url import read_server_url
from monitor.outputs.bus import Bus
from monitor.outputs.journal import Journal
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.probes.fleet import Fleet, FleetError
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnHealth
from monitor.probes.table import agent_of
from monitor.web.exporter import ServerHandle, WebContext, create_app, serve

ReadSettings = Callable[[], Settings]

log = logging.getLogger(__name__)


class App:
    """One running monitor. `start` builds and starts everything, `stop` ends it in reverse order, both once."""

    def __init__(
        self, settings: Settings, *, read_again: ReadSettings | None = None, clock: Clock | None = None
    ) -> None:
        """read_again: reads the settings anew for a reload; raises an exception with `.problems` when they are bad."""
        self.settings = settings
        self._read_again = read_again
        self._clock = clock or SystemClock()
        self._bus: Bus | None = None
        self._server: ServerHandle | None = None
        self._own_tasks: list[asyncio.Task[None]] = []
        self._fleet = Fleet(settings, self._publish, self._clock)
        self._metrics = Metrics(settings.site, metrics_options(settings), self._clock)
        self.journal: Journal | None = None

    @property
    def url(self) -> str:
        """Where the exporter answers, known after `start`."""
        assert self._server is not None
        host = self.settings.exporter.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    async def start(self) -> None:
        """Start everything; ready when this returns. Raises OSError, SecretMissing, JournalError, FleetError."""
        secret = self.settings.exporter.needed_token
        token = resolve(secret) if secret else None
        journal = Journal(
            Path(self.settings.journal.path),
            retention_s=self.settings.journal.retention_s,
            clock=self._clock,
            on_lost=self._journal_lost,
        )
        self.journal = journal
        self._metrics.restore(journal.markers())
        self._bus = Bus(self.settings.site, self._clock)
        self._bus.add("metrics", self._metrics.observe)
        self._bus.add("journal", journal.append)
        context = WebContext(
            site=self.settings.site,
            metrics=self._metrics,
            journal=journal,
            probes=lambda: {probe.name: probe.kind for probe in self.settings.probes},
            probe_now=self._fleet.probe_now,
            ready=lambda: self._fleet.ready,
            reload=self.reload,
            simulated=lambda: measures_a_simulator(self.settings),
            clock=self._clock,
            host=self.settings.exporter.host,
            token=token,
        )
        self._server = await serve(create_app(context), self.settings.exporter.host, self.settings.exporter.port)
        self._measure_own_loop()
        await self._fleet.start()

    async def reload(self) -> list[str]:
        """Take new settings over; the problems when they are bad, the old ones staying in force."""
        if self._read_again is None:
            return ["this monitor was not started from a file, so there is nothing to read again"]
        try:
            settings = self._read_again()
            problems = needs_restart(self.settings, settings)
            if not problems:
                await self._fleet.reload(settings)
        except Exception as error:
            problems = [str(problem) for problem in getattr(error, "problems", [error])]
        if problems:
            self._metrics.reloaded(None)
            return problems
        self.settings = settings
        self._metrics.reloaded(metrics_options(settings))
        return []

    async def stop(self) -> None:
        """Probes first, then the exporter, then what remembers. Idempotent; within about 4 s."""
        await self._fleet.stop()
        for task in self._own_tasks:
            task.cancel()
        await asyncio.gather(*self._own_tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()
        if self._bus is not None:
            await asyncio.to_thread(self._bus.close)
        if self.journal is not None:
            await self.journal.close()

    def _publish(self, fact: Observation) -> None:
        if self._bus is not None:
            self._bus.publish(fact)

    def _journal_lost(self, count: int) -> None:
        if self._bus is not None:
            self._bus.lost("journal", count)

    def _measure_own_loop(self) -> None:
        lag = LagMeter(self._clock)
        health = OwnHealth("main", self.settings.site, self._publish, self._clock, lag)
        self._own_tasks = [asyncio.create_task(lag.run()), asyncio.create_task(health.run())]


def metrics_options(settings: Settings) -> MetricsOptions:
    """What the settings make known about label sets."""
    gatherings = [probe for probe in settings.probes if isinstance(probe, GatheringProbe)]
    in_use = {agent_of(probe) for probe in settings.probes}  # an agent that no probe names has no session
    own_servers = tuple(probe.name for probe in gatherings if probe.stun or probe.turn)
    return MetricsOptions(
        per_agent=settings.metrics.per_agent,
        publish_runs=settings.metrics.publish_runs,
        publish_limit_s=settings.metrics.publish_limit_s,
        simulated=measures_a_simulator(settings),
        version=product_version(),
        agents=tuple(agent.name for agent in settings.agents if agent.name in in_use),
        jobs=tuple(job.name for job in settings.publish),
        probes=tuple(probe.name for probe in settings.probes),
        servers=("platform", *own_servers) if len(own_servers) < len(gatherings) or not gatherings else own_servers,
        stun_servers=_servers(url for probe in gatherings for url in probe.stun),
        turn_servers=_servers(server.url for probe in gatherings for server in probe.turn),
        operations=OPERATIONS,
    )


def _servers(urls: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Each server with its transport, as the metrics name them."""
    found = (read_server_url(url) for url in urls)
    return tuple(dict.fromkeys((server.name, server.transport) for server in found))


def measures_a_simulator(settings: Settings) -> bool:
    """Whether the platform is on loopback: Genesys Cloud never is."""
    rest = settings.genesys.rest if settings.genesys else None
    return rest is not None and is_loopback_url(rest)


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """What a reload cannot change, one line each."""
    fixed = {
        "site": (old.site, new.site),
        "exporter": (old.exporter, new.exporter),
        "journal": (old.journal, new.journal),
        "metrics.per_agent": (old.metrics.per_agent, new.metrics.per_agent),
    }
    return [f"{where}: cannot change without a restart" for where, (a, b) in fixed.items() if a != b]


def product_version() -> str:
    """The installed version."""
    try:
        return version("softphone-monitor")
    except PackageNotFoundError:
        return "unknown"


__all__ = ["App", "FleetError", "measures_a_simulator", "metrics_options", "product_version"]
