"""How far the monitor's own measurements are to be trusted: now, and minute by minute over a day; pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved, ProcessEnded, SlotSkipped
from monitor.outputs.suspicion import WINDOW_S, Suspicion

MINUTE_S = 60.0
MOST_MINUTES = 24 * 60 + 2


@dataclass(slots=True)
class _Second:
    """Of one second of the monotonic clock: measurements, suspect ones, the worst lag of any process of ours."""

    at_s: int
    samples: int = 0
    suspect: int = 0
    lag_s: float = 0.0


@dataclass(slots=True)
class Trust:
    """Fed with facts as they arrive. dropped, skipped_slots, ended_processes: since the start."""

    dropped: int = 0
    skipped_slots: int = 0
    ended_processes: int = 0
    _minutes: dict[int, Suspicion] = field(default_factory=dict)
    _changed: set[int] = field(default_factory=set)
    _bad: set[int] = field(default_factory=set)
    _now: Suspicion = field(default_factory=Suspicion)
    _seconds: deque[_Second] = field(default_factory=lambda: deque(maxlen=int(WINDOW_S) + 2))

    def feed(self, fact: Observation, mono_s: float) -> None:
        """Take a fact of now into account. mono_s: monotonic seconds."""
        self._now.feed(fact, mono_s)
        second = self._second(mono_s)
        second.samples += fact.measured_s() is not None
        second.suspect += fact.suspect
        if isinstance(fact, OwnLagObserved):
            second.lag_s = max(second.lag_s, *fact.lag_samples_s, 0.0)
        elif isinstance(fact, FactsDropped):
            self.dropped += fact.count
        elif isinstance(fact, SlotSkipped):
            self.skipped_slots += fact.slots
        elif isinstance(fact, ProcessEnded):
            self.ended_processes += 1

    def remember(self, fact: Observation) -> None:
        """Take a fact of any time into account for its own minute, in any order."""
        minute = math.floor(fact.at_wall_s / MINUTE_S)
        if minute not in self._minutes:
            self._minutes[minute] = Suspicion()
            if len(self._minutes) > MOST_MINUTES:
                self._forget(min(self._minutes))
        self._minutes[minute].feed(fact, minute * MINUTE_S)
        self._changed.add(minute)

    def suspect(self, mono_s: float) -> bool:
        """Whether the last minute is to be distrusted."""
        return self._now.suspect(mono_s)

    def last_minute(self, mono_s: float) -> tuple[int, int, float]:
        """Measurements, suspect ones, and the worst lag in seconds."""
        recent = [second for second in self._seconds if mono_s - second.at_s <= WINDOW_S]
        return (
            sum(second.samples for second in recent),
            sum(second.suspect for second in recent),
            max((second.lag_s for second in recent), default=0.0),
        )

    def stretches(self, from_s: float, to_s: float) -> list[tuple[float, float]]:
        """When it was to be distrusted, by whole minutes, those that touch made one. Unix seconds."""
        for minute in self._changed & self._minutes.keys():
            judged = self._minutes[minute].suspect(minute * MINUTE_S)
            (self._bad.add if judged else self._bad.discard)(minute)
        self._changed.clear()
        found: list[tuple[float, float]] = []
        for minute in sorted(self._bad):
            start_s = minute * MINUTE_S
            if from_s < start_s + MINUTE_S and start_s < to_s:
                begun_s = found.pop()[0] if found and found[-1][1] == start_s else start_s
                found.append((begun_s, start_s + MINUTE_S))
        return found

    def _forget(self, minute: int) -> None:
        del self._minutes[minute]
        self._bad.discard(minute)

    def _second(self, mono_s: float) -> _Second:
        if not self._seconds or self._seconds[-1].at_s != int(mono_s):
            self._seconds.append(_Second(int(mono_s)))
        return self._seconds[-1]
