"""Ways of publishing side by side: how many drops their windows had against what was to be expected; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from monitor.analysis.verdict.placed import NONE_ARM
from monitor.analysis.verdict.result import StrategyResult
from monitor.facts.evidence import Window


def strategies(
    windows: Sequence[Window], counts_in: Sequence[float], expected: Sequence[float]
) -> tuple[StrategyResult, ...]:
    """One result a strategy in alphabetical order, the nameless one among them; () where no window names any.

    counts_in: drops in each window; expected: drops to be expected in it, nan where it was not observed: such a window
    is left out, as are blocks in which nothing was done. rate_ratio: of the sums; None where nothing was expected.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    for window, count, base in zip(windows, counts_in, expected, strict=True):
        if window.arm != NONE_ARM and math.isfinite(base):
            rows.setdefault(window.strategy, []).append((float(count), float(base)))
    if not any(rows):
        return ()
    return tuple(_result(strategy, rows[strategy]) for strategy in sorted(rows))


def _result(strategy: str, rows: list[tuple[float, float]]) -> StrategyResult:
    events, base = (math.fsum(column) for column in zip(*rows, strict=True))
    return StrategyResult(strategy, len(rows), events, events / base if base > 0 else None)
