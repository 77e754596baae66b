"""Observations and markers, as probes and publish jobs told them, to columns of evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from monitor.facts import signals
from monitor.facts.evidence import EvidenceBuilder, Window
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
    Observation,
    OwnLagObserved,
    PhaseObserved,
)
from monitor.facts.runs import Run, runs_of

_MEDIA = (
    (signals.MEDIA_RTT, "rtt_s"),
    (signals.MEDIA_JITTER, "jitter_s"),
    (signals.MEDIA_LOSS, "loss_ratio"),
    (signals.MEDIA_MOS, "mos"),
)


class Observed:
    """Feeds a builder with facts in order of time."""

    def __init__(self, builder: EvidenceBuilder) -> None:
        self._builder = builder
        self._connected: dict[str, set[str]] = {}

    def add(self, fact: Observation) -> None:
        """Take one fact in; a kind that is no evidence is passed over."""
        adder = _ADDERS.get(type(fact))
        if adder is not None:
            adder(self, fact)

    def markers(self, markers: Iterable[Marker], now_s: float) -> None:
        """Take the runs that these markers tell of as windows. now_s: the end of what is known."""
        for run in runs_of(markers, now_wall_s=now_s):
            window = window_of(run, now_s)
            if window is not None:
                self._builder.windows.append(window)

    def _heartbeat(self, fact: HeartbeatObserved) -> None:
        about: dict[str, Any] = {"site": fact.site, "probe": fact.probe, "target": fact.agent}
        signal = signals.PING_OF_CHANNEL.get(fact.channel)
        if signal is not None:
            self._builder.sample(signal, fact.at_wall_s, fact.rtt_s, fact.outcome, suspect=fact.suspect, **about)
        if fact.tcp_rtt_s is not None:
            self._builder.sample(signals.TCP_RTT, fact.at_wall_s, fact.tcp_rtt_s, **about)

    def _phase(self, fact: PhaseObserved) -> None:
        self._timed(signals.phase_signal(fact.phase), fact, fact.seconds, fact.failure, fact.agent)

    def _call_phase(self, fact: CallPhaseObserved) -> None:
        self._timed(signals.call_signal(fact.phase), fact, fact.seconds, fact.failure, fact.agent)

    def _timed(
        self, signal: str, fact: Observation, seconds: float | None, trouble: Failure | None, target: str
    ) -> None:
        self._builder.sample(
            signal,
            fact.at_wall_s,
            seconds,
            signals.OK if trouble is None else trouble.reason.value,
            site=fact.site,
            probe=fact.probe,
            target=target,
            detail="" if trouble is None else trouble.detail,
            suspect=fact.suspect,
        )

    def _connection(self, fact: ConnectionChanged) -> None:
        here = self._connected.setdefault(fact.site, set())
        (here.add if fact.connected else here.discard)(fact.agent)
        self._builder.heads(fact.at_wall_s, len(here), site=fact.site)
        if fact.connected and fact.reconnect:
            self._builder.sample(
                signals.RECONNECT,
                fact.at_wall_s,
                fact.seconds,
                fact.reconnect,
                site=fact.site,
                probe=fact.probe,
                target=fact.agent,
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
        about: dict[str, Any] = {"site": fact.site, "probe": fact.probe}
        self._builder.sample(
            signals.ICE_GATHERING,
            fact.at_wall_s,
            fact.seconds,
            fact.signature.value,
            target=fact.servers,
            detail="+".join(sorted(kind.value for kind in fact.obtained)),
            suspect=fact.suspect,
            **about,
        )
        for result in fact.results:
            turn = result.scheme.startswith("turn")
            self._builder.sample(
                signals.TURN_ALLOCATE if turn else signals.STUN_RTT,
                fact.at_wall_s,
                result.seconds,
                result.outcome.value,
                target=f"{result.server}/{result.transport}",
                detail=result.address or result.detail,
                suspect=fact.suspect,
                **about,
            )

    def _media(self, fact: MediaSampled) -> None:
        about: dict[str, Any] = {"site": fact.site, "probe": fact.probe, "target": fact.agent}
        for signal, name in _MEDIA:
            value = getattr(fact, name)
            outcome = signals.OK if value is not None else "silence"
            self._builder.sample(signal, fact.at_wall_s, value, outcome, suspect=fact.suspect, **about)

    def _api(self, fact: ApiObserved) -> None:
        about: dict[str, Any] = {"site": fact.site, "probe": fact.probe, "target": fact.operation}
        self._builder.sample(signals.API, fact.at_wall_s, fact.seconds, fact.status, suspect=fact.suspect, **about)
        if fact.retry_after_s is not None:
            self._builder.sample(signals.RETRY_AFTER, fact.at_wall_s, fact.retry_after_s, **about)

    def _own_lag(self, fact: OwnLagObserved) -> None:
        about: dict[str, Any] = {"site": fact.site, "target": fact.process}
        for lag_s in fact.lag_samples_s:
            self._builder.sample(signals.LOOP_LAG, fact.at_wall_s, lag_s, **about)
        for late_s in fact.lateness_samples_s:
            self._builder.sample(signals.LATENESS, fact.at_wall_s, late_s, **about)


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
        found_by=run.found_by,
        start_min_s=run.start_min_wall_s,
        start_max_s=run.start_max_wall_s,
        end_min_s=run.end_min_wall_s,
        end_max_s=run.end_max_wall_s,
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
}
