"""What the analysis says: the verdict with everything it rests on, as values and as one JSON object; pure."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from monitor.analysis.diagnosis.result import CauseFound, Diagnosis


class Verdict(StrEnum):
    """What is said about the publish; the first that holds, in this order."""

    INSUFFICIENT_DATA = "insufficient_data"
    CAUSED = "caused"
    ASSOCIATED = "associated"
    NOT_ASSOCIATED = "not_associated"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class OutcomeResult:
    """One primary outcome (`drops`, or a signal) at one site, or over all sites where `site` is empty.

    ratio: inside the windows against what the same day's adjacent hours and the other days let one expect, with 95 %
    limits from resampled days; None where it does not exist. p_value: adjusted for all outcomes and sites tested
    together; p_left_out: the largest one with any one window left out; p_anytime: valid however often one looks.
    windows_in_excess: windows that show more than their expectation. censored: the ratio does not exist because so
    much timed out in a window that its latency lies beyond what was measured. none_failed: it does not exist because no
    attempt failed, in the windows or in what they are compared with.
    """

    outcome: str
    site: str
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    p_left_out: float | None
    p_anytime: float | None
    windows_in_excess: int
    censored: bool = False
    none_failed: bool = False


@dataclass(frozen=True, slots=True)
class SiteResult:
    """Drops of one site. p_value: the smallest adjusted one over its outcomes."""

    site: str
    rate_ratio: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """How harm grows with API load: change of the log excess for each doubling of calls a second, one-sided p-value."""

    slope: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Onset:
    """When a signal left its usual range: an interval in seconds after a window's start, stacked over windows."""

    signal: str
    onset_low_s: float
    onset_high_s: float


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """One way of publishing: its windows, drops in them, and the ratio of these to what was to be expected."""

    strategy: str
    windows: int
    events_in: float
    rate_ratio: float | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """Observed time. Agent-hours where head counts are known, else peer-hours of one agent a site.

    outside_hours: windows outside the working hours, a class of its own: their number and drops, never tested.
    """

    agent_hours_in: float
    agent_hours_out: float
    gap_hours: float
    suspect_hours: float
    windows_unobserved: int
    windows_outside_hours: int
    events_outside_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything there is to tell. provisional: judged by p_anytime too, since it is looked at repeatedly.

    events_in, events_out: drops inside windows (with their tail) and in the observed rest. incidents: drops of one site
    within 60 s count once. weeks_needed: weeks (blocks, for randomised rows) to see a ratio of 3 and of 10 with 80 %
    power. order: None where not established. vetoes: why blame was withheld.
    """

    verdict: Verdict
    p_value: float | None
    rate_ratio: float | None
    ci_low: float | None
    ci_high: float | None
    events_in: float
    events_out: float
    incidents_in: int
    incidents_out: int
    windows: int
    weeks: int
    weeks_needed: dict[str, int | None]
    outcomes: tuple[OutcomeResult, ...] = ()
    sites: tuple[SiteResult, ...] = ()
    dose_response: DoseResponse | None = None
    order: tuple[Onset, ...] | None = None
    onsets: tuple[Onset, ...] = ()
    first_mover: str | None = None
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    strategies: tuple[StrategyResult, ...] = ()
    exposure: Exposure | None = None
    design: str = ""
    provisional: bool = False
    p_anytime: float | None = None
    simulated: bool = False
    vetoes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    not_separable: tuple[str, ...] = ()
    method: str = ""
    span: tuple[str, str] | None = None

    @property
    def judged_by(self) -> float | None:
        """The p-value that the word rests on: of a provisional verdict the one that holds at every look."""
        return self.p_anytime if self.provisional else self.p_value

    @property
    def causes(self) -> tuple[CauseFound, ...]:
        """The causes considered, the best first."""
        return self.diagnosis.causes


def to_json(result: Result) -> dict[str, Any]:
    """One JSON object, valid always: null where a ratio or a limit does not exist or is not finite."""
    told = asdict(result)
    diagnosis = told.pop("diagnosis")
    told["cause"] = diagnosis["cause"]
    told["runner_up"] = diagnosis["runner_up"]
    told["causes"] = diagnosis["causes"]
    told["missing"] = diagnosis["missing"]
    return {name: _finite(value) for name, value in told.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
