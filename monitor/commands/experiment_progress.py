"""How an experiment shows how far it is: a bar on a terminal, plain lines elsewhere, all on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from monitor.analysis.experiment.arm_report import Outcome
from monitor.commands.experiment_text import values_words
from monitor.publish.plan.model import VIRTUAL, Plan, Step

SHOWN = ("publish_s", "limited", "retry_after_s", "ping_p95_s", "drops")


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Tells of each block; of virtual ones, which are many and quick, only of each replicate."""

    def __init__(self, plan: Plan, done: int) -> None:
        self._plan = plan
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("experiment", total=len(plan.blocks), completed=done)
        elif done:
            say(f"{done} of {len(plan.blocks)} blocks are done already")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def block(self, step: Step) -> None:
        """A block begins."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"{step.mode} replicate {step.replicate}: {step.arm}")
        elif step.mode != VIRTUAL:
            say(f"block {step.block}/{len(self._plan.blocks)}, {step.mode}: {step.arm}")

    def done(self, outcome: Outcome) -> None:
        """The block is over."""
        if self._bar is not None:
            self._bar.advance(self._task)
        elif outcome.mode != VIRTUAL:
            words = "; ".join(part for part in (values_words(outcome.values, SHOWN), outcome.note) if part)
            say(f"    {outcome.state}: {words}")
        elif self._ends_replicate(outcome):
            say(f"virtual replicate {outcome.replicate} of {self._replicates()} is done")

    def _ends_replicate(self, outcome: Outcome) -> bool:
        following: Sequence[Step] = self._plan.blocks[outcome.block : outcome.block + 1]
        return not following or (following[0].mode, following[0].replicate) != (outcome.mode, outcome.replicate)

    def _replicates(self) -> int:
        return max(step.replicate for step in self._plan.blocks if step.mode == VIRTUAL)
