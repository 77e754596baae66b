"""Markers to publish runs: what started, what it sent, how it ended. Pure: the present is an argument."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from monitor.facts.markers import Marker, MarkerPhase

OUTCOMES = ("ok", "failed", "aborted")  # how a run or a batch may end: what a marker's `outcome` may say
DEFAULT_LIMIT_S = 7200.0  # a run that is silent for so long without an end marker has ended as `aborted`
WAYS = ("notification", "poll", "audit")  # how a run may be detected; whatever else `found_by` says was told
OVERLAP_SLACK_S = 60.0  # a script may end before the platform has done what it asked for

_WHOLE = re.compile("[0-9]{1,12}")
_T = TypeVar("_T")
_Key = tuple[float, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of a run, told when it was done. size is None when it was not told."""

    at_wall_s: float
    size: int | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a publish job, as far as its markers tell.

    start_wall_s is None when no start marker came, end_wall_s None while the run goes on or when its end is unknown.
    The *_min and *_max bounds hold the interval an edge lies in; they equal the edge when it was told exactly.
    outcome: `ok`, `failed`, `aborted`, or `running`. An aborted run without an end marker ends `limit_s` after its
    last sign of life, with end_min at that sign. batches is in order of time. found_by: every way that told of it,
    joined by `+`, such as `told+notification`. attributes: of all its markers, the later ones win. calls: API calls as
    the end marker tells them, else those of its batches; None when nobody told.
    """

    job: str
    run_id: str
    start_wall_s: float | None
    start_min_wall_s: float | None
    start_max_wall_s: float | None
    end_wall_s: float | None
    end_min_wall_s: float | None
    end_max_wall_s: float | None
    outcome: str
    batches: tuple[Batch, ...] = ()
    strategy: str = ""
    batch_size: int | None = None
    pause_s: float | None = None
    agents: int | None = None
    found_by: str = "told"
    attributes: Mapping[str, str] = field(default_factory=dict)
    calls: int | None = None

    @property
    def first_wall_s(self) -> float:
        """The earliest moment any of its markers speaks of, by which runs are ordered."""
        known = (self.start_wall_s, self.end_wall_s, *(batch.at_wall_s for batch in self.batches))
        return min(moment for moment in known if moment is not None)

    def active_at(self, wall_s: float) -> bool:
        """Whether the run was going on then. A run that only told its end never was, for all we know."""
        begun = [self.start_wall_s] if self.start_wall_s is not None else [b.at_wall_s for b in self.batches[:1]]
        return bool(begun) and begun[0] <= wall_s and (self.end_wall_s is None or wall_s < self.end_wall_s)


def runs_of(markers: Iterable[Marker], *, now_wall_s: float, limit_s: float = DEFAULT_LIMIT_S) -> tuple[Run, ...]:
    """The runs that these markers tell of, oldest first. The order in which markers arrived does not matter.

    A detected run that overlaps a told one of the same job is that run: the told edges hold.
    """
    of_run: dict[tuple[str, str], set[_Key]] = defaultdict(set)
    by_key: dict[_Key, Marker] = {}
    for marker in markers:
        key = (marker.at_wall_s, marker.phase.value, marker.job, marker.run_id)
        by_key[key] = marker
        of_run[marker.job, marker.run_id].add(key)
    runs = [_run([by_key[key] for key in sorted(keys)], now_wall_s, limit_s) for keys in of_run.values()]
    return tuple(_in_order(_without_twins(_in_order(runs), now_wall_s)))


def is_detected(found_by: str) -> bool:
    """Whether nobody told of it: every way is one of detection."""
    return set(found_by.split("+")) <= set(WAYS)


def joined_ways(found_by: Iterable[str]) -> str:
    """Several `found_by` as one: each way once, what was told first, then in the order of WAYS."""
    ways = {way: None for one in found_by for way in one.split("+")}
    return "+".join(sorted(ways, key=lambda way: WAYS.index(way) if way in WAYS else -1))


def overlap_s(run: Run, first_wall_s: float, last_wall_s: float, now_wall_s: float) -> float:
    """How long a run and an interval go on at once, in seconds; below 0 they are so far apart. An open run goes on."""
    end_wall_s = max(now_wall_s, last_wall_s) if run.end_wall_s is None else run.end_wall_s
    return min(end_wall_s, last_wall_s) - max(run.first_wall_s, first_wall_s)


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.first_wall_s, run.job, run.run_id))


def _without_twins(runs: list[Run], now_wall_s: float) -> Iterable[Run]:
    """The runs, with each detected one that is a told one's twin merged into that."""
    told = {(run.job, run.run_id): run for run in runs if not is_detected(run.found_by)}
    for run in runs:
        if not is_detected(run.found_by):
            continue
        last_wall_s = now_wall_s if run.end_wall_s is None else run.end_wall_s
        met = {
            key: overlap_s(other, run.first_wall_s, last_wall_s, now_wall_s)
            for key, other in told.items()
            if other.job == run.job
        }
        twin = max(met, key=lambda key: met[key], default=None)
        if twin is not None and met[twin] >= -OVERLAP_SLACK_S:
            told[twin] = _merged(told[twin], run)
        else:
            yield run
    yield from told.values()


def _merged(told: Run, found: Run) -> Run:
    """The told run, with what only detection knows."""
    merged = replace(
        told,
        found_by=joined_ways((told.found_by, found.found_by)),
        agents=found.agents if told.agents is None else told.agents,
        batches=told.batches or found.batches,
        attributes={**found.attributes, **told.attributes},
        calls=found.calls if told.calls is None else told.calls,
    )
    if told.start_wall_s is not None or found.start_wall_s is None:
        return merged
    if told.end_wall_s is not None and found.start_wall_s > told.end_wall_s:
        return merged
    return replace(
        merged,
        start_wall_s=found.start_wall_s,
        start_min_wall_s=found.start_min_wall_s,
        start_max_wall_s=found.start_max_wall_s,
    )


def _run(markers: list[Marker], now_wall_s: float, limit_s: float) -> Run:
    """One run from its own markers in order of time: the first start holds, and the last end."""
    start = next((m for m in markers if m.phase is MarkerPhase.START), None)
    end = next((m for m in reversed(markers) if m.phase is MarkerPhase.END), None)
    end_wall_s, end_min, end_max, outcome = _ending(markers, end, now_wall_s, limit_s)
    return Run(
        job=markers[0].job,
        run_id=markers[0].run_id,
        start_wall_s=start.at_wall_s if start else None,
        start_min_wall_s=_lower(start),
        start_max_wall_s=_upper(start),
        end_wall_s=end_wall_s,
        end_min_wall_s=end_min,
        end_max_wall_s=end_max,
        outcome=outcome,
        batches=tuple(_batch(m) for m in markers if m.phase is MarkerPhase.BATCH),
        strategy=_told([m.strategy for m in markers]) or "",
        batch_size=_told([m.batch_size for m in markers]),
        pause_s=_told([m.pause_s for m in markers]),
        agents=_told([m.agents for m in markers]),
        found_by=(start or markers[0]).found_by,
        attributes={name: value for marker in markers for name, value in marker.attributes.items()},
        calls=_calls(markers, end),
    )


def _ending(
    markers: list[Marker], end: Marker | None, now_wall_s: float, limit_s: float
) -> tuple[float | None, float | None, float | None, str]:
    """End, its bounds, and the outcome."""
    if end is not None:
        return end.at_wall_s, _lower(end), _upper(end), end.outcome or "ok"
    last_wall_s = markers[-1].at_wall_s
    if now_wall_s - last_wall_s >= limit_s:
        return last_wall_s + limit_s, last_wall_s, last_wall_s + limit_s, "aborted"
    return None, None, None, "running"


def _calls(markers: list[Marker], end: Marker | None) -> int | None:
    of_end = None if end is None else _count(end)
    counted = [count for marker in markers if marker is not end and (count := _count(marker)) is not None]
    return of_end if of_end is not None else sum(counted) if counted else None


def _count(marker: Marker) -> int | None:
    text = marker.attributes.get("calls", "")
    return int(text) if _WHOLE.fullmatch(text) else None


def _batch(marker: Marker) -> Batch:
    return Batch(at_wall_s=marker.at_wall_s, size=marker.batch_size, outcome=marker.outcome or "ok")


def _lower(marker: Marker | None) -> float | None:
    if marker is None:
        return None
    return marker.at_wall_s if marker.at_min_wall_s is None else marker.at_min_wall_s


def _upper(marker: Marker | None) -> float | None:
    if marker is None:
        return None
    return marker.at_wall_s if marker.at_max_wall_s is None else marker.at_max_wall_s


def _told(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
