"""Samples, timeouts and drops put to the blocks of an experiment: one row a block, nothing averaged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

PUBLISH = "publish"
NONE = "none"
_T = TypeVar("_T")


class Sample(NamedTuple):
    """One measured latency, complete at at_wall_s (Unix seconds); suspect when own lag may have falsified it."""

    at_wall_s: float
    value_s: float
    suspect: bool = False


class Timeout(NamedTuple):
    """One attempt given up at at_wall_s after after_s seconds."""

    at_wall_s: float
    after_s: float = 0.0


class Drop(NamedTuple):
    """One lost connection: it happened after last_good_wall_s and was noticed at noticed_wall_s."""

    last_good_wall_s: float
    noticed_wall_s: float


@dataclass(frozen=True, slots=True)
class Block:
    """One block as it was run. arm: `publish` or `none`; start and end in Unix seconds, wash-out not included."""

    index: int
    arm: str
    start_wall_s: float
    end_wall_s: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One signal in one block.

    samples: measured and trusted. suspect: left out, because own lag may have falsified them or they are no positive
    number. timeouts: attempts that were given up. A timeout has no latency but ranks above every measured value:
    median_s is the median over samples and timeouts, None when it falls among the timeouts or nothing was tried.
    """

    samples: int
    suspect: int
    timeouts: int
    median_s: float | None

    @property
    def empty(self) -> bool:
        """True when nothing can be said: neither a trusted sample nor a timeout."""
        return self.samples + self.timeouts == 0

    @property
    def censored(self) -> bool:
        """True when at least half of the attempts timed out: the median is beyond what was measured."""
        return not self.empty and self.median_s is None


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block with what was seen in it: a cell for each signal, and the drops that lie in it alone."""

    block: Block
    cells: Mapping[str, Cell]
    drops: int


@dataclass(frozen=True, slots=True)
class Table:
    """All blocks in order of time. drops_elsewhere: in a wash-out, or between last good and noticed in both arms."""

    rows: tuple[BlockRow, ...]
    drops_elsewhere: int


def tabulate(
    blocks: Sequence[Block],
    samples: Mapping[str, Sequence[Sample]],
    timeouts: Mapping[str, Sequence[Timeout]],
    drops: Sequence[Drop],
    signals: Sequence[str],
) -> Table:
    """Put everything to its block. Raises ValueError for an unknown arm, an empty block, or blocks that overlap.

    An attempt belongs to the block it began in, or if it began in none, to the first block it reaches into.
    """
    ordered = sorted(blocks, key=lambda block: block.start_wall_s)
    _refuse_nonsense(ordered)
    cells: dict[int, dict[str, Cell]] = {block.index: {} for block in ordered}
    for signal in signals:
        values = _by_block(ordered, [(s.at_wall_s - s.value_s, s.at_wall_s, s) for s in samples.get(signal, ())])
        given_up = _by_block(ordered, [(t.at_wall_s - t.after_s, t.at_wall_s, t) for t in timeouts.get(signal, ())])
        for block in ordered:
            cells[block.index][signal] = _cell(values[block.index], len(given_up[block.index]))
    homes = [_home(ordered, drop) for drop in drops]
    rows = tuple(BlockRow(block, cells[block.index], homes.count(block.index)) for block in ordered)
    return Table(rows, homes.count(None))


def _refuse_nonsense(ordered: Sequence[Block]) -> None:
    if len({block.index for block in ordered}) < len(ordered):
        raise ValueError("two blocks have one index")
    for block in ordered:
        if block.arm not in (PUBLISH, NONE):
            raise ValueError(f"block {block.index}: arm {block.arm!r} is neither {PUBLISH} nor {NONE}")
        if not block.start_wall_s < block.end_wall_s:
            raise ValueError(f"block {block.index} ends before it starts")
    for before, after in pairwise(ordered):
        if after.start_wall_s < before.end_wall_s:
            raise ValueError(f"block {after.index} starts before block {before.index} has ended")


def _by_block(ordered: Sequence[Block], attempts: Sequence[tuple[float, float, _T]]) -> dict[int, list[_T]]:
    found: dict[int, list[_T]] = {block.index: [] for block in ordered}
    for began_s, ended_s, attempt in attempts:
        index = _reached(ordered, began_s, ended_s)
        if index is not None:
            found[index].append(attempt)
    return found


def _reached(ordered: Sequence[Block], began_s: float, ended_s: float) -> int | None:
    """The block an attempt began in, or else the first that it reaches into."""
    return next((b.index for b in ordered if began_s < b.end_wall_s and ended_s >= b.start_wall_s), None)


def _cell(samples: Sequence[Sample], timeouts: int) -> Cell:
    trusted = [s.value_s for s in samples if not s.suspect and s.value_s > 0 and math.isfinite(s.value_s)]
    ranked = [*trusted, *([math.inf] * timeouts)]
    median_s = statistics.median(ranked) if ranked else math.inf
    return Cell(
        samples=len(trusted),
        suspect=len(samples) - len(trusted),
        timeouts=timeouts,
        median_s=median_s if math.isfinite(median_s) else None,
    )


def _home(ordered: Sequence[Block], drop: Drop) -> int | None:
    """The first block that a drop may lie in, None when there is no such block or both arms have one."""
    met = [b for b in ordered if drop.last_good_wall_s < b.end_wall_s and drop.noticed_wall_s >= b.start_wall_s]
    return met[0].index if len({block.arm for block in met}) == 1 else None
