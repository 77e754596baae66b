"""Where to look around each publish window: the time before it that shows what is usual, and the look itself; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.analysis.verdict.placed import NONE_ARM
from monitor.facts.evidence import Evidence, Flags, Floats, Window
from monitor.facts.stretches import merged, within

Places = NDArray[np.intp]

USUAL_S: Final = 7200.0  # what is usual is taken from so long before the look
EARLY_S: Final = 300.0  # a look begins so long before its window: what moved earlier was not moved by the publish


@dataclass(frozen=True, slots=True)
class Looks:
    """One look a window, as columns in Unix seconds, in order of start.

    start_low_s, start_high_s: the interval in which the window began. usual_s to look_s is the time before, look_s to
    until_s the look. unfit: stretches that show nothing usual: every window with its tail, gaps, suspect periods.
    """

    start_low_s: Floats
    start_high_s: Floats
    usual_s: Floats
    look_s: Floats
    until_s: Floats
    unfit: tuple[tuple[float, float], ...]

    def __len__(self) -> int:
        return len(self.look_s)

    @property
    def length_s(self) -> Floats:
        """How long each look is."""
        return self.until_s - self.look_s

    def fit(self, at_s: Floats) -> Flags:
        """Whether each moment may show what is usual."""
        return ~within(at_s, self.unfit)

    def usual_length_s(self) -> float:
        """Time that may show what is usual, all windows together, none counted twice."""
        usual = merged(list(zip(self.usual_s.tolist(), self.look_s.tolist(), strict=True)))
        if not usual or not self.unfit:
            return sum(end_s - begin_s for begin_s, end_s in usual)
        edges = np.array(self.unfit)
        unfit_so_far = np.concatenate([[0.0], np.cumsum(edges[:, 1] - edges[:, 0])])
        steps = np.stack([unfit_so_far[:-1], unfit_so_far[1:]], axis=1)
        spans = np.array(usual)
        fit_so_far = spans - np.interp(spans, edges.ravel(), steps.ravel())
        return float(np.diff(fit_so_far, axis=1).sum())

    def wanted(self, at_s: Floats) -> Places:
        """Places in a column in order of time that any look or the time before it needs, each once."""
        return np.unique(self.rows(at_s)[0])

    def rows(self, at_s: Floats) -> tuple[Places, Places]:
        """Places in a column in order of time, look by look with the time before it, and the look each belongs to."""
        first = np.searchsorted(at_s, self.usual_s)
        length = np.searchsorted(at_s, self.until_s, side="right") - first
        look = np.repeat(np.arange(len(self)), length)
        offset = first - (np.cumsum(length) - length)
        return np.arange(len(look)) + offset[look], look


def looks_of(evidence: Evidence, windows: Sequence[Window], tail_s: float) -> Looks:
    """The looks for these windows; blocks in which nothing was done have none.

    A look begins EARLY_S before the earliest start, but not within the tail of an earlier window, and ends with the
    tail. What is usual is taken from within the observed period.
    """
    treated = sorted((one for one in windows if one.arm != NONE_ARM), key=lambda one: one.first_s)
    first, last = (np.array([getattr(one, name) for one in treated]) for name in ("first_s", "last_s"))
    until = last + tail_s
    earlier = np.concatenate([[-np.inf], np.maximum.accumulate(until)[:-1]])[: len(treated)]
    look = np.minimum(first, np.maximum(first - EARLY_S, earlier))
    begin_s = evidence.span[0] if evidence.span else -np.inf
    runs = [(one.first_s, one.last_s + tail_s) for one in (*treated, *evidence.windows) if one.arm != NONE_ARM]
    bad = [(one.start_s, one.end_s) for one in (*evidence.gaps, *evidence.suspects)]
    return Looks(
        start_low_s=first,
        start_high_s=np.array([max(one.start_s, one.start_max_s or one.start_s) for one in treated]),
        usual_s=np.minimum(look, np.maximum(look - USUAL_S, begin_s)),
        look_s=look,
        until_s=until,
        unfit=tuple(merged([*runs, *bad])),
    )
