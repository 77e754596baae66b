"""Which metrics tell of which signal: a histogram with what was measured beside a counter of how attempts ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from monitor.facts import signals
from monitor.facts.ice import Signature
from monitor.outputs.catalogue import CATALOGUE
from monitor.outputs.rows import QUIET_LAG_S

OWN_LABELS: Final = frozenset({label for metric in CATALOGUE for label in metric.labels} | {"agent", "le", "__name__"})
EDGES: Final = {metric.name: metric.buckets for metric in CATALOGUE}

# A gathering without a timeout has a measured time. Empty ones take milliseconds; those that miss a type mostly waited
# for a server in vain, so that they get a value only when all others have theirs.
_SIGNATURES: Final = (
    *(Signature.EMPTY, Signature.OK, Signature.SLOW),
    *(Signature.NO_SRFLX, Signature.NO_RELAY, Signature.HOST_ONLY, Signature.ERROR),
)
_UNMEASURED: Final = 100
_UNTOLD: Final = signals.TIMEOUT  # the counters of failed phases do not say why


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One signal, or one for each value of a label.

    apart: labels that tell its series apart; their values joined are the target, unless `target` is set otherwise.
    counter: with the label `outcome`, or without one where it counts failures only. rank: of an outcome, by the values
    it has: the outcomes with the smallest values first; None for one that is never measured. default: the outcome of a
    measured value that no counter tells of. floor: buckets below it say nothing.
    """

    histogram: str
    signal: Callable[[Mapping[str, str]], str | None]
    apart: tuple[str, ...] = ()
    named: bool = True
    counter: str = ""
    outcome: str = ""
    rank: Callable[[str], int | None] = lambda outcome: 0 if outcome == signals.OK else None
    default: str = signals.OK
    floor: float = 0.0

    def ranked(self, outcomes: Mapping[str, float]) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """The outcomes that may have a value, those with the smallest first; and those that have none."""
        ranks = {outcome: self.rank(outcome) for outcome in outcomes}
        may = sorted((rank, outcome) for outcome, rank in ranks.items() if rank is not None)
        return (
            [(outcome, outcomes[outcome]) for _, outcome in may],
            [(outcome, count) for outcome, count in outcomes.items() if ranks[outcome] is None],
        )


def outcome_of(family: Family, labels: Mapping[str, str]) -> str:
    """The outcome that a counter's series counts."""
    return labels.get(family.outcome, "") if family.outcome else _UNTOLD


def _always(name: str) -> Callable[[Mapping[str, str]], str | None]:
    return lambda labels: name


def _signature_rank(outcome: str) -> int:
    return _SIGNATURES.index(Signature(outcome)) if outcome in list(Signature) else _UNMEASURED


def _status_rank(status: str) -> int | None:
    """Refusals are quickest, server errors slowest. What is no HTTP status had no answer."""
    if not (status.isdecimal() and len(status) == 3):
        return None
    return {"4": 0, "2": 1, "3": 1}.get(status[0], 2)


FAMILIES: Final = (
    Family(
        histogram="softphone_heartbeat_rtt_seconds",
        signal=lambda labels: signals.PING_OF_CHANNEL.get(labels.get("channel", "")),
        apart=("channel",),
        named=False,
        counter="softphone_heartbeats_total",
        outcome="outcome",
    ),
    Family(
        histogram="softphone_heartbeat_tcp_rtt_seconds",
        signal=_always(signals.TCP_RTT),
        apart=("channel",),
        named=False,
    ),
    Family(
        histogram="softphone_signalling_phase_seconds",
        signal=lambda labels: signals.phase_signal(labels.get("phase", "")),
        apart=("phase",),
        named=False,
        counter="softphone_signalling_phase_failures_total",
    ),
    Family(
        histogram="softphone_call_phase_seconds",
        signal=lambda labels: signals.call_signal(labels.get("phase", "")),
        apart=("phase",),
        named=False,
        counter="softphone_call_phase_failures_total",
    ),
    Family(
        histogram="softphone_ice_gathering_seconds",
        signal=_always(signals.ICE_GATHERING),
        apart=("servers",),
        counter="softphone_ice_gatherings_total",
        outcome="signature",
        rank=_signature_rank,
    ),
    Family(
        histogram="softphone_api_request_seconds",
        signal=_always(signals.API),
        apart=("operation",),
        counter="softphone_api_requests_total",
        outcome="status",
        rank=_status_rank,
        default="200",
    ),
    Family(histogram="softphone_media_rtt_seconds", signal=_always(signals.MEDIA_RTT)),
    Family(histogram="softphone_media_jitter_seconds", signal=_always(signals.MEDIA_JITTER)),
    Family(histogram="softphone_media_loss_ratio", signal=_always(signals.MEDIA_LOSS)),
    Family(histogram="softphone_media_mos", signal=_always(signals.MEDIA_MOS), apart=("model",), named=False),
    Family(
        histogram="softphone_monitor_loop_lag_seconds",
        signal=_always(signals.LOOP_LAG),
        apart=("process",),
        floor=QUIET_LAG_S,
    ),
    Family(
        histogram="softphone_monitor_schedule_lateness_seconds",
        signal=_always(signals.LATENESS),
        apart=("process",),
        floor=QUIET_LAG_S,
    ),
)
