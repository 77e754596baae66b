"""Facts for tests of the live page, with only what matters said."""

from __future__ import annotations

from typing import Any

from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    MediaSampled,
    OwnLagObserved,
    PhaseObserved,
)

T0 = 1_790_000_000.0
SITE = "chicago"


def ping(at_s: float = T0, rtt_s: float | None = 0.02, outcome: str = "ok", **more: Any) -> HeartbeatObserved:
    """An XMPP ping of the probe `beat`."""
    told = {"site": SITE, "probe": "beat", "channel": "xmpp", **more}
    return HeartbeatObserved(at_wall_s=at_s, outcome=outcome, rtt_s=rtt_s, **told)


def phase(name: str, at_s: float = T0, seconds: float | None = 0.1, reason: Reason | None = None) -> PhaseObserved:
    """A phase of connecting the agent `a1`."""
    return PhaseObserved(
        site=SITE, probe="a1", agent="a1", at_wall_s=at_s, phase=name, seconds=seconds, failure=_failed(name, reason)
    )


def call_phase(name: str, conversation: str, at_s: float = T0, reason: Reason | None = None) -> CallPhaseObserved:
    """A phase of a call of the probe `call`."""
    told = {"site": SITE, "probe": "call", "at_wall_s": at_s, "conversation_id": conversation, "agent": "a1"}
    return CallPhaseObserved(phase=name, seconds=0.1 if reason is None else None, failure=_failed(name, reason), **told)


def gathering(signature: Signature = Signature.OK, at_s: float = T0) -> GatheringObserved:
    """A gathering of the probe `gather` that asked two servers."""
    return GatheringObserved(
        site=SITE,
        probe="gather",
        at_wall_s=at_s,
        servers="platform",
        signature=signature,
        wanted=(CandidateType.HOST, CandidateType.SRFLX),
        obtained=(CandidateType.HOST,),
        results=(
            ServerResult("stun.example:3478", "stun", "udp", ServerOutcome.TIMEOUT, None),
            ServerResult("turn.example:3478", "turn", "udp", ServerOutcome.OK, 0.03),
        ),
        seconds=0.5,
    )


def api(status: str = "200", at_s: float = T0, probe: str = "rest") -> ApiObserved:
    """A REST call; a status from 400 on is a failure."""
    failed = failure("rest", Reason.RATE_LIMITED, "slow down") if status >= "400" else None
    return ApiObserved(
        site=SITE, probe=probe, at_wall_s=at_s, operation="users_me", status=status, seconds=0.05, failure=failed
    )


def drop(at_s: float = T0, layer: Layer = Layer.SIGNALLING, reason: str = "closed", **more: Any) -> Disconnected:
    """A drop of the agent `a1`."""
    told = {"site": SITE, "probe": "a1", "agent": "a1", "code": 1001, "detail": "<b>gone</b>", **more}
    return Disconnected(
        at_wall_s=at_s, layer=layer, reason=reason, last_good_wall_s=at_s - 3, noticed_wall_s=at_s, **told
    )


def media(at_s: float = T0, rtt_s: float | None = 0.05) -> MediaSampled:
    """A second of a call."""
    told = {"site": SITE, "probe": "call", "agent": "a1", "mos": 4.3, "packets_received": 50}
    return MediaSampled(at_wall_s=at_s, rtt_s=rtt_s, jitter_s=0.004, loss_ratio=0.0, **told)


def lag(at_s: float = T0, lag_s: float = 0.001, process: str = "prober") -> OwnLagObserved:
    """A second of one of our own processes."""
    return OwnLagObserved(site=SITE, probe=process, at_wall_s=at_s, process=process, lag_samples_s=(0.0, lag_s))


def _failed(operation: str, reason: Reason | None) -> Failure | None:
    return None if reason is None else failure(operation, reason, "no answer")
