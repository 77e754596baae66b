"""What one probe, run once on demand, has to say: success, phases, and a log a person can read."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.facts.failures import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePhase:
    """One timed step of a probe; seconds is None when the step failed."""

    name: str
    seconds: float | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One run of one probe."""

    target: str
    module: str
    success: bool
    duration_s: float
    phases: tuple[ProbePhase, ...] = ()
    failure: Failure | None = None
    log: tuple[str, ...] = field(default_factory=tuple)
