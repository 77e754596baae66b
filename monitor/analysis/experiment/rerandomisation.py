"""The exact re-randomisation test: what chance alone, dealing the arms again, would have made of the same blocks."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

LARGEST_EXACT = 200_000
DRAWS = 20_000
_TOLERANCE = 1e-9  # sums of the same numbers in another order differ in the last digits


@dataclass(frozen=True, slots=True)
class Tested:
    """One test of several outcomes together.

    p_adjusted: per outcome, against the largest standardised outcome of each assignment (Westfall and Young's
    single-step max-T). p_single: per outcome, on its own. effects: difference of the arms' means. limits: two-sided
    confidence limits of the effect, None where the design is too small for one. assignments: how many were compared;
    exact: whether these were all there are.
    """

    p_adjusted: tuple[float, ...]
    p_single: tuple[float, ...]
    effects: tuple[float, ...]
    limits: tuple[tuple[float | None, float | None], ...]
    assignments: int
    exact: bool

    @property
    def p_overall(self) -> float:
        """The p-value of the outcome that stands out most."""
        return min(self.p_adjusted)


def assignment_count(blocks: int, treated: int) -> int:
    """How many ways there are to choose the treated blocks."""
    return math.comb(blocks, treated)


def rerandomise(
    treated: Sequence[bool],
    outcomes: Sequence[Sequence[float]],
    *,
    floor: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> Tested:
    """Test whether treatment raises the outcomes by more than `floor`, one-sided, under complete randomisation.

    treated: per block, at least one of each. outcomes: per outcome one finite number a block. The null hypothesis is
    that each block would have shown its outcome without, and that plus at most `floor` with treatment; `floor` is taken
    off the treated blocks before arms are dealt again, else it would cancel out. Above 200,000 assignments 20,000 drawn
    by `seed` stand for all, the actual one among them.
    """
    deal = _Deal(treated, seed)
    columns = [_Column(deal, treated, outcome, floor) for outcome in outcomes]
    largest = [max(row) for row in zip(*(column.standardised for column in columns), strict=True)]
    return Tested(
        p_adjusted=tuple(_share_at_least(largest, column.actual) for column in columns),
        p_single=tuple(_share_at_least(column.standardised, column.actual) for column in columns),
        effects=tuple(column.effect + floor for column in columns),
        limits=tuple(column.limits(deal, floor, level) for column in columns),
        assignments=deal.count,
        exact=deal.exact,
    )


def _share_at_least(values: Sequence[float], actual: float) -> float:
    return sum(value >= actual - _TOLERANCE for value in values) / len(values)


class _Deal:
    """Every assignment considered, always in the same order."""

    def __init__(self, treated: Sequence[bool], seed: int) -> None:
        self.blocks, self.chosen = len(treated), sum(treated)
        if not 0 < self.chosen < self.blocks:
            raise ValueError("at least one treated and one untreated block are needed")
        self.exact = assignment_count(self.blocks, self.chosen) <= LARGEST_EXACT
        self._drawn = [] if self.exact else self._draw(treated, random.Random(seed))  # noqa: S311 - repeatable
        self._spread = 1 / self.chosen + 1 / (self.blocks - self.chosen)
        self.overlaps = self.sums([float(t) for t in treated])
        self.count = len(self.overlaps)

    def _draw(self, treated: Sequence[bool], source: random.Random) -> list[tuple[int, ...]]:
        actual = tuple(index for index, t in enumerate(treated) if t)
        return [actual, *(tuple(source.sample(range(self.blocks), self.chosen)) for _ in range(DRAWS - 1))]

    def sums(self, values: Sequence[float]) -> list[float]:
        """Per assignment, the sum over the blocks it treats."""
        if self.exact:
            return list(map(sum, combinations(values, self.chosen)))
        return [sum([values[index] for index in indices]) for indices in self._drawn]

    def differences(self, sums: Sequence[float], total: float) -> list[float]:
        """The difference of the two arms' means, from the sum over treated blocks and that over all."""
        rest = total / (self.blocks - self.chosen)
        return [treated * self._spread - rest for treated in sums]

    def deviation(self, values: Sequence[float]) -> float:
        """Standard deviation of that difference over all assignments."""
        return math.sqrt(statistics.variance(values) * self._spread)


class _Column:
    """One outcome under every assignment."""

    def __init__(self, deal: _Deal, treated: Sequence[bool], outcome: Sequence[float], floor: float) -> None:
        values = [value - floor * t for value, t in zip(outcome, treated, strict=True)]
        if not all(map(math.isfinite, values)):
            raise ValueError("every block needs a finite outcome")
        self._differences = deal.differences(deal.sums(values), sum(values))
        self.effect = deal.differences([sum(v for v, t in zip(values, treated, strict=True) if t)], sum(values))[0]
        deviation = deal.deviation(values)
        scale = 1 / deviation if deviation > _TOLERANCE else 0.0  # all blocks alike: nothing stands out
        self.standardised = [difference * scale for difference in self._differences]
        self.actual = self.effect * scale

    def limits(self, deal: _Deal, floor: float, level: float) -> tuple[float | None, float | None]:
        """The effects that the test, turned around, does not reject.

        An assignment counts against an effect d when (actual - its own difference) / (1 - its overlap's difference)
        <= d, so the limits are order statistics of that quotient and no search is needed.
        """
        shares = [1 - overlap for overlap in deal.differences(deal.overlaps, deal.chosen)]
        turns = sorted(
            (self.effect - difference) / share
            for difference, share in zip(self._differences, shares, strict=True)
            if share > _TOLERANCE
        )
        same = deal.count - len(turns)
        rank = math.floor(deal.count * (1 - level) / 2 + _TOLERANCE) - same + 1
        if rank <= 0:
            return None, None
        return turns[rank - 1] + floor, turns[-rank] + floor
