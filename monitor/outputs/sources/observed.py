"""Observations and markers, as probes and publish jobs told them, to columns of evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from monitor.facts import signals
from monitor.facts.evidence import Evidence, Window
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.failures import Failure
from monitor.facts.markers import Marker
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    ConnectionChanged,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    MediaSampled,
    MonitorStarted,
    Observation,
    OwnLagObserved,
    PhaseObserved,
    ProcessEnded,
)
from monitor.facts.runs import DEFAULT_LIMIT_S, Run, runs_of
from monitor.outputs.sources.packed import PackedSamples
from monitor.outputs.sources.watched import Watched
from monitor.outputs.standing import SIGNALLING_PROCESS
from monitor.outputs.suspicion import LAG_LIMIT_S, NOT_MEASURING, starved

_MEDIA = (
    (signals.MEDIA_RTT, "rtt_s"),
    (signals.MEDIA_JITTER, "jitter_s"),
    (signals.MEDIA_LOSS, "loss_ratio"),
    (signals.MEDIA_MOS, "mos"),
)


class Observed:
    """Feeds a builder with facts in order of time; `finish` adds what only the whole tells."""

    def __init__(self, builder: EvidenceBuilder) -> None:
        self._builder = builder
        self._samples = PackedSamples(builder)
        self._connected: dict[str, set[str]] = {}
        self._watched = Watched()

    @property
    def last_s(self) -> float:
        """The time of the last fact, minus infinity before the first."""
        return self._watched.last_s

    def add(self, fact: Observation) -> None:
        """Take one fact in; a kind that is no evidence is passed over."""
        self._watched.told(fact)
        adder = _ADDERS.get(type(fact))
        if adder is not None:
            adder(self, fact)

    def markers(
        self, markers: Iterable[Marker], now_s: float, since_s: float = -math.inf, limit_s: float = DEFAULT_LIMIT_S
    ) -> None:
        """Take the runs that these markers tell of as windows, where they reach into since_s to now_s.

        now_s: the end of what is known. limit_s: after so long without a sign of life a run has ended as aborted.
        """
        for run in runs_of(markers, now_wall_s=now_s, limit_s=limit_s):
            window = window_of(run, now_s)
            if window is not None and window.last_s >= since_s and window.first_s <= now_s:
                self._builder.windows.append(window)

    def finish(self) -> None:
        """Everything is told: hand the samples over, and the gaps and stretches of own lag. Needed before `build`."""
        self._samples.hand_over()
        self._builder.gaps += self._watched.gaps()
        self._builder.suspects += self._watched.suspects()

    def _heartbeat(self, fact: HeartbeatObserved) -> None:
        at_s, site, probe, agent = fact.at_wall_s, fact.site, fact.probe, fact.agent
        signal = signals.PING_OF_CHANNEL.get(fact.channel)
        if signal is not None:
            self._samples.add(signal, at_s, fact.rtt_s, fact.outcome, site, probe, agent, suspect=fact.suspect)
        if fact.tcp_rtt_s is not None:
            self._samples.add(signals.TCP_RTT, at_s, fact.tcp_rtt_s, signals.OK, site, probe, agent)

    def _phase(self, fact: PhaseObserved) -> None:
        self._timed(signals.phase_signal(fact.phase), fact, fact.seconds, fact.failure, fact.agent)

    def _call_phase(self, fact: CallPhaseObserved) -> None:
        self._timed(signals.call_signal(fact.phase), fact, fact.seconds, fact.failure, fact.agent)

    def _timed(
        self, signal: str, fact: Observation, seconds: float | None, trouble: Failure | None, target: str
    ) -> None:
        outcome, detail = (signals.OK, "") if trouble is None else (trouble.reason.value, trouble.detail)
        self._samples.add(
            signal, fact.at_wall_s, seconds, outcome, fact.site, fact.probe, target, detail, suspect=fact.suspect
        )

    def _connection(self, fact: ConnectionChanged) -> None:
        here = self._connected.setdefault(fact.site, set())
        (here.add if fact.connected else here.discard)(fact.agent)
        self._builder.heads(fact.at_wall_s, len(here), site=fact.site)
        if fact.connected and fact.reconnect:
            self._samples.add(
                *(signals.RECONNECT, fact.at_wall_s, fact.seconds, fact.reconnect, fact.site, fact.probe, fact.agent),
                suspect=fact.suspect,
            )

    def _disconnect(self, fact: Disconnected) -> None:
        self._builder.drop(
            fact.last_good_wall_s,
            fact.noticed_wall_s,
            site=fact.site,
            agent=fact.agent,
            layer=fact.layer.value,
            reason=fact.reason,
            code=fact.code,
        )

    def _gathering(self, fact: GatheringObserved) -> None:
        at_s, site, probe, suspect = fact.at_wall_s, fact.site, fact.probe, fact.suspect
        signature, obtained = fact.signature.value, "+".join(sorted(fact.obtained))
        self._samples.add(
            signals.ICE_GATHERING, at_s, fact.seconds, signature, site, probe, fact.servers, obtained, suspect
        )
        for one in fact.results:
            signal = signals.TURN_ALLOCATE if one.scheme.startswith("turn") else signals.STUN_RTT
            target, detail = f"{one.server}/{one.transport}", one.address or one.detail
            self._samples.add(signal, at_s, one.seconds, one.outcome.value, site, probe, target, detail, suspect)

    def _media(self, fact: MediaSampled) -> None:
        suspect = fact.suspect
        for signal, name in _MEDIA:
            value = getattr(fact, name)
            outcome = signals.OK if value is not None else "silence"
            self._samples.add(
                signal, fact.at_wall_s, value, outcome, fact.site, fact.probe, fact.agent, suspect=suspect
            )

    def _api(self, fact: ApiObserved) -> None:
        at_s, site, probe, operation = fact.at_wall_s, fact.site, fact.probe, fact.operation
        self._samples.add(signals.API, at_s, fact.seconds, fact.status, site, probe, operation, suspect=fact.suspect)
        if fact.retry_after_s is not None:
            self._samples.add(signals.RETRY_AFTER, at_s, fact.retry_after_s, signals.OK, site, probe, operation)

    def _own_lag(self, fact: OwnLagObserved) -> None:
        about = signals.OK, fact.site, "", fact.process
        for lag_s in fact.lag_samples_s:
            self._samples.add(signals.LOOP_LAG, fact.at_wall_s, lag_s, *about)
        for late_s in fact.lateness_samples_s:
            self._samples.add(signals.LATENESS, fact.at_wall_s, late_s, *about)
        if fact.process != NOT_MEASURING and max(fact.lag_samples_s, default=0.0) > LAG_LIMIT_S:
            self._watched.distrust(fact.site, fact.at_wall_s)
        elif starved(fact):
            self._watched.starved(fact.site, fact.process, fact.at_wall_s)

    def _process_ended(self, fact: ProcessEnded) -> None:
        self._watched.blind_from(fact.site, fact.at_wall_s)
        if fact.process == SIGNALLING_PROCESS:
            self._nobody_connected(fact)

    def _monitor_started(self, fact: MonitorStarted) -> None:
        self._builder.simulated |= fact.simulated
        self._watched.started(fact.site, fact.at_wall_s)
        self._nobody_connected(fact)

    def _nobody_connected(self, fact: Observation) -> None:
        """The sessions of our own softphones went with the process that held them."""
        if self._connected.pop(fact.site, None):
            self._builder.heads(fact.at_wall_s, 0, site=fact.site)


def facts_evidence(told: Iterable[Observation | Marker]) -> Evidence:
    """Facts and markers in order of time, as a simulated history tells them, as evidence."""
    builder, markers = EvidenceBuilder(), []
    observed = Observed(builder)
    for one in told:
        if isinstance(one, Marker):
            markers.append(one)
        else:
            observed.add(one)
    last_s = max([observed.last_s, *(marker.at_wall_s for marker in markers)])
    observed.markers(markers, last_s)
    observed.finish()
    return builder.build()


def window_of(run: Run, now_s: float) -> Window | None:
    """A run as a window, or None for one whose start nobody told. One that still goes on ends now, for now."""
    start_s = (
        run.start_wall_s if run.start_wall_s is not None else min((b.at_wall_s for b in run.batches), default=None)
    )
    if start_s is None:
        return None
    end_s = max(start_s, now_s if run.end_wall_s is None else run.end_wall_s)
    return Window(
        start_s=start_s,
        end_s=end_s,
        job=run.job,
        run_id=run.run_id,
        strategy=run.strategy,
        arm=run.attributes.get("arm") or "publish",
        block=run.attributes.get("block", ""),
        randomised=run.attributes.get("randomised", "").lower() == "true",
        found_by=run.found_by,
        start_min_s=run.start_min_wall_s,
        start_max_s=run.start_max_wall_s,
        end_min_s=run.end_min_wall_s,
        end_max_s=run.end_max_wall_s,
        calls=None if run.calls is None else float(run.calls),
    )


_ADDERS: dict[type[Observation], Callable[[Observed, Any], None]] = {
    HeartbeatObserved: Observed._heartbeat,
    PhaseObserved: Observed._phase,
    CallPhaseObserved: Observed._call_phase,
    ConnectionChanged: Observed._connection,
    Disconnected: Observed._disconnect,
    GatheringObserved: Observed._gathering,
    MediaSampled: Observed._media,
    ApiObserved: Observed._api,
    OwnLagObserved: Observed._own_lag,
    ProcessEnded: Observed._process_ended,
    MonitorStarted: Observed._monitor_started,
}
