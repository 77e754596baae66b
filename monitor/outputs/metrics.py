"""The catalogue as live Prometheus metrics; the only importer of prometheus_client."""

from __future__ import annotations

import math
import platform
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from monitor.facts.clock import Clock, SystemClock
from monitor.facts.markers import Marker, MarkerPhase, told_seconds
from monitor.facts.observations import Observation
from monitor.facts.probe_result import ProbeResult
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.outputs.catalogue import CATALOGUE, OTHER, Metric, Type
from monitor.outputs.labels import Dimensions, LabelSpace, Values
from monitor.outputs.recording import record
from monitor.outputs.standing import OF_SEVERAL_AGENTS, Published, Reading, Sessions, Standing

disable_created_metrics()  # type: ignore[no-untyped-call]

EXEMPLAR_VALUE_LENGTH = 50  # OpenMetrics allows 128 characters for an exemplar's labels together
ServerAt = tuple[str, str]  # server as host:port, transport (udp, tcp, tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsOptions:
    """What the settings say about metrics, and the label values they make known from the start.

    agents: the synthetic agents that should have a signalling session. servers: `platform` if it is gathered from,
    and the names of the gathering probes with servers of their own. publish_limit_s: after so long without a sign of
    life a run counts as aborted. simulated: the platform measured is the simulator.
    """

    per_agent: bool = False
    publish_runs: int = 60
    publish_limit_s: float = DEFAULT_LIMIT_S
    simulated: bool = False
    version: str = ""
    agents: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ("platform",)
    stun_servers: tuple[ServerAt, ...] = ()
    turn_servers: tuple[ServerAt, ...] = ()
    operations: tuple[str, ...] = ()
    processes: tuple[str, ...] = ("main", "prober", "shard0")
    sinks: tuple[str, ...] = ("metrics", "page", "journal", "prober", "shard0")


class Metrics:
    """One monitor's metrics in a registry of their own. Every method may be called from any thread."""

    def __init__(self, site: str, options: MetricsOptions, clock: Clock | None = None) -> None:
        self._site = site
        published = Published(options.jobs, runs=options.publish_runs, limit_s=options.publish_limit_s)
        self._standing = Standing(clock or SystemClock(), Sessions(options.agents), published)
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(site, options, self._standing))
        self._recorded = {
            metric.name: _Recorded(metric, per_agent=options.per_agent, registry=self._registry)
            for metric in CATALOGUE
            if metric.type is not Type.GAUGE
        }
        self._create_known(options)

    def observe(self, fact: Observation) -> None:
        """Take a fact in."""
        self._standing.fact(fact)
        record(fact, self)

    def marker(self, marker: Marker, *, instead_of: Marker | None = None) -> None:
        """Take a new marker in, in any order; one that was taken in before must not come again.

        instead_of: a marker taken in before that this one replaces; a batch is not counted again then.
        """
        told_apart = self._standing.marker(marker, instead_of)
        if marker.phase is MarkerPhase.BATCH and instead_of is None:
            job = marker.job if told_apart else OTHER
            outcome, seconds = marker.outcome or "ok", told_seconds(marker.attributes.get("seconds", ""))
            self.count("softphone_publish_batches_total", publish=job, outcome=outcome)
            self.measure("softphone_publish_batch_seconds", seconds, publish=job, outcome=outcome)

    def restore(self, markers: Iterable[Marker]) -> None:
        """Take in markers from before a restart: their runs are shown, their batches are not counted again."""
        for marker in markers:
            self._standing.marker(marker)

    def reloaded(self, options: MetricsOptions | None) -> None:
        """Take new settings over, or note that they were bad (None). `per_agent` and `simulated` need a restart."""
        self._standing.reloaded(good=options is not None)
        if options is not None:
            self._standing.expect(
                options.agents, options.jobs, runs=options.publish_runs, limit_s=options.publish_limit_s
            )
            self._create_known(options)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, as the client's Accept header asks. Takes milliseconds: use a thread."""
        return _render(self._registry, accept)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Raise a counter (recording.Sheet)."""
        child = self._recorded[name].child({**labels, "site": self._site})
        assert isinstance(child, Counter)
        child.inc(amount)

    def measure(self, name: str, value: float | None, *, fact: Observation | None = None, **labels: str) -> None:
        """Enter a measured value into a histogram (recording.Sheet); what is no measured value is not entered."""
        if value is None or not math.isfinite(value) or value < 0:
            return
        child = self._recorded[name].child({**labels, "site": self._site})
        assert isinstance(child, Histogram)
        child.observe(value, None if fact is None else _exemplar(fact))

    def _create_known(self, options: MetricsOptions) -> None:
        for name, recorded in self._recorded.items():
            recorded.create(_known(name, self._site, options))


class _Recorded:
    """One counter or histogram with its series."""

    def __init__(self, metric: Metric, *, per_agent: bool, registry: CollectorRegistry) -> None:
        self._space = LabelSpace(metric, per_agent=per_agent)
        self._lock = threading.Lock()
        self._children: dict[Values, Counter | Histogram] = {}
        self._parent: Counter | Histogram
        if metric.type is Type.COUNTER:
            self._parent = Counter(metric.name, metric.help, self._space.names, registry=registry)
        else:
            edges = metric.buckets
            self._parent = Histogram(metric.name, metric.help, self._space.names, registry=registry, buckets=edges)

    def child(self, labels: dict[str, str]) -> Counter | Histogram:
        """The series of these labels; where it is new, its companions start at 0 with it."""
        child = self._children.get(tuple(labels.get(name, "") for name in self._space.names))
        if child is not None:
            return child
        with self._lock:
            values = self._space.fold(labels)
            if values not in self._children:
                self._create(self._space.companions(values))
            return self._children[values]

    def create(self, dimensions: Dimensions) -> None:
        """Create every series that is known, at 0."""
        with self._lock:
            self._create(self._space.known(dimensions))

    def _create(self, sets: Iterable[Values]) -> None:
        for values in sets:
            if values not in self._children:
                self._children[values] = self._parent.labels(*values)


class _Gauges:
    """Collector of every gauge of the catalogue, read at the moment of the scrape."""

    def __init__(self, site: str, options: MetricsOptions, standing: Standing) -> None:
        self._site = site
        self._per_agent = options.per_agent
        self._known: Dimensions = {("site",): ((site,),), ("process",): tuple((name,) for name in options.processes)}
        self._standing = standing
        build = {
            "version": options.version,
            "python": platform.python_version(),
            "simulated": str(options.simulated).lower(),
        }
        self._constant = [Reading("softphone_monitor_build_info", build, 1.0)]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge with its series."""
        by_name: dict[str, list[Reading]] = defaultdict(list)
        for reading in (*self._constant, *self._standing.readings()):
            by_name[reading.name].append(reading)
        for metric in CATALOGUE:
            if metric.type is Type.GAUGE:
                yield self._family(metric, by_name[metric.name])

    def _family(self, metric: Metric, readings: list[Reading]) -> GaugeMetricFamily:
        space = LabelSpace(metric, per_agent=self._per_agent)
        series: dict[Values, list[float]] = {values: [] for values in self._always(metric, space)}
        for reading in readings:
            labels = {**reading.labels, "site": self._site}
            series.setdefault(tuple(labels.get(name, "") for name in space.names), []).append(reading.value)
        family = GaugeMetricFamily(metric.name, metric.help, labels=space.names)
        combine = OF_SEVERAL_AGENTS.get(metric.name, math.fsum)
        for values, of_agents in series.items():
            family.add_metric(values, combine(of_agents) if of_agents else 0.0)
        return family

    def _always(self, metric: Metric, space: LabelSpace) -> Iterator[Values]:
        """Series that exist at 0 while nothing is known; an agent's own come with the agent."""
        return iter(()) if "agent" in space.names else space.known(self._known)


def _known(name: str, site: str, options: MetricsOptions) -> Dimensions:
    """The label values that the settings make known for one metric."""
    single: dict[str, tuple[str, ...]] = {
        "site": (site,),
        "servers": options.servers,
        "operation": options.operations,
        "process": options.processes,
        "sink": options.sinks,
        "publish": options.jobs,
        "agent": (*options.agents, ""),  # what belongs to no agent, such as the notification channel
        "probe": options.probes,
    }
    known: dict[Values, tuple[Values, ...]] = {
        (label,): tuple((value,) for value in values) for label, values in single.items() if values
    }
    servers = {
        "softphone_stun_rtt_seconds": options.stun_servers,
        "softphone_turn_allocate_seconds": options.turn_servers,
        "softphone_ice_server_results_total": (*options.stun_servers, *options.turn_servers),
    }.get(name, ())
    if servers:
        known["server", "transport"] = servers
    return known


def _exemplar(fact: Observation) -> dict[str, str]:
    agent = getattr(fact, "agent", "")
    named = {"probe": fact.probe, "agent": agent}
    return {name: value[:EXEMPLAR_VALUE_LENGTH] for name, value in named.items() if value}


def _render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    try:
        encoder, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # an Accept header with a version that is no version
        encoder, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return encoder(registry), content_type


def render_probe(result: ProbeResult, accept: str) -> tuple[bytes, str]:
    """One probe's result as an exposition of its own, in the manner of the blackbox exporter."""
    registry = CollectorRegistry()
    registry.register(_ProbeGauges(result))
    return _render(registry, accept)


class _ProbeGauges:
    """Collector of one probe result."""

    def __init__(self, result: ProbeResult) -> None:
        self._result = result

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """probe_success, probe_duration_seconds, the measured phases, and why it failed if it did."""
        result = self._result
        yield GaugeMetricFamily("probe_success", "1 when the probe succeeded.", value=float(result.success))
        yield GaugeMetricFamily("probe_duration_seconds", "How long the probe took.", value=result.duration_s)
        phases = GaugeMetricFamily(
            "probe_phase_duration_seconds", "Phases of the probe that succeeded.", labels=("phase",)
        )
        for name, seconds in {phase.name: phase.seconds for phase in result.phases}.items():
            if seconds is not None:
                phases.add_metric((name,), seconds)
        yield phases
        failed = GaugeMetricFamily(
            "probe_failure_info", "Why the probe failed; always 1.", labels=("operation", "reason", "fault")
        )
        if result.failure is not None:
            failed.add_metric((result.failure.operation, result.failure.reason, result.failure.fault), 1.0)
        yield failed
