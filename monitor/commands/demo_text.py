"""What the demo says: progress on stderr while it runs, the blocks and the verdict on stdout at the end."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from monitor.analysis.experiment.blocks import Cell
from monitor.analysis.experiment.randomised import PRIMARY_SIGNALS, ExperimentResult, SignalResult
from monitor.analysis.verdict.result import Verdict
from monitor.publish.load import LoadResult
from monitor.publish.plan.blocks import PUBLISH, PlannedBlock

TITLES = {"ws_rtt_seconds": "ping round trip", "ice_servers_seconds": "ICE-server fetch"}
WIDTH = 100  # of the tables where there is no terminal

SENTENCES = {
    Verdict.CAUSED: "the API load slows the softphones' signalling; chance dealt the blocks, so it is the cause.",
    Verdict.INCONCLUSIVE: "this experiment blames nobody and acquits nobody.",
    Verdict.INSUFFICIENT_DATA: "this experiment is too small to tell.",
}


def sentence(result: ExperimentResult, acquitted: str) -> str:
    """What the verdict says. acquitted: how an acquittal goes on, after the margin that it was judged by."""
    if result.verdict is not Verdict.NOT_ASSOCIATED:
        return SENTENCES[result.verdict]
    return f"no slow-down of x {result.rules.margin:g} or more comes with the API load{acquitted}"


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """A bar on a terminal, a line a block elsewhere."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("measuring", total=blocks)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def block(self, planned: PlannedBlock) -> None:
        """A block begins."""
        doing = "API load" if planned.arm == PUBLISH else "no load"
        if self._bar is not None:
            self._bar.update(self._task, description=f"block {planned.index + 1}: {doing}")
        else:
            say(f"  block {planned.index + 1}/{self._blocks}: {doing}")

    def done(self) -> None:
        """The block is over."""
        if self._bar is not None:
            self._bar.advance(self._task)


def say_blocks(result: ExperimentResult, loads: Mapping[int, LoadResult]) -> None:
    """The table of blocks: what was done, what was measured."""
    table = Table(title="SIMULATED: medians of each block (n measured, t timed out)", title_justify="left")
    table.add_column("block", justify="right")
    table.add_column("arm")
    for signal in PRIMARY_SIGNALS:
        table.add_column(TITLES[signal], justify="right")
    table.add_column("drops", justify="right")
    table.add_column("API calls by status")
    for row in result.blocks:
        load = loads.get(row.block.index)
        table.add_row(
            str(row.block.index),
            row.block.arm,
            *(_cell(row.cells[signal]) for signal in PRIMARY_SIGNALS),
            str(row.drops),
            " ".join(f"{status}:{count}" for status, count in load.statuses.items()) if load else "none",
        )
    console().print(table)


def say_verdict(result: ExperimentResult, scenario: str, report: Path | None) -> None:
    """The verdict, with what it rests on and what it cannot tell. report: the file for others, where there is one."""
    for signal in result.signals:
        print(f"{TITLES[signal.signal]}: {_figures(signal)}")
    drops = ", ".join(f"{count} in {arm} blocks" for arm, count in result.drops.items())
    print(f"drops: {drops}, {result.drops_elsewhere} elsewhere; untested at this length")
    for veto in result.vetoes:
        print(f"veto: {veto}")
    for warning in result.warnings:
        print(f"warning: {warning}")
    print(f"method: {result.method}")
    for thing in result.not_separable:
        print(f"cannot be told apart here: {thing}")
    if report is not None:
        print(f"report to hand on (SIMULATED): {report.absolute()}")
    told = sentence(result, "; look for another cause.")
    p_value = "" if result.p_value is None else f" (p = {result.p_value:.4f})"
    print(f"SIMULATED verdict, scenario {scenario}: {result.verdict}{p_value}: {told}")


def outcome_json(result: ExperimentResult, scenario: str, seed: int) -> dict[str, Any]:
    """The result as a JSON-ready object."""
    return {"simulated": True, "scenario": scenario, "seed": seed, **dataclasses.asdict(result)}


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for every column where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def _cell(cell: Cell) -> str:
    median = "> timeout" if cell.censored else "-" if cell.median_s is None else f"{cell.median_s * 1000:.1f} ms"
    timed_out = f" t={cell.timeouts}" if cell.timeouts else ""
    return f"{median} (n={cell.samples}{timed_out})"


def _figures(signal: SignalResult) -> str:
    if signal.ratio is None or signal.publish_s is None or signal.none_s is None:
        return f"no ratio, as too much timed out (p = {signal.p_value:.4f})"
    limits = (
        "" if signal.ci_low is None or signal.ci_high is None else f", 95 % {signal.ci_low:.2f} to {signal.ci_high:.2f}"
    )
    return (
        f"x {signal.ratio:.2f} under load{limits} "
        f"({signal.publish_s * 1000:.1f} ms against {signal.none_s * 1000:.1f} ms), p = {signal.p_value:.4f}"
    )
