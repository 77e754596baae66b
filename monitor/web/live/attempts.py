"""Each probe's last attempts, and its last failures kept longest; pure."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    GatheringObserved,
    HeartbeatObserved,
    Observation,
    PhaseObserved,
)
from monitor.web.live.entries import Entry, entry_of, goes_on

_KIND_OF = {
    ApiObserved: "api",
    CallPhaseObserved: "call",
    GatheringObserved: "gathering",
    HeartbeatObserved: "heartbeat",
}
MOST = 30  # attempts, and as many failures beside them
HOUR_S = 3600.0
DAY_HOURS = 24
SESSION = "session"
FETCH = "ice_servers"  # what a signalling probe measures, and one of the phases in which its session connects


@dataclass(frozen=True, slots=True)
class ProbeName:
    """A probe that has a log: its name, its kind (`session` for a signalling session itself), its agent or nothing."""

    name: str
    kind: str
    agent: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the page is told of it."""
        return {"name": self.shown, "kind": self.kind, "agent": self.agent}

    @property
    def shown(self) -> str:
        """The name that no other log has: a probe may be called as its agent is, and no name of a probe has a colon."""
        return f"{SESSION}:{self.name}" if self.kind == SESSION else self.name


@dataclass(slots=True)
class _Log:
    """Of one probe, both lists in order of time. failed: failures by the hour."""

    recent: list[Entry] = field(default_factory=list)
    failures: list[Entry] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)

    def keep(self, entry: Entry) -> None:
        insort(self.recent, entry, key=_time)
        del self.recent[:-MOST]
        if entry.bad:
            self.fail(entry)

    def fail(self, entry: Entry) -> None:
        insort(self.failures, entry, key=_time)
        del self.failures[:-MOST]
        self.failed[int(entry.at_s // HOUR_S)] += 1
        if len(self.failed) > 2 * DAY_HOURS:
            del self.failed[min(self.failed)]


class Attempts:
    """The logs of the probes that are known by name; facts of others are passed over."""

    def __init__(self, names: Iterable[ProbeName]) -> None:
        self._names: dict[str, ProbeName] = {}
        self._logs: dict[str, _Log] = {}
        self._shown_of: dict[tuple[str, str], str] = {}
        self.expect(names)

    @property
    def names(self) -> tuple[ProbeName, ...]:
        """The probes that have a log."""
        return tuple(self._names.values())

    def expect(self, names: Iterable[ProbeName]) -> None:
        """Keep logs of these probes; what is known of others is forgotten."""
        self._names = {one.shown: one for one in names}
        self._logs = {name: self._logs.get(name) or _Log() for name in self._names}
        self._shown_of = {(one.name, one.kind): one.shown for one in self._names.values()}

    def add(self, fact: Observation) -> None:
        """Take a fact in, in order of time but for what is told late."""
        entry, shown = entry_of(fact), self._shown(fact)
        if entry is None or shown is None:
            return
        log = self._logs[shown]
        last = log.recent[-1] if log.recent else None
        if last is None or not goes_on(last, entry):
            log.keep(entry)
            return
        last.add(entry)
        if last.bad:
            log.fail(last)

    def merge(self, older: Attempts) -> None:
        """Take in what another one knows, of another time."""
        for name, known in older._logs.items():
            log = self._logs.get(name)
            if log is None or not known.recent:
                continue
            log.recent = sorted((*known.recent, *log.recent), key=_time)[-MOST:]
            log.failures = sorted((*known.failures, *log.failures), key=_time)[-MOST:]
            log.failed += known.failed

    def overview(self, now_s: float) -> list[dict[str, Any]]:
        """Every probe with its last attempt and its failures in the last 24 h."""
        return [
            {
                **name.to_json(),
                "last": log.recent[-1].to_json() if log.recent else None,
                "failures": _of_day(log.failed, now_s),
            }
            for name, log in self._pairs()
        ]

    def detail(self, wanted: str) -> dict[str, Any] | None:
        """One probe with its lists, newest first; None for a name that is not known."""
        name = self._names.get(wanted)
        if name is None:
            return None
        log = self._logs[wanted]
        return {
            **name.to_json(),
            "recent": [entry.to_json() for entry in reversed(log.recent)],
            "failures": [entry.to_json() for entry in reversed(log.failures)],
        }

    def _pairs(self) -> Iterable[tuple[ProbeName, _Log]]:
        return ((name, self._logs[shown]) for shown, name in self._names.items())

    def _shown(self, fact: Observation) -> str | None:
        """Whose attempt it is, by name and by what was measured: the REST calls of a session are none of its own."""
        known = (self._shown_of.get((fact.probe, kind)) for kind in _kinds(fact))
        return next((shown for shown in known if shown is not None), None)


def _kinds(fact: Observation) -> tuple[str, ...]:
    """The kinds of probe that tell of such a fact, the likeliest first."""
    if isinstance(fact, PhaseObserved):
        return ("signalling", SESSION) if fact.phase == FETCH else (SESSION,)
    kind = _KIND_OF.get(type(fact))
    return () if kind is None else (kind,)


def _of_day(failed: Mapping[int, int], now_s: float) -> int:
    """To the hour."""
    first = int(now_s // HOUR_S) - DAY_HOURS
    return sum(count for hour, count in failed.items() if hour > first)


def _time(entry: Entry) -> float:
    return entry.at_s
