"""The catalogue as live Prometheus metrics; the only importer of prometheus_client, which knows what is accepted."""

from __future__ import annotations

import math
import platform
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder

from monitor.facts.clock import Clock, SystemClock
from monitor.facts.markers import Marker, MarkerPhase, told_seconds
from monitor.facts.observations import Observation
from monitor.facts.probe_result import ProbeResult
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.outputs.catalogue import CATALOGUE, OTHER, Metric, Type, label_names
from monitor.outputs.exposition import Exemplar, Family, GaugeFamily
from monitor.outputs.labels import Dimensions, LabelSpace, Values
from monitor.outputs.recording import record
from monitor.outputs.standing import OF_SEVERAL_AGENTS, Published, Reading, Sessions, Standing

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
    """One monitor's metrics. Every method may be called from any thread."""

    def __init__(self, site: str, options: MetricsOptions, clock: Clock | None = None) -> None:
        self._site = site
        published = Published(options.jobs, runs=options.publish_runs, limit_s=options.publish_limit_s)
        self._standing = Standing(clock or SystemClock(), Sessions(options.agents), published)
        self._gauges = _Gauges(site, options, self._standing)
        self._recorded = {
            metric.name: _Recorded(metric, per_agent=options.per_agent)
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
        """The exposition and its content type, as the client's Accept header asks. Takes a millisecond or two."""
        content_type, openmetrics = _content_type(accept)
        told = [one.family.text(openmetrics=openmetrics) for one in self._recorded.values()]
        return _whole([self._gauges.text(openmetrics=openmetrics), *told], openmetrics=openmetrics), content_type

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Raise a counter (recording.Sheet)."""
        self._recorded[name].add({**labels, "site": self._site}, amount)

    def measure(self, name: str, value: float | None, *, fact: Observation | None = None, **labels: str) -> None:
        """Enter a measured value into a histogram (recording.Sheet); what is no measured value is not entered."""
        if value is None or not math.isfinite(value) or value < 0:
            return
        self._recorded[name].add({**labels, "site": self._site}, value, None if fact is None else _exemplar(fact))

    def _create_known(self, options: MetricsOptions) -> None:
        for name, recorded in self._recorded.items():
            recorded.create(_known(name, self._site, options))


class _Recorded:
    """One counter or histogram with its series."""

    def __init__(self, metric: Metric, *, per_agent: bool) -> None:
        self.family = Family(metric.name, metric.help, label_names(metric, per_agent=per_agent), metric.buckets)
        self._space = LabelSpace(metric, per_agent=per_agent)
        self._lock = threading.Lock()  # of the space

    def add(self, labels: dict[str, str], amount: float, exemplar: Exemplar | None = None) -> None:
        """Raise or enter; where the series of these labels is new, its companions start at 0 with it."""
        values = tuple(labels.get(name, "") for name in self._space.names)
        if values not in self.family:
            with self._lock:
                values = self._space.fold(labels)
                if values not in self.family:
                    self.family.create(self._space.companions(values))
        self.family.add(values, amount, exemplar)

    def create(self, dimensions: Dimensions) -> None:
        """Create every series that is known, at 0."""
        with self._lock:
            self.family.create(self._space.known(dimensions))


class _Gauges:
    """Every gauge of the catalogue, read at the moment of the scrape."""

    def __init__(self, site: str, options: MetricsOptions, standing: Standing) -> None:
        self._site = site
        self._standing = standing
        known: Dimensions = {("site",): ((site,),), ("process",): tuple((name,) for name in options.processes)}
        self._gauges = {
            metric.name: _Gauge(metric, known, per_agent=options.per_agent)
            for metric in CATALOGUE
            if metric.type is Type.GAUGE
        }
        build = {
            "version": options.version,
            "python": platform.python_version(),
            "simulated": str(options.simulated).lower(),
        }
        self._constant = [Reading("softphone_monitor_build_info", build, 1.0)]
        self._lock = threading.Lock()  # scrapes come from several threads

    def text(self, *, openmetrics: bool) -> str:
        """Every gauge with its series."""
        by_name: dict[str, list[Reading]] = defaultdict(list)
        for reading in (*self._constant, *self._standing.readings()):
            by_name[reading.name].append(reading)
        with self._lock:
            told = [
                gauge.text(self._site, by_name[name], openmetrics=openmetrics) for name, gauge in self._gauges.items()
            ]
        return "".join(told)


class _Gauge:
    """One gauge."""

    def __init__(self, metric: Metric, known: Dimensions, *, per_agent: bool) -> None:
        space = LabelSpace(metric, per_agent=per_agent)
        self._names = space.names
        self._family = GaugeFamily(metric.name, metric.help, space.names)
        # these exist at 0 while nothing is known; an agent's own come with the agent
        self._always = () if "agent" in space.names else tuple(space.known(known))
        self._combine = OF_SEVERAL_AGENTS.get(metric.name, math.fsum)

    def text(self, site: str, readings: list[Reading], *, openmetrics: bool) -> str:
        """All of it."""
        found: dict[Values, list[float]] = {values: [] for values in self._always}
        for reading in readings:
            labels = reading.labels
            values = tuple(site if name == "site" else labels.get(name, "") for name in self._names)
            found.setdefault(values, []).append(reading.value)
        series = {values: self._combine(of_agents) if of_agents else 0.0 for values, of_agents in found.items()}
        return self._family.text(series, openmetrics=openmetrics)


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


def _exemplar(fact: Observation) -> Exemplar:
    agent = getattr(fact, "agent", "")
    named = {"probe": fact.probe, "agent": agent}
    return Exemplar({name: value[:EXEMPLAR_VALUE_LENGTH] for name, value in named.items() if value}, fact.at_wall_s)


def _content_type(accept: str) -> tuple[str, bool]:
    """What an Accept header is answered with, and whether that is OpenMetrics."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # an Accept header with a version that is no version
        content_type = CONTENT_TYPE_PLAIN_0_0_4
    return content_type, content_type.startswith("application/openmetrics-text")


def _whole(texts: Iterable[str], *, openmetrics: bool) -> bytes:
    return "".join([*texts, "# EOF\n" if openmetrics else ""]).encode()


def render_probe(result: ProbeResult, accept: str) -> tuple[bytes, str]:
    """One probe's result as an exposition of its own, in the manner of the blackbox exporter."""
    content_type, openmetrics = _content_type(accept)
    return _whole(_probe_texts(result, openmetrics=openmetrics), openmetrics=openmetrics), content_type


def _probe_texts(result: ProbeResult, *, openmetrics: bool) -> Iterator[str]:
    """probe_success, probe_duration_seconds, the measured phases, and why it failed if it did."""
    phases: dict[Values, float] = {(phase.name,): phase.seconds for phase in result.phases if phase.seconds is not None}
    failed: dict[Values, float] = {}
    if result.failure is not None:
        failed[result.failure.operation, result.failure.reason, result.failure.fault] = 1.0
    gauges: tuple[tuple[str, str, Values, Mapping[Values, float]], ...] = (
        ("probe_success", "1 when the probe succeeded.", (), {(): float(result.success)}),
        ("probe_duration_seconds", "How long the probe took.", (), {(): result.duration_s}),
        ("probe_phase_duration_seconds", "Phases of the probe that succeeded.", ("phase",), phases),
        ("probe_failure_info", "Why the probe failed; always 1.", ("operation", "reason", "fault"), failed),
    )
    for name, help_text, names, series in gauges:
        yield GaugeFamily(name, help_text, names).text(series, openmetrics=openmetrics)
