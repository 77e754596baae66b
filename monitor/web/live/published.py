"""The publish runs of the last days as the page shows them, from their markers in any order; pure."""

from __future__ import annotations

from typing import Any

from monitor.facts.markers import Marker
from monitor.facts.runs import Run, runs_of

KEPT_S = 2 * 86_400.0  # a run that reaches into the last 24 h may have begun a day before
MOST_MARKERS = 20_000
LOOK_AGAIN_S = 5.0  # a run without an end marker ends by itself: how soon that is seen

_Key = tuple[str, str, str, float]


class Published:
    """Markers and the runs they tell of. change: the number of the last change to any run."""

    def __init__(self) -> None:
        self.change = 0
        self._markers: dict[_Key, Marker] = {}
        self._runs: tuple[Run, ...] = ()
        self._dirty = False
        self._looked_s = 0.0
        self._begun = 0

    def add(self, marker: Marker, instead_of: Marker | None = None) -> None:
        """Take a marker in, in the place of another."""
        if instead_of is not None:
            self._markers.pop(_key(instead_of), None)
        self._markers[_key(marker)] = marker
        if len(self._markers) > MOST_MARKERS:
            del self._markers[min(self._markers, key=lambda key: key[-1])]
        self._dirty = True

    def look(self, now_s: float, limit_s: float, change: int) -> bool:
        """See how the runs stand. Whether a marker came or a run changed by itself: then `change` is noted."""
        told, before = self._dirty, (self._runs, self._begun)
        if told or (self._open() and now_s - self._looked_s >= LOOK_AGAIN_S):
            self._dirty, self._looked_s = False, now_s
            self._markers = {key: one for key, one in self._markers.items() if one.at_wall_s >= now_s - KEPT_S}
            self._runs = runs_of(self._markers.values(), now_wall_s=now_s, limit_s=limit_s)
        self._begun = len(self._begun_by(now_s))  # one that was told ahead of time begins without a further marker
        if not told and before == (self._runs, self._begun):
            return False
        self.change = change
        return True

    def running(self, now_s: float) -> list[Run]:
        """The runs that are going on."""
        return [run for run in self._runs if run.active_at(now_s)]

    def last(self, now_s: float) -> Run | None:
        """The run that began last."""
        begun = self._begun_by(now_s)
        return begun[-1] if begun else None

    def shown(self, from_s: float, to_s: float) -> list[dict[str, Any]]:
        """The runs that reach into a period, oldest first."""
        return [run_json(run) for run in self._begun_by(to_s) if _last_s(run, to_s) >= from_s]

    def _open(self) -> bool:
        return any(run.outcome == "running" for run in self._runs)

    def _begun_by(self, wall_s: float) -> list[Run]:
        return [run for run in self._runs if run.first_wall_s <= wall_s]


def run_json(run: Run) -> dict[str, Any]:
    """A run as the page is told of it."""
    return {
        "job": run.job,
        "run_id": run.run_id,
        "start": run.start_wall_s,
        "start_min": run.start_min_wall_s,
        "start_max": run.start_max_wall_s,
        "end": run.end_wall_s,
        "end_min": run.end_min_wall_s,
        "end_max": run.end_max_wall_s,
        "outcome": run.outcome,
        "strategy": run.strategy,
        "batch_size": run.batch_size,
        "pause_s": run.pause_s,
        "agents": run.agents,
        "calls": run.calls,
        "found_by": run.found_by,
        "batches": [{"at": one.at_wall_s, "size": one.size, "outcome": one.outcome} for one in run.batches],
    }


def _last_s(run: Run, to_s: float) -> float:
    return to_s if run.end_wall_s is None else run.end_wall_s


def _key(marker: Marker) -> _Key:
    return marker.job, marker.run_id, marker.phase.value, marker.at_wall_s
