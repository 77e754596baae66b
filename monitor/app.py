"""The composition root: settings to objects, one task tree, ordered shutdown."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from monitor.app_settings import (
    explaining_environment,
    measures_a_simulator,
    metrics_options,
    needs_restart,
    page_options,
    product_version,
)
from monitor.config.model import Settings
from monitor.config.secrets import resolve
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.markers import Marker
from monitor.facts.observations import MonitorStarted, Observation
from monitor.outputs.bus import Bus
from monitor.outputs.intake import take_marker
from monitor.outputs.journal import Journal, JournalError
from monitor.outputs.metrics import Metrics
from monitor.probes.fleet import Fleet, FleetError
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnHealth
from monitor.publish.watch.settings import watch_plan
from monitor.publish.watch.watch import Change
from monitor.publish.watch.watcher import NotStoredError, Outlets, Watcher, WatchPlan
from monitor.web.exporter import ServerHandle, WebContext, create_app, serve
from monitor.web.live.data import LiveData
from monitor.web.live.explaining import Explaining
from monitor.web.live.published import KEPT_S
from monitor.web.live.restoring import restore
from monitor.web.streams import Streams

ReadSettings = Callable[[], Settings]

log = logging.getLogger(__name__)


class App:
    """One running monitor. `start` builds and starts everything, `stop` ends it in reverse order, both once.

    live: what the page shows of it, which a terminal may show as well.
    """

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
        self._lag = LagMeter(self._clock)
        self._watcher: Watcher | None = None
        self._watched: WatchPlan | None = None
        self._watching: asyncio.Task[None] | None = None
        self._since_s: float | None = None  # when the journal's memory begins
        self._started_wall_s = 0.0
        self._fleet = Fleet(settings, self._publish, self._clock)
        self._metrics = Metrics(settings.site, metrics_options(settings), self._clock)
        self.live = LiveData(page_options(settings), self._clock, lambda: self._fleet.ready)
        self._explaining = Explaining(settings.to_json(), environment=explaining_environment())
        self._streams: Streams | None = None
        self._restoring = threading.Event()
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
        plan = watch_plan(self.settings)
        journal = Journal(
            Path(self.settings.journal.path),
            retention_s=self.settings.journal.retention_s,
            clock=self._clock,
            on_lost=self._journal_lost,
        )
        self.journal = journal
        known = journal.markers()
        self._since_s, self._started_wall_s = journal_begin_s(journal, known), self._clock.wall_s()
        self._metrics.restore(known)
        for marker in known:
            if marker.at_wall_s >= self._started_wall_s - KEPT_S:
                self.live.marker(marker)
        self._bus = Bus(self.settings.site, self._clock)
        self._bus.add("metrics", self._metrics.observe)
        self._bus.add("page", self.live.observe)
        self._bus.add("journal", journal.append)
        self._tell_start(self.settings)
        self._streams = Streams(self.live, self._explaining, self._explaining.readers)
        context = WebContext(
            metrics=self._metrics,
            streams=self._streams,
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
        self._restore_page(journal)
        await self._fleet.start()
        self._watch(plan, self._since_s)

    async def reload(self) -> list[str]:
        """Take new settings over; the problems when they are bad, the old ones staying in force."""
        if self._read_again is None:
            return ["this monitor was not started from a file, so there is nothing to read again"]
        try:
            settings = self._read_again()
            problems = needs_restart(self.settings, settings)
            plan = watch_plan(settings)
            if not problems:
                await self._fleet.reload(settings)
        except Exception as error:
            problems = [str(problem) for problem in getattr(error, "problems", [error])]
        if problems:
            self._metrics.reloaded(None)
            return problems
        self._metrics.reloaded(metrics_options(settings))
        self.live.expect(page_options(settings))
        self._explaining.reload(settings.to_json())
        if measures_a_simulator(settings) != measures_a_simulator(self.settings):
            self._tell_start(settings)
        self.settings = settings
        if plan != self._watched:
            await self._stop_watching()
            self._watch(plan, self._started_wall_s if self._since_s is None else self._since_s)
        return []

    async def stop(self) -> None:
        """Probes first, then the exporter, then what remembers. Idempotent; within 8 s with hundreds of calls up."""
        self._restoring.set()
        if self._streams is not None:
            self._streams.close()
        await asyncio.gather(self._stop_watching(), self._fleet.stop(), self._explaining.stop())
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

    def _tell_start(self, settings: Settings) -> None:
        """So that whoever reads the journal knows when it goes on, and what was measured."""
        started = MonitorStarted(
            site=settings.site,
            probe="",
            at_wall_s=self._clock.wall_s(),
            version=product_version(),
            simulated=measures_a_simulator(settings),
        )
        self._publish(started)

    def _journal_lost(self, count: int) -> None:
        if self._bus is not None:
            self._bus.lost("journal", count)

    def _measure_own_loop(self) -> None:
        health = OwnHealth("main", self.settings.site, self._publish, self._clock, self._lag)
        self._own_tasks = [asyncio.create_task(self._lag.run()), asyncio.create_task(health.run())]

    def _restore_page(self, journal: Journal) -> None:
        """What was measured before the start, while the probes begin to measure: nothing is counted twice."""
        restoring = asyncio.to_thread(restore, self.live, journal, self._started_wall_s, self._restoring)
        self._own_tasks.append(asyncio.create_task(restoring, name="page"))

    def _watch(self, plan: WatchPlan | None, since_s: float | None) -> None:
        """Detect publishes, those since `since_s` included that nobody was there to see."""
        self._watched = plan
        if plan is not None:
            outlets = Outlets(self._known_markers, self._take_change, self._publish, self._lag_over)
            self._watcher = Watcher(plan, outlets, self._clock, since_s=since_s)
            self._watching = asyncio.create_task(_keep_watching(self._watcher), name="publish watch")

    async def _stop_watching(self) -> None:
        watcher, self._watcher = self._watcher, None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if watcher is not None:
            await watcher.close()

    def _lag_over(self, seconds: float) -> float:
        return self._lag.max_since(self._clock.mono_s() - seconds)

    async def _known_markers(self, since_wall_s: float) -> list[Marker]:
        assert self.journal is not None
        try:
            return await asyncio.to_thread(self.journal.markers, since_wall_s)
        except JournalError as error:
            raise NotStoredError(str(error)) from error

    async def _take_change(self, change: Change) -> None:
        assert self.journal is not None
        try:
            await take_marker(self.journal, (self._metrics, self.live), change.new, instead_of=change.old)
        except JournalError as error:
            raise NotStoredError(str(error)) from error


async def _keep_watching(watcher: Watcher) -> None:
    """Watch until cancelled. A mistake of ours there must not end the monitor, nor go unseen."""
    try:
        await watcher.run()
    except Exception:
        log.exception("publish detection has ended: our own mistake")


def journal_begin_s(journal: Journal, markers: Iterable[Marker]) -> float | None:
    """When the journal's memory begins, Unix seconds; None while it is empty. Raises JournalError."""
    first = next(journal.facts(), None)
    moments = [marker.at_wall_s for marker in markers] + ([] if first is None else [first.at_wall_s])
    return min(moments, default=None)


__all__ = ["App", "FleetError", "measures_a_simulator", "metrics_options", "product_version"]
