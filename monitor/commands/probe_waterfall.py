"""The phases of a probe as a waterfall for a terminal: when each step began, how long it took, which one failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.facts.ice import Signature
from monitor.facts.probe_result import ProbePhase

WIDTH: Final = 80  # columns, all in
LONGEST_NAME, LONGEST_OUTCOME = 30, 17
TOOK, FAILED, UNMEASURED = "#", "x", "?"
LEGEND = f"({TOOK} took that long, {FAILED} failed, {UNMEASURED} not measured; waits between steps are not shown)"
_SERVERS = ("stun", "stuns", "turn", "turns")
_GOOD = ("ok", Signature.SLOW.value)


@dataclass(frozen=True, slots=True)
class Step:
    """A phase with its place: start_s, seconds after the first one began."""

    phase: ProbePhase
    start_s: float

    @property
    def end_s(self) -> float:
        """Where its bar ends; of a phase without a time, where it begins."""
        return self.start_s + (self.phase.seconds or 0.0)


def steps_of(phases: Sequence[ProbePhase]) -> list[Step]:
    """Each phase starts where the one before ended, except for those that ran at the same time.

    A gathering asks every server at once and lasts as long as the slowest; the kernel measures a TCP round trip during
    the ping.
    """
    steps: list[Step] = []
    together_s = 0.0  # where the phases that run at the same time began
    end_s = 0.0
    for phase in phases:
        if not (steps and _beside(steps[-1].phase, phase)):
            together_s = end_s
        steps.append(Step(phase, together_s))
        end_s = max(end_s, steps[-1].end_s)
    return steps


def waterfall(phases: Sequence[ProbePhase], *, simulated: bool, width: int = WIDTH) -> Iterator[str]:
    """Lines of at most `width` columns: name, bar, time, outcome; none at all where there is no phase."""
    steps = steps_of(phases)
    if not steps:
        return
    total_s = max(step.end_s for step in steps)
    names = min(LONGEST_NAME, max(len(phase.name) for phase in phases))
    times = max(len(_took(phase)) for phase in phases)
    outcomes = min(LONGEST_OUTCOME, max(len(phase.outcome) for phase in phases))
    bars = width - len("   ||   ") - names - times - outcomes
    yield f"{'SIMULATED ' if simulated else ''}waterfall of {total_s * 1000:.1f} ms"
    yield LEGEND
    for step in steps:
        phase = step.phase
        bar = _bar(step, total_s, bars)
        yield (
            f"  {_cut(phase.name, names):<{names}} |{bar:<{bars}}| {_took(phase):>{times}}"
            f"  {_cut(phase.outcome, outcomes)}"
        )


def _beside(before: ProbePhase, phase: ProbePhase) -> bool:
    """Whether a phase began together with the one told before it."""
    if _is_server(before):
        return _is_server(phase) or phase.name == "gathering"
    return phase.name == "tcp_rtt" and before.name == "ping"


def _is_server(phase: ProbePhase) -> bool:
    return phase.name.split(" ")[0] in _SERVERS


def _failed(phase: ProbePhase) -> bool:
    """Whether the outcome tells of a failure; a REST call's is its HTTP status."""
    success = phase.outcome in _GOOD or (len(phase.outcome) == 3 and phase.outcome.startswith("2"))
    return not success


def _bar(step: Step, total_s: float, width: int) -> str:
    """The offset as blanks, then at least one mark, within `width`."""
    scale = width / total_s if total_s > 0 else 0.0
    begin = min(width - 1, int(step.start_s * scale))
    mark = FAILED if _failed(step.phase) else UNMEASURED if step.phase.seconds is None else TOOK
    return " " * begin + mark * max(1, min(width, round(step.end_s * scale)) - begin)


def _took(phase: ProbePhase) -> str:
    return "-" if phase.seconds is None else f"{phase.seconds * 1000:.1f} ms"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "~"
