"""What broke first: when each signal left its usual range, as an interval, stacked over publish windows; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from monitor.analysis.verdict.attempts import attempts_of, drop_events, reconnect_events
from monitor.analysis.verdict.departures import Departures, burst_departures, sample_departures
from monitor.analysis.verdict.looks import Looks, looks_of
from monitor.analysis.verdict.outcomes import DROPS
from monitor.analysis.verdict.result import Onset
from monitor.facts import signals
from monitor.facts.evidence import Evidence, Window

SAMPLED: Final = (
    signals.API_RATE,
    signals.API,
    signals.WS_RTT,
    signals.NOTIFICATION_RTT,
    signals.EDGE_RTT,
    signals.ICE_SERVERS,
    signals.ICE_GATHERING,
    signals.STUN_RTT,
    signals.MEDIA_RTT,
)
LEAST_WINDOWS: Final = 2


def onsets(evidence: Evidence, windows: Sequence[Window], tail_s: float) -> tuple[Onset, ...]:
    """When each signal left its usual range, in seconds after a window's start, by lower bound; negative is before it.

    A signal that did so in fewer than two windows, or in less than half of those in which it was measured, is not in
    it. Each window gives an interval that holds the truth: sampling grid, detection timers and the uncertainty of the
    window's own start widen it. Their stack is the median of the lower and the median of the upper bounds. Whatever the
    truth in each window, its median lies between these two, so the claim is about the typical window in which the
    signal moved, and one odd window cannot make it. For exposure (API load and API time) the same holds.
    """
    looks = looks_of(evidence, windows, tail_s)
    if len(looks) < LEAST_WINDOWS:
        return ()
    found = [_stacked(signal, departures, looks) for signal, departures in _departures(evidence, looks)]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.onset_low_s, one.onset_high_s)))


def order(found: Sequence[Onset]) -> tuple[tuple[Onset, ...] | None, str | None]:
    """All onsets in order of their lower bounds, and the signal that moved first; None and None if not established.

    First is a signal whose interval ends before that of every other one begins. Among those after it, intervals may
    overlap; a signal that moved alone is no order.
    """
    ordered = tuple(sorted(found, key=lambda one: (one.onset_low_s, one.onset_high_s)))
    if len(ordered) < 2 or not ordered[0].onset_high_s < ordered[1].onset_low_s:
        return None, None
    return ordered, ordered[0].signal


def _departures(evidence: Evidence, looks: Looks) -> Iterator[tuple[str, Departures]]:
    yield DROPS, burst_departures(drop_events(evidence.drops, evidence), looks)
    for signal in SAMPLED:
        if signal in evidence.series:
            series = evidence.series[signal]
            near = series.where(looks.wanted(series.at_s))
            yield signal, sample_departures(attempts_of(signal, near, evidence), looks)
    if signals.RECONNECT in evidence.series:
        reconnects = reconnect_events(evidence.series[signals.RECONNECT], evidence)
        yield signals.RECONNECT, burst_departures(reconnects, looks)


def _stacked(signal: str, departures: Departures, looks: Looks) -> Onset | None:
    moved = np.isfinite(departures.high_s)
    if moved.sum() < max(LEAST_WINDOWS, departures.seen.sum() / 2):
        return None
    low_s = np.maximum(departures.low_s, looks.usual_s) - looks.start_high_s
    high_s = departures.high_s - looks.start_low_s
    return Onset(signal, float(np.median(low_s[moved])), float(np.median(high_s[moved])))
