"""How things stand at a scrape: sessions up, tokens' and certificates' times, publish runs, own trustworthiness."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from monitor.facts.clock import Clock
from monitor.facts.failures import Layer
from monitor.facts.markers import Marker, MarkerPhase, told_seconds
from monitor.facts.observations import (
    CertificateObserved,
    ConnectionChanged,
    Observation,
    OwnLagObserved,
    ProcessEnded,
    SilenceObserved,
    TokenObserved,
)
from monitor.facts.runs import DEFAULT_LIMIT_S, Run, runs_of
from monitor.outputs.catalogue import OPEN_VALUES_LIMIT
from monitor.outputs.suspicion import Suspicion

SIGNALLING_PROCESS = "prober"  # where every signalling session lives
SERVICE = "service"  # the name under which the service credentials' token is told

# What a gauge without a label `agent` says of several agents, where it is not their sum.
OF_SEVERAL_AGENTS: dict[str, Callable[[list[float]], float]] = {
    "softphone_token_expiry_timestamp_seconds": min,  # the first to expire
    "softphone_token_age_seconds": max,  # the oldest
    "softphone_token_remaining_ratio": min,  # nearest to its end
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One gauge's value at a scrape. `labels` lacks the site."""

    name: str
    labels: dict[str, str]
    value: float


class Sessions:
    """Which of the expected agents have a signalling session, and which of these are silent."""

    def __init__(self, agents: Iterable[str]) -> None:
        self.agents = tuple(agents)
        self._connected: set[str] = set()
        self._silent: set[str] = set()

    def feed(self, fact: Observation) -> None:
        """Follow ConnectionChanged, which ends a silence too; the signalling process takes all with it when it ends."""
        if isinstance(fact, ConnectionChanged):
            (self._connected.add if fact.connected else self._connected.discard)(fact.agent)
            self._silent.discard(fact.agent)
        elif isinstance(fact, SilenceObserved) and fact.layer is Layer.SIGNALLING:
            (self._silent.add if fact.silent else self._silent.discard)(fact.agent)
        elif isinstance(fact, ProcessEnded) and fact.process == SIGNALLING_PROCESS:
            self._connected.clear()
            self._silent.clear()

    @property
    def connected(self) -> int:
        """How many have a session."""
        return sum(agent in self._connected for agent in self.agents)

    @property
    def silent(self) -> int:
        """How many of the sessions are silent."""
        return sum(agent in self._silent for agent in self.agents)

    def readings(self) -> Iterator[Reading]:
        """One reading an agent and gauge."""
        for agent in self.agents:
            yield Reading("softphone_signalling_connected", {"agent": agent}, float(agent in self._connected))
            yield Reading("softphone_signalling_silent", {"agent": agent}, float(agent in self._silent))
            yield Reading("softphone_signalling_expected", {"agent": agent}, 1.0)


class Tokens:
    """The times of the tokens in use."""

    def __init__(self) -> None:
        self._latest: dict[str, TokenObserved] = {}

    def feed(self, fact: Observation) -> None:
        """Follow TokenObserved."""
        if isinstance(fact, TokenObserved):
            self._latest[fact.token] = fact

    def readings(self, now_wall_s: float) -> Iterator[Reading]:
        """Age and, where it is known, expiry of every token."""
        for name, fact in self._latest.items():
            labels = {"token": SERVICE, "agent": ""} if name == SERVICE else {"token": "agent", "agent": name}
            yield Reading("softphone_token_age_seconds", labels, max(0.0, now_wall_s - fact.issued_wall_s))
            if fact.expires_wall_s is not None:
                yield Reading("softphone_token_expiry_timestamp_seconds", labels, fact.expires_wall_s)
                left = _left(fact.issued_wall_s, fact.expires_wall_s, now_wall_s)
                yield Reading("softphone_token_remaining_ratio", labels, left)


def _left(issued_wall_s: float, expires_wall_s: float, now_wall_s: float) -> float:
    """Share of a token's life that is left: 1 when it has just been issued, 0 when it has expired."""
    life_s = expires_wall_s - issued_wall_s
    return min(1.0, max(0.0, (expires_wall_s - now_wall_s) / life_s)) if life_s > 0 else 0.0


class Certificates:
    """The ends of the certificates that each session was shown last: through a proxy it may be the proxy's."""

    def __init__(self) -> None:
        self._expires_wall_s: dict[str, float] = {}

    def feed(self, fact: Observation) -> None:
        """Follow CertificateObserved."""
        if isinstance(fact, CertificateObserved):
            self._expires_wall_s[fact.probe] = fact.expires_wall_s

    def expect(self, agents: Iterable[str]) -> None:
        """Forget the sessions that are no longer asked for."""
        kept = {*agents, SERVICE}
        self._expires_wall_s = {name: end for name, end in self._expires_wall_s.items() if name in kept}

    def readings(self) -> Iterator[Reading]:
        """The first to end, where any is known."""
        if self._expires_wall_s:
            first = min(self._expires_wall_s.values())
            yield Reading("softphone_certificate_expiry_timestamp_seconds", {}, first)


class OwnMachine:
    """What the processes told last of the machine and the interpreter they run on."""

    def __init__(self) -> None:
        self._steal_ratio = math.nan
        self._queues: dict[str, int] = {}

    def feed(self, fact: Observation) -> None:
        """Follow OwnLagObserved; an ended process has no queue."""
        if isinstance(fact, OwnLagObserved):
            if fact.steal_ratio is not None:
                self._steal_ratio = fact.steal_ratio
            if fact.executor_queue is not None and (fact.process in self._queues or self._room):
                self._queues[fact.process] = fact.executor_queue
        elif isinstance(fact, ProcessEnded):
            self._queues.pop(fact.process, None)

    def readings(self) -> Iterator[Reading]:
        """The share stolen, and a queue a process."""
        yield Reading("softphone_monitor_cpu_steal_ratio", {}, self._steal_ratio)
        for process, waiting in self._queues.items():
            yield Reading("softphone_monitor_executor_queue", {"process": process}, float(waiting))

    @property
    def _room(self) -> bool:
        return len(self._queues) < OPEN_VALUES_LIMIT


class Published:
    """The last runs of every publish job, from their markers."""

    def __init__(self, jobs: Iterable[str], *, runs: int, limit_s: float = DEFAULT_LIMIT_S) -> None:
        self.jobs = tuple(jobs)
        self.runs = runs
        self.limit_s = limit_s
        self._markers: dict[str, dict[str, list[Marker]]] = {job: {} for job in self.jobs}

    def feed(self, marker: Marker, instead_of: Marker | None = None) -> bool:
        """Take a marker in, in any order, in the place of another. False when its job is one too many to tell apart."""
        if marker.job not in self._markers and len(self._markers) >= OPEN_VALUES_LIMIT:
            return False
        of_job = self._markers.setdefault(marker.job, {})
        others = [other for other in of_job.get(marker.run_id, []) if not _is_same(other, instead_of)]
        of_job[marker.run_id] = _edges([*others, _with_pause(marker)])
        if len(of_job) > self.runs:
            del of_job[min(of_job, key=lambda run_id: min(m.at_wall_s for m in of_job[run_id]))]
        return True

    def readings(self, now_wall_s: float) -> Iterator[Reading]:
        """Whether each job is active, and its last runs' times and pacing."""
        for job in {**dict.fromkeys(self.jobs), **self._markers}:
            markers = [marker for of_run in self._markers.get(job, {}).values() for marker in of_run]
            runs = runs_of(markers, now_wall_s=now_wall_s, limit_s=self.limit_s)
            active = any(run.active_at(now_wall_s) for run in runs)
            yield Reading("softphone_publish_active", {"publish": job}, float(active))
            for run in runs:
                yield from _run_readings(run)


def _is_same(marker: Marker, other: Marker | None) -> bool:
    """Whether two markers of one run are of one identity."""
    return other is not None and (marker.phase, marker.at_wall_s) == (other.phase, other.at_wall_s)


def _with_pause(marker: Marker) -> Marker:
    """The marker with the pause that its attributes tell of, where it has none of its own."""
    if marker.pause_s is not None or "pause" not in marker.attributes:
        return marker
    return replace(marker, pause_s=told_seconds(marker.attributes["pause"]))


def _edges(markers: list[Marker]) -> list[Marker]:
    """All that a run's times and pacing need: its first start, its first and last batch, its last end."""
    ordered = sorted(markers, key=lambda marker: marker.at_wall_s)
    of_phase = {phase: [marker for marker in ordered if marker.phase is phase] for phase in MarkerPhase}
    batches = of_phase[MarkerPhase.BATCH]
    return [*of_phase[MarkerPhase.START][:1], *batches[:1], *batches[1:][-1:], *of_phase[MarkerPhase.END][-1:]]


def _run_readings(run: Run) -> Iterator[Reading]:
    which = {"publish": run.job, "run_id": run.run_id}
    if run.start_wall_s is not None:
        yield Reading("softphone_publish_start_timestamp_seconds", which, run.start_wall_s)
    if run.end_wall_s is not None:
        yield Reading("softphone_publish_end_timestamp_seconds", which, run.end_wall_s)
    pacing = {
        "strategy": run.strategy,
        "batch_size": "" if run.batch_size is None else str(run.batch_size),
        "pause": "" if run.pause_s is None else f"{run.pause_s:g}s",
    }
    yield Reading("softphone_publish_run_info", {**which, **pacing}, 1.0)


class Standing:
    """All of the above behind one lock: facts and markers come from one thread, scrapes from others."""

    def __init__(self, clock: Clock, sessions: Sessions, published: Published) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions = sessions
        self._tokens = Tokens()
        self._certificates = Certificates()
        self._machine = OwnMachine()
        self._published = published
        self._suspicion = Suspicion()
        self._settings_good = True

    def fact(self, fact: Observation) -> None:
        """Take a fact into account."""
        with self._lock:
            self._sessions.feed(fact)
            self._tokens.feed(fact)
            self._certificates.feed(fact)
            self._machine.feed(fact)
            self._suspicion.feed(fact, self._clock.mono_s())

    def marker(self, marker: Marker, instead_of: Marker | None = None) -> bool:
        """Take a marker into account, in the place of another. False when its job is one too many to be told apart."""
        with self._lock:
            return self._published.feed(marker, instead_of)

    def reloaded(self, *, good: bool) -> None:
        """Remember whether the last reading of the settings succeeded."""
        with self._lock:
            self._settings_good = good

    def expect(self, agents: tuple[str, ...], jobs: tuple[str, ...], *, runs: int, limit_s: float) -> None:
        """Take new settings over; what happened so far stays."""
        with self._lock:
            self._sessions.agents = agents
            self._certificates.expect(agents)
            self._published.jobs, self._published.runs, self._published.limit_s = jobs, runs, limit_s

    def readings(self) -> list[Reading]:
        """Every gauge as it stands now."""
        now_wall_s, now_mono_s = self._clock.wall_s(), self._clock.mono_s()
        with self._lock:
            return [
                *self._sessions.readings(),
                *self._tokens.readings(now_wall_s),
                *self._certificates.readings(),
                *self._machine.readings(),
                *self._published.readings(now_wall_s),
                Reading("softphone_monitor_suspect", {}, float(self._suspicion.suspect(now_mono_s))),
                Reading("softphone_monitor_config_last_reload_successful", {}, float(self._settings_good)),
            ]
