"""When the probes of a history measure: each on its grid of slots, the same from the first day to the last; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from heapq import heapify, heapreplace
from typing import Protocol

from monitor.facts.observations import Observation, SlotSkipped
from monitor.simulator.history.calls import CallProbe
from monitor.simulator.history.probes import Measure, SiteMonitor


class Due(Protocol):
    """Something that measures now and then. next_s: when next, in the history's seconds."""

    next_s: float

    def begin(self, at_s: float) -> None:
        """A working day begins: nothing was missed before it."""
        ...

    def run(self) -> Iterator[Observation]:
        """What is due at next_s, which moves on."""
        ...


class GridProbe:
    """One probe on its slots, `interval_s` apart. A slot that comes while it is still measuring is skipped and told."""

    def __init__(self, monitor: SiteMonitor, name: str, measure: Measure, interval_s: float, phase_s: float) -> None:
        self.next_s = phase_s
        self._monitor = monitor
        self._name = name
        self._measure = measure
        self._interval_s = interval_s
        self._phase_s = phase_s
        self._busy_until_s = -math.inf

    def begin(self, at_s: float) -> None:
        """On to the first slot of the day."""
        self.next_s = slot_from(at_s, self._interval_s, self._phase_s)

    def run(self) -> Iterator[Observation]:
        """One measurement."""
        due_s, self.next_s = self.next_s, self.next_s + self._interval_s
        monitor = self._monitor
        slot = monitor.loop.slot(due_s, monitor.platform.wall_s(due_s))
        if slot.at_s < self._busy_until_s:
            stamp = monitor.stamp(self._name, slot, 0.0)
            yield SlotSkipped(site=stamp["site"], probe=self._name, at_wall_s=stamp["at_wall_s"])
            return
        started_wall_s = monitor.clock.shown_s(slot.wall_s)
        for fact in self._measure(monitor, self._name, slot):
            self._busy_until_s = slot.at_s + fact.at_wall_s - started_wall_s
            yield fact


class CallGrid:
    """The call probe: a call at each slot, and a sample every few seconds while it is held."""

    def __init__(self, monitor: SiteMonitor, probe: CallProbe, interval_s: float, phase_s: float) -> None:
        self.next_s = phase_s
        self._monitor = monitor
        self._probe = probe
        self._interval_s = interval_s
        self._phase_s = phase_s

    def begin(self, at_s: float) -> None:
        """On to the first slot of the day; a call of the evening before is over."""
        self._probe.call = None
        self.next_s = slot_from(at_s, self._interval_s, self._phase_s)

    def run(self) -> Iterator[Observation]:
        """The next sample, or the next call."""
        slot = self._monitor.loop.slot(self.next_s, self._monitor.platform.wall_s(self.next_s))
        yield from self._probe.begin(slot) if self._probe.call is None else self._probe.sample(slot)
        call = self._probe.call
        after_s = math.nextafter(self.next_s, math.inf)
        self.next_s = slot_from(after_s, self._interval_s, self._phase_s) if call is None else call.next_s


class Schedule:
    """Every probe of every site, the next one first."""

    def __init__(self, probes: Sequence[Due]) -> None:
        self._probes = probes
        self._heap: list[tuple[float, int]] = []
        self._end_s = -math.inf

    @property
    def next_s(self) -> float:
        """When the next probe is due; infinity when none is any more on this working day."""
        return self._heap[0][0] if self._heap and self._heap[0][0] < self._end_s else math.inf

    def begin(self, at_s: float, end_s: float) -> None:
        """A working day begins, and lasts until end_s."""
        self._end_s = end_s
        for probe in self._probes:
            probe.begin(at_s)
        self._heap = [(probe.next_s, index) for index, probe in enumerate(self._probes)]
        heapify(self._heap)

    def run(self) -> Iterator[Observation]:
        """What the next probe observes."""
        probe = self._probes[self._heap[0][1]]
        yield from probe.run()
        heapreplace(self._heap, (probe.next_s, self._heap[0][1]))


def slot_from(at_s: float, interval_s: float, phase_s: float) -> float:
    """The first slot at or after a moment."""
    return phase_s + math.ceil((at_s - phase_s) / interval_s) * interval_s
