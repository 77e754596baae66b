"""One run of a probe told as a ProbeResult: success, phases, and a log that a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.facts.clock import rfc3339
from monitor.facts.failures import Failure
from monitor.facts.ice import Signature
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    GatheringObserved,
    HeartbeatObserved,
    Observation,
    PhaseObserved,
)
from monitor.facts.probe_result import ProbePhase, ProbeResult

NOTHING = "nothing was measured: this probe measures when something happens, not on demand"
GATHERED = (Signature.OK, Signature.SLOW)  # every wanted candidate type was obtained


def result_of(target: str, module: str, facts: Sequence[Observation], duration_s: float) -> ProbeResult:
    """What the facts of one run say. A run without a fact has measured nothing, so it is no success."""
    return ProbeResult(
        target=target,
        module=module,
        success=bool(facts) and all(_succeeded(fact) for fact in facts),
        duration_s=duration_s,
        phases=tuple(phase for fact in facts for phase in phases_of(fact)),
        failure=next((found for fact in facts if (found := _failure_of(fact))), None),
        log=tuple(line for fact in facts for line in _log_of(fact)) or (NOTHING,),
    )


def phases_of(fact: Observation) -> Iterable[ProbePhase]:
    """The timed steps that a fact holds."""
    match fact:
        case HeartbeatObserved():
            yield ProbePhase(name="ping", seconds=fact.rtt_s, outcome=fact.outcome)
            if fact.tcp_rtt_s is not None:
                yield ProbePhase(name="tcp_rtt", seconds=fact.tcp_rtt_s, outcome="ok")
        case PhaseObserved() | CallPhaseObserved():
            yield ProbePhase(name=fact.phase, seconds=fact.seconds, outcome=_outcome(fact.failure))
        case ApiObserved():
            yield ProbePhase(name=fact.operation, seconds=fact.seconds, outcome=fact.status)
        case GatheringObserved():
            for result in fact.results:
                name = f"{result.scheme} {result.server} {result.transport}"
                yield ProbePhase(name=name, seconds=result.seconds, outcome=result.outcome.value)
            yield ProbePhase(name="gathering", seconds=fact.seconds, outcome=fact.signature.value)


def _succeeded(fact: Observation) -> bool:
    if isinstance(fact, GatheringObserved):
        return fact.signature in GATHERED
    if isinstance(fact, HeartbeatObserved):
        return fact.outcome == "ok"
    return _failure_of(fact) is None


def _failure_of(fact: Observation) -> Failure | None:
    found: Failure | None = getattr(fact, "failure", None)
    return found


def _outcome(failure: Failure | None) -> str:
    return failure.reason.value if failure else "ok"


def _log_of(fact: Observation) -> Iterable[str]:
    at = rfc3339(fact.at_wall_s)
    for phase in phases_of(fact):
        took = "no time" if phase.seconds is None else f"{phase.seconds * 1000:.3f} ms"
        yield f"{at} {phase.name}: {phase.outcome}, {took}"
    failure = _failure_of(fact)
    if failure is not None:
        yield f"{at} {failure.operation}: {failure.reason} ({failure.fault}) {failure.detail}".rstrip()
    if fact.suspect:
        yield f"{at} suspect: own lag of {fact.lag_s * 1000:.3f} ms while measuring"
