"""Puts facts into the order of their wall times, lazily: what is known at its start is told at its end; pure."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count

from monitor.facts.markers import Marker
from monitor.facts.observations import Observation

Told = Observation | Marker


class InOrder:
    """A heap by wall time; what is told at one and the same moment keeps the order in which it came."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Told]] = []
        self._order = count()

    def add(self, fact: Told) -> None:
        """Keep a fact until its time has come."""
        heappush(self._heap, (fact.at_wall_s, next(self._order), fact))

    def until(self, wall_s: float) -> Iterator[Told]:
        """Every fact up to `wall_s`, once no earlier one can come any more."""
        while self._heap and self._heap[0][0] <= wall_s:
            yield heappop(self._heap)[2]

    def rest(self) -> Iterator[Told]:
        """All that is left."""
        return self.until(float("inf"))
