"""Everything that the live page shows of facts and markers, fed from any thread, read by any, behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.markers import Marker
from monitor.facts.observations import (
    Disconnected,
    MonitorStarted,
    Observation,
)
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.outputs.standing import Sessions
from monitor.web.live import layers
from monitor.web.live.attempts import Attempts, ProbeName
from monitor.web.live.drops import Drops
from monitor.web.live.feeds import TRACKS, samples_of
from monitor.web.live.published import Published
from monitor.web.live.rings import WINDOWS, Ring, Sample, Window
from monitor.web.live.trust import Trust

WINDOW_OF = {window.name: window for window in WINDOWS}
DROP = "drop"  # a track of its own, for how many there were
MOST_STARTS = 200
STATE_EVERY_S = 0.5
_DROPPED_LAYERS = {"signalling": ("signalling", "platform"), "ice": ("ice", "dtls"), "media": ("media",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What the settings say to the page.

    zone: IANA name. probes: those that have a log. agents: the softphones that should be connected. limit_s: after so
    long without a sign of life a run has ended as aborted.
    """

    site: str
    zone: str = "UTC"
    version: str = ""
    simulated: bool = False
    jobs: tuple[str, ...] = ()
    probes: tuple[ProbeName, ...] = ()
    agents: tuple[str, ...] = ()
    limit_s: float = DEFAULT_LIMIT_S


class LiveData:
    """The last 24 hours in bounded memory. Every change has a number, so that a reader asks what came since."""

    def __init__(self, options: PageOptions, clock: Clock, ready: Callable[[], bool] = lambda: True) -> None:
        self._clock = clock
        self._ready = ready
        self._lock = threading.Lock()
        self._options = options
        self._change = 0
        self._rings = {(w.name, track): Ring(w) for w in WINDOWS for track in (*TRACKS, DROP)}
        self._drops = Drops()
        self._published = Published()
        self._attempts = Attempts(options.probes)
        self._trust = Trust()
        self._sessions = Sessions(options.agents)
        self._starts: list[float] = []
        self._starts_change = 0
        self._suspects: list[tuple[float, float]] = []
        self._suspects_change = 0
        self._settings = int(clock.wall_s())  # so that it grows over restarts, too
        self._state: dict[str, Any] = {}
        self._state_mono_s: float | None = None

    @property
    def change(self) -> int:
        """The number of the last change."""
        return self._change

    @property
    def options(self) -> PageOptions:
        """What the settings say."""
        return self._options

    def observe(self, fact: Observation) -> None:
        """Take a fact in as it happens."""
        mono_s = self._clock.mono_s()
        with self._lock:
            self._trust.feed(fact, mono_s)
            self._sessions.feed(fact)
            self._attempts.add(fact)
            self._take(fact, self._clock.wall_s())

    def marker(self, marker: Marker, *, instead_of: Marker | None = None) -> None:
        """Take a new marker in, in the place of another."""
        with self._lock:
            self._change += 1
            self._published.add(marker, instead_of)

    def restore(self, facts: Iterable[Observation]) -> None:
        """Take facts from before the start into the timeline, in any order."""
        with self._lock:
            now_s = self._clock.wall_s()
            for fact in facts:
                self._take(fact, now_s)

    def merge(self, older: Attempts) -> None:
        """Take attempts of another time into the probes' logs."""
        with self._lock:
            self._change += 1
            self._attempts.merge(older)

    def expect(self, options: PageOptions) -> None:
        """Take new settings over; what happened so far stays."""
        with self._lock:
            self._change += 1
            self._options = options
            self._settings += 1
            self._state_mono_s = None
            self._attempts.expect(options.probes)

    def snapshot(self, window_name: str) -> tuple[int, dict[str, Any]]:
        """Everything of a window, and the number of the change up to which it tells. Raises KeyError."""
        window = WINDOW_OF[window_name]
        with self._lock:
            now_s = self._look()
            from_s = now_s - window.length_s
            told: dict[str, Any] = {
                "now": round(now_s, 3),
                "window": window.name,
                "from": round(from_s, 3),
                "to": round(now_s, 3),
                "step_s": window.step_s,
                "tracks": {track: self._rings[window.name, track].columns(from_s, now_s) for track in TRACKS},
                "drops": self._drops.newest(from_s, now_s),
                "drops_total": self._rings[window.name, DROP].count(from_s, now_s),
                "runs": self._published.shown(from_s, now_s),
                "starts": [at_s for at_s in self._starts if at_s >= from_s],
                "suspects": self._suspects_in(from_s),
                "state": self._state_now(now_s),
            }
            return self._change, told

    def update(self, window_name: str, since: int) -> tuple[int, dict[str, Any]]:
        """What has changed in a window since that change, and the number to ask with next. Raises KeyError."""
        window = WINDOW_OF[window_name]
        with self._lock:
            now_s = self._look()
            from_s = now_s - window.length_s
            told: dict[str, Any] = {"now": round(now_s, 3), "state": self._state_now(now_s)}
            tracks = self._changed_tracks(window, from_s, now_s, since)
            if tracks:
                told["tracks"] = tracks
            drops = self._drops.since(since, from_s, now_s)
            if drops:
                told["drops"] = drops
                told["drops_total"] = self._rings[window.name, DROP].count(from_s, now_s)
            if self._published.change > since:
                told["runs"] = self._published.shown(from_s, now_s)
            if self._starts_change > since:
                told["starts"] = [at_s for at_s in self._starts if at_s >= from_s]
            if self._suspects_change > since:
                told["suspects"] = self._suspects_in(from_s)
            return self._change, told

    def runs_change(self) -> int:
        """The number of the last change to any run, markers of long ago included."""
        with self._lock:
            self._look()
            return self._published.change

    def probes(self) -> list[dict[str, Any]]:
        """Every probe with its last attempt."""
        with self._lock:
            return self._attempts.overview(self._clock.wall_s())

    def probe(self, name: str) -> dict[str, Any] | None:
        """One probe's attempts and failures; None for a name that is not known."""
        with self._lock:
            return self._attempts.detail(name)

    def _take(self, fact: Observation, now_s: float) -> None:
        """What a fact says to the timeline, whenever it happened."""
        self._change += 1
        self._trust.remember(fact)
        for sample in samples_of(fact):
            self._count(sample, fact.at_wall_s, now_s)
        if isinstance(fact, Disconnected):
            self._drops.add(fact, self._change)
            self._count(Sample(DROP, None), fact.noticed_wall_s, now_s)
        elif isinstance(fact, MonitorStarted):
            self._starts = sorted((*self._starts, round(fact.at_wall_s, 3)))[-MOST_STARTS:]
            self._starts_change = self._change

    def _count(self, sample: Sample, at_s: float, now_s: float) -> None:
        for window in WINDOWS:
            self._rings[window.name, sample.track].add(sample, at_s, now_s, self._change)

    def _look(self) -> float:
        """See what changes by itself: runs and suspect minutes. The time, Unix seconds."""
        now_s = self._clock.wall_s()
        if self._published.look(now_s, self._options.limit_s, self._change + 1):
            self._change += 1
        suspects = self._trust.stretches(now_s - WINDOWS[-1].length_s, now_s)
        if suspects != self._suspects:
            self._change += 1
            self._suspects, self._suspects_change = suspects, self._change
        return now_s

    def _suspects_in(self, from_s: float) -> list[tuple[float, float]]:
        """By whole minutes, the one that has not ended included: it stays suspect, whatever its rest brings."""
        return [(start, end) for start, end in self._suspects if end > from_s]

    def _changed_tracks(self, window: Window, from_s: float, now_s: float, since: int) -> dict[str, Any]:
        told = ((track, self._rings[window.name, track].columns(from_s, now_s, since)) for track in TRACKS)
        return {track: columns for track, columns in told if columns["t"]}

    def _state_now(self, now_s: float) -> dict[str, Any]:
        """The quick state, found anew twice a second at most, however many streams ask."""
        mono_s = self._clock.mono_s()
        if self._state_mono_s is None or mono_s - self._state_mono_s >= STATE_EVERY_S:
            self._state, self._state_mono_s = self._find_state(now_s, mono_s), mono_s
        return self._state

    def _find_state(self, now_s: float, mono_s: float) -> dict[str, Any]:
        minute = self._trust.last_minute(mono_s)
        expected = self._options.agents
        view = layers.View(
            ready=self._ready(),
            totals=self._totals(now_s - layers.PERIOD_S, now_s),
            drops={name: self._drops.unplanned(of, now_s - layers.PERIOD_S) for name, of in _DROPPED_LAYERS.items()},
            connected=self._sessions.connected,
            silent=self._sessions.silent,
            expected=len(expected),
            running=tuple(self._published.running(now_s)),
            last=self._published.last(now_s),
            now_s=now_s,
            suspect=self._trust.suspect(mono_s),
            lag_s=minute.lag_s,
            dropped=self._trust.dropped,
        )
        return {
            "settings": self._settings,
            "ready": view.ready,
            "connected": view.connected,
            "expected": view.expected,
            "suspect": view.suspect,
            "lag_max_s": round(minute.lag_s, 6),
            "suspect_samples": minute.suspect,
            "samples": minute.samples,
            "dropped": self._trust.dropped,
            "skipped_slots": self._trust.skipped_slots,
            "ended_processes": self._trust.ended_processes,
            "layers": [{"layer": one.layer, "state": one.state, "words": one.words} for one in layers.layers(view)],
        }

    def _totals(self, from_s: float, to_s: float) -> dict[str, Any]:
        shortest = WINDOWS[0].name
        return {track: self._rings[shortest, track].total(from_s, to_s) for track in TRACKS}
