"""Which fact feeds which track of the page; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from monitor.facts import signals
from monitor.facts.observations import (
    ApiObserved,
    GatheringObserved,
    HeartbeatObserved,
    MediaSampled,
    Observation,
    OwnLagObserved,
    PhaseObserved,
)
from monitor.web.live.rings import Sample

TRACK_OF = {  # the page's own short names: the signal without its unit
    signal: signal.removesuffix("_seconds").removesuffix("_ratio")
    for signal in (
        *(signals.WS_RTT, signals.NOTIFICATION_RTT, signals.EDGE_RTT, signals.ICE_SERVERS, signals.ICE_GATHERING),
        *(signals.API, signals.MEDIA_RTT, signals.MEDIA_JITTER, signals.MEDIA_LOSS, signals.LOOP_LAG),
    )
}
TRACKS = tuple(TRACK_OF.values())


def samples_of(fact: Observation) -> Iterable[Sample]:
    """What a fact says to the tracks: nothing, one sample, or several."""
    feed = _FEEDS.get(type(fact))
    return () if feed is None else feed(fact)


def _heartbeat(fact: HeartbeatObserved) -> Iterable[Sample]:
    signal = signals.PING_OF_CHANNEL.get(fact.channel)
    if signal is None:
        return ()
    ok = fact.outcome == signals.OK
    return (Sample(TRACK_OF[signal], fact.rtt_s, not ok, "" if ok else fact.outcome),)


def _phase(fact: PhaseObserved) -> Iterable[Sample]:
    if signals.phase_signal(fact.phase) != signals.ICE_SERVERS:
        return ()
    word = "" if fact.failure is None else fact.failure.reason.value
    return (Sample(TRACK_OF[signals.ICE_SERVERS], fact.seconds, bool(word), word),)


def _gathering(fact: GatheringObserved) -> Iterable[Sample]:
    """A slow gathering is worth a word, and no failed one. How quickly one failed is no gathering time."""
    word = "" if fact.signature == signals.OK else fact.signature.value
    failed = word in signals.FAILED_GATHERINGS or fact.failure is not None
    return (Sample(TRACK_OF[signals.ICE_GATHERING], None if failed else fact.seconds, failed, word),)


def _api(fact: ApiObserved) -> Iterable[Sample]:
    failed = fact.failure is not None
    return (Sample(TRACK_OF[signals.API], fact.seconds, failed, fact.status if failed else ""),)


def _media(fact: MediaSampled) -> Iterable[Sample]:
    told = (
        (signals.MEDIA_RTT, fact.rtt_s),
        (signals.MEDIA_JITTER, fact.jitter_s),
        (signals.MEDIA_LOSS, fact.loss_ratio),
    )
    return [Sample(TRACK_OF[signal], value) for signal, value in told if value is not None]


def _own_lag(fact: OwnLagObserved) -> Iterable[Sample]:
    """Of a second the worst."""
    return (Sample(TRACK_OF[signals.LOOP_LAG], max(fact.lag_samples_s, default=0.0)),)


_FEEDS: dict[type[Observation], Callable[[Any], Iterable[Sample]]] = {
    HeartbeatObserved: _heartbeat,
    PhaseObserved: _phase,
    GatheringObserved: _gathering,
    ApiObserved: _api,
    MediaSampled: _media,
    OwnLagObserved: _own_lag,
}
