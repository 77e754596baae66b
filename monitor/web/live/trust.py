"""How far the monitor's own measurements are to be trusted: now, and minute by minute over a day; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from monitor.facts.observations import FactsDropped, Observation, ProcessEnded, SlotSkipped
from monitor.outputs.suspicion import Second, Suspicion

MINUTE_S = 60.0
MOST_MINUTES = 24 * 60 + 2


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

    def feed(self, fact: Observation, mono_s: float) -> None:
        """Take a fact of now into account. mono_s: monotonic seconds."""
        self._now.feed(fact, mono_s)
        if isinstance(fact, FactsDropped):
            self.dropped += fact.count
        elif isinstance(fact, SlotSkipped):
            self.skipped_slots += fact.slots
        elif isinstance(fact, ProcessEnded):
            self.ended_processes += 1

    def remember(self, fact: Observation) -> None:
        """Take a fact of any time into account for its own minute, in any order."""
        minute = math.floor(fact.at_wall_s / MINUTE_S)
        if minute not in self._minutes:
            if len(self._minutes) >= MOST_MINUTES:
                if minute < (oldest := min(self._minutes)):
                    return
                self._forget(oldest)
            self._minutes[minute] = Suspicion()
        self._minutes[minute].feed(fact, minute * MINUTE_S)
        self._changed.add(minute)

    def suspect(self, mono_s: float) -> bool:
        """Whether the last minute is to be distrusted."""
        return self._now.suspect(mono_s)

    def last_minute(self, mono_s: float) -> Second:
        """Measurements, suspect ones, and the worst lag of what measures: what `suspect` is judged by."""
        return self._now.last_minute(mono_s)

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
