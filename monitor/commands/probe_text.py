"""What a probe says to the person who asked: one line with the answer, then every phase with its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from monitor.commands.probe_waterfall import waterfall
from monitor.facts.failures import Failure, Fault, Reason
from monitor.facts.probe_result import ProbePhase, ProbeResult

RUNBOOK = "docs/runbook.md"
SECTION = {"gathering": "ice-gathering", "api": "api-limits"}  # of the runbook, where it is not the probe's kind
_WHOSE = {
    Fault.LOCAL: "of this monitor, its host or its settings",
    Fault.PATH: "of the network between",
    Fault.REMOTE: "of the platform, or of the server that was asked",
}


class NotProbed(Exception):  # noqa: N818 - it is told, not handled
    """Nothing was measured; the message says why and what to do, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run of one probe. by: who measured; connecting: what came before it when the session was our own."""

    result: ProbeResult
    by: str
    simulated: bool
    connecting: tuple[ProbePhase, ...] = ()


def text_of(told: Told, *, debug: bool) -> str:
    """The whole answer, with debug also a waterfall of the phases and the probe's log.

    Words of the other side are shown without control characters: a terminal would obey them.
    """
    result = told.result
    lines = [_head(told), *_table(told)]
    if result.failure is not None:
        lines += _failed(result.failure)
    elif not result.success:  # a gathering is down by its signature, without a failed operation
        lines.append(f"read {RUNBOOK}#{SECTION.get(result.module, result.module)}")
    if debug:
        lines += ["", *waterfall(_in_order(told), simulated=told.simulated), "", *result.log]
    return "\n".join(printable(line) for line in lines)


def _head(told: Told) -> str:
    result = told.result
    state = "UP" if result.success else "DOWN"
    label = ", SIMULATED: the platform is the simulator" if told.simulated else ""
    return f"{state} {result.target} ({result.module}) in {result.duration_s:.3f} s, {told.by}{label}"


def _table(told: Told) -> Iterator[str]:
    """Columns: step, outcome, milliseconds; steps of connecting say so."""
    rows = [("phase", "outcome", "ms"), *(_row(phase) for phase in _in_order(told))]
    if len(rows) == 1:
        return
    steps, outcomes, times = (max(len(row[column]) for row in rows) for column in range(3))
    for step, outcome, took in rows:
        yield f"  {step:<{steps}}  {outcome:<{outcomes}}  {took:>{times}}"


def _in_order(told: Told) -> list[ProbePhase]:
    """Every phase; those of connecting say so in their names."""
    connecting = [replace(phase, name=f"connecting: {phase.name}") for phase in told.connecting]
    return [*connecting, *told.result.phases]


def _row(phase: ProbePhase) -> tuple[str, str, str]:
    return phase.name, phase.outcome, "-" if phase.seconds is None else f"{phase.seconds * 1000:.1f}"


def _failed(failed: Failure) -> Iterator[str]:
    about = f": {failed.detail}" if failed.detail else ""
    yield f"failed in {failed.operation}: {failed.reason}{about}"
    if failed.reason is Reason.NOT_CONNECTED:
        yield "nothing was sent, as the session is not up; why is told by the phases of connecting, not here"
    else:
        yield f"whose fault, as far as one attempt can tell: {failed.fault}, {_WHOSE[failed.fault]}"
    yield f"read {RUNBOOK}#{failed.reason}"


def printable(line: str) -> str:
    """Without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in line)
