"""The monitor's own clock and loop in a history: a wall clock that may step, a loop that may stand still; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from monitor.simulator.history.baseline import Baseline
from monitor.simulator.world.occurrences import Edge, Timeline

STEP = "clock_step"


class MonitorClock:
    """The wall clock that the facts are dated by. The publishing host has its own, which does not step with it."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        steps = [edge for edge in edges if edge.occurrence.kind == STEP and edge.begins]
        self._at_wall_s = [edge.at_wall_s for edge in steps]
        self._offsets_s = [0.0, *accumulate(edge.occurrence.by_s for edge in steps)]

    @property
    def furthest_back_s(self) -> float:
        """By how much a later fact may be dated before an earlier one."""
        return sum(
            max(0.0, before - after) for before, after in zip(self._offsets_s, self._offsets_s[1:], strict=False)
        )

    def shown_s(self, true_wall_s: float) -> float:
        """What the clock shows at a moment of true Unix time."""
        if not self._at_wall_s:
            return true_wall_s
        return true_wall_s + self._offsets_s[bisect_right(self._at_wall_s, true_wall_s)]


class Slot(NamedTuple):
    """One slot of a probe. at_s: when the measurement starts, in the history's seconds, `lateness_s` after its time.

    wall_s: true Unix time of that. lag_s: the loop's lag around it. stands_s: how long the loop stands still at a time.
    """

    at_s: float
    wall_s: float
    lateness_s: float
    lag_s: float
    stands_s: float = 0.0


class OwnLoop:
    """The event loop that measures a site: hardly ever late, unless the machine is overloaded."""

    def __init__(self, site: str, baseline: Baseline, timeline: Timeline) -> None:
        self._site = site
        self._baseline = baseline
        self._timeline = timeline

    def slot(self, due_s: float, due_wall_s: float) -> Slot:
        """The slot that is due at that moment."""
        lag_s = self._baseline.lag_s()
        trouble = self._timeline.active("own_lag", due_wall_s, self._site)
        if trouble is None:
            return Slot(due_s, due_wall_s, 0.0, lag_s)
        stands_s = trouble.lag_s * (0.5 + 0.5 * self._baseline.chance())
        lateness_s = stands_s * self._baseline.chance()
        return Slot(due_s + lateness_s, due_wall_s + lateness_s, lateness_s, lag_s + stands_s, stands_s)

    def measured_s(self, slot: Slot, seconds: float) -> float:
        """What a measurement of that length reads: an answer is seen when the loop next runs."""
        return seconds + slot.stands_s * self._baseline.chance() if slot.stands_s else seconds
