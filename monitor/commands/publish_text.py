"""What `publish` says: progress on stderr while it runs, the result as a table or as JSON on stdout at the end."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from monitor.facts.failures import Failure, Fault
from monitor.publish.flow.events import BatchDone, Ended, FlowEvent, Noted, Published, Started
from monitor.publish.flow.tally import Latency, Summary

WHOSE = {Fault.LOCAL: "here: credentials, permissions or settings", Fault.PATH: "the network", Fault.REMOTE: "platform"}


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


class PublishProgress:
    """A bar on a terminal, a line a batch elsewhere."""

    def __init__(self) -> None:
        self._batches = 0
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("reading the schedule", total=None)

    def __enter__(self) -> PublishProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def event(self, event: FlowEvent) -> None:
        """Something has happened."""
        if isinstance(event, Noted):
            self._line(f"note: {event.text}")
        elif isinstance(event, Started):
            self._batches = event.batches
            batches = "1 batch" if event.batches == 1 else f"{event.batches} batches"
            self._line(f"{len(event.agents)} agents in {batches}, schedule version {event.version}")
        elif isinstance(event, BatchDone):
            self._line(f"batch {event.index + 1}/{self._batches}: {batch_words(event)}")
        elif isinstance(event, Published) and self._bar is not None:
            self._bar.update(self._task, description=f"batch {event.index + 1}/{self._batches}")

    def change(self, done: int, planned: int) -> None:
        """So many changes are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=planned)

    def line(self, text: str) -> None:
        """A line among the progress."""
        self._line(text)

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            say(f"  {text}")


def batch_words(event: BatchDone) -> str:
    """A batch in one line."""
    words = f"{len(event.agents)} agents in {event.seconds:.1f} s, {event.calls} calls ({status_words(event.statuses)})"
    return words + (f", stalled {event.stalled_s:.1f} s" if event.stalled_s else "")


def failure_words(why: Failure) -> str:
    """Operation, reason and whose fault it is, in one line."""
    return f"{why.operation}: {why.reason}: {why.detail} (fault: {WHOSE[why.fault]})"


def status_words(statuses: Mapping[str, int]) -> str:
    """Statuses with their counts."""
    return " ".join(f"{status}:{count}" for status, count in statuses.items()) or "none"


def say_result(ended: Ended, strategy: str, *, simulated: bool) -> None:
    """The table of operations, and what the run came to."""
    summary = ended.summary
    mark = "SIMULATED: " if simulated else ""
    _console().print(operations_table(f"{mark}{strategy}", summary.operations))
    print(f"calls: {summary.calls} by status {status_words(summary.statuses)}")
    print(
        f"stalls: {summary.stalled_s:.1f} s in which all it did was wait for a retry, the longest "
        f"{summary.longest_stall_s:.1f} s; Retry-After honoured for {summary.retry_after_s:.1f} s summed over requests"
    )
    failed = f", {len(summary.failed_agents)} with a failed write" if summary.failed_agents else ""
    print(f"agents: {summary.agents}, published {summary.published}{failed}; batches: {summary.batches}")
    print(f"{mark}{ended.outcome} after {summary.seconds:.1f} s")


def operations_table(title: str, operations: Mapping[str, Latency]) -> Table:
    """Calls and latencies by operation."""
    table = Table(title=title, title_justify="left")
    table.add_column("operation")
    for name in ("calls", "answers 2xx", "p50", "p90", "p99", "max"):
        table.add_column(name, justify="right")
    for name, one in operations.items():
        figures = (one.p50_s, one.p90_s, one.p99_s, one.max_s)
        shown = ("-" if value is None else f"{value * 1000:.1f} ms" for value in figures)
        table.add_row(name, str(one.calls), str(one.answers), *shown)
    return table


def say_dry_run(why: str, summary: Summary, batches: int, seconds: float) -> None:
    """What would be sent, and how long that takes at least."""
    print(f"DRY RUN, nothing is written: {why}")
    table = Table(title="would be sent", title_justify="left")
    table.add_column("operation")
    table.add_column("calls", justify="right")
    for name, one in summary.operations.items():
        table.add_row(name, str(one.calls))
    _console().print(table)
    answers = status_words(summary.statuses)
    in_batches = "1 batch" if batches == 1 else f"{batches} batches"
    print(f"{summary.calls} calls in {in_batches} for {summary.agents} agents, expected answers {answers}")
    print(f"takes at least {seconds:.1f} s, if every answer came at once and 300 requests a minute were allowed")


def result_json(ended: Ended, **about: Any) -> dict[str, Any]:
    """The result as a JSON-ready object."""
    return {**about, "outcome": ended.outcome, **dataclasses.asdict(ended.summary)}


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=110)
