"""Sightings of publishes to markers: what belongs to one run, which edges hold, what is to be stored; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.runs import DEFAULT_LIMIT_S, OVERLAP_SLACK_S, Run, is_detected, joined_ways, overlap_s, runs_of
from monitor.publish.watch.edges import SCHEDULE_REACH_S, Edge, better, bounded_start, due_start, near_s, start_within
from monitor.publish.watch.evidence import Sighting
from monitor.publish.watch.times import last_due_s

GAP_S = 60.0
MEMORY_S = 86400.0  # a run that went on for so long is still recognised as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A publish job that is to be detected. ways: some of facts.runs.WAYS. limit_s: no run is taken to last longer.

    gap_s: updates no further apart are one run. schedule: when it is due, such as `tue 10:00` in `timezone`.
    """

    name: str
    business_unit: str
    ways: tuple[str, ...]
    schedule: str | None = None
    timezone: str = "UTC"
    gap_s: float = GAP_S
    limit_s: float = DEFAULT_LIMIT_S
    poll_interval_s: float = 15.0
    audit_interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """A marker to store, in the place of `old` where there is one."""

    new: Marker
    old: Marker | None = None


@dataclass(frozen=True, slots=True)
class _Update:
    """One update that published: its end, who saw it, and what is known of it by name."""

    end: Edge
    found_by: str
    agents: int | None
    names: dict[str, str]


@dataclass(slots=True)
class _Found:
    """One detected run."""

    run_id: str
    start: Edge
    updates: list[_Update] = field(default_factory=list)

    @property
    def first_s(self) -> float:
        return self.start.at_s if self.start.basis == "event" else self.updates[0].end.at_s

    @property
    def last_s(self) -> float:
        return self.updates[-1].end.at_s


def since_s(job: Watched, sighting: Sighting) -> float:
    """From when on (Unix seconds) markers are needed to judge this sighting."""
    return sighting.end.min_s - job.limit_s - MEMORY_S


def changes(job: Watched, sighting: Sighting, known: Sequence[Marker], now_s: float) -> list[Change]:
    """What to store after a sighting; nothing when it says nothing new.

    known: the job's stored markers from `since_s` on. It is the whole memory, so that nothing is told twice, neither by
    another way nor after a restart. A run that was told is left its edges and learns who else has seen it.
    """
    markers = [marker for marker in known if marker.job == job.name]
    runs = _detected(markers)
    sighting = _after_the_one_before(runs, sighting)
    met = _same_update(runs, sighting)
    if met is not None:
        run, index = met
        _refine(job, run, index, sighting)
        return _differences(job, run, markers)
    told = _told_run(job, sighting, markers, now_s)
    if told is not None:
        return _seen_too(told, sighting.way, markers)
    return _differences(job, _with_new_update(job, runs, sighting), markers)


def _detected(markers: Iterable[Marker]) -> list[_Found]:
    """The detected runs that markers tell of."""
    by_run: dict[str, list[Marker]] = defaultdict(list)
    for marker in sorted(markers, key=lambda marker: marker.at_wall_s):
        if is_detected(marker.found_by):
            by_run[marker.run_id].append(marker)
    return [run for run in (_run_of(run_id, of_run) for run_id, of_run in by_run.items()) if run is not None]


def _run_of(run_id: str, markers: list[Marker]) -> _Found | None:
    of_phase = {phase: [marker for marker in markers if marker.phase is phase] for phase in MarkerPhase}
    starts, ends = of_phase[MarkerPhase.START], of_phase[MarkerPhase.END]
    if not starts or not ends:
        return None  # not ours: a user may post what he likes
    return _Found(run_id, _edge_of(starts[0]), [_update_of(m) for m in of_phase[MarkerPhase.BATCH] or ends[-1:]])


def _update_of(marker: Marker) -> _Update:
    names = {name: value for name, value in marker.attributes.items() if name != "edge"}
    return _Update(_edge_of(marker), marker.found_by, marker.agents, names)


def _edge_of(marker: Marker) -> Edge:
    low = marker.at_wall_s if marker.at_min_wall_s is None else marker.at_min_wall_s
    high = marker.at_wall_s if marker.at_max_wall_s is None else marker.at_max_wall_s
    return Edge(marker.at_wall_s, low, high, marker.attributes.get("edge", "arrival"))


def _same_update(runs: Sequence[_Found], sighting: Sighting) -> tuple[_Found, int] | None:
    """The stored update that this sighting is of: the one of the same name, else the nearest that may be the same."""
    candidates = [(run, index) for run in runs for index in range(len(run.updates))]
    judged = [(_likeness(run.updates[index], sighting), (run, index)) for run, index in candidates]
    alike = [(likeness, place) for likeness, place in judged if likeness is not None]
    return min(alike, key=lambda one: one[0])[1] if alike else None


def _likeness(update: _Update, sighting: Sighting) -> float | None:
    """0 for certainly the same, seconds apart for possibly the same, None for another one."""
    names = _names(sighting)
    for name in ("operation", "audit"):
        if name in names and name in update.names:
            return 0.0 if names[name] == update.names[name] else None
    if names.get("schedule", "") != update.names.get("schedule", names.get("schedule", "")):
        return None
    if "version" in names and "version" in update.names:
        return 0.0 if names["version"] == update.names["version"] else None
    return near_s(update.end, sighting.end)


def _after_the_one_before(runs: Iterable[_Found], sighting: Sighting) -> Sighting:
    """The sighting with its `after_s` moved up to the last publish of that schedule that is known to come before.

    A document names the version that it changes, so that it cannot have been processed before that was saved.
    """
    ends = [update.end for run in runs for update in run.updates if update.names.get("schedule") == sighting.schedule]
    before = [end.min_s for end in ends if end.max_s < sighting.end.min_s]
    known = before if sighting.after_s is None else [*before, sighting.after_s]
    return replace(sighting, after_s=max(known)) if sighting.schedule and known else sighting


def _names(sighting: Sighting) -> dict[str, str]:
    """What is known of an update by name, as its marker's attributes carry it."""
    told = {
        "schedule": sighting.schedule,
        "version": "" if sighting.version is None else str(sighting.version),
        "operation": sighting.operation,
        "audit": sighting.audit,
        "modified_by": sighting.by,
        "business_unit": "unconfirmed" if sighting.unconfirmed else "",
    }
    return {name: value for name, value in told.items() if value}


def _refine(job: Watched, run: _Found, index: int, sighting: Sighting) -> None:
    """Take into a run what a sighting of one of its updates adds."""
    update = run.updates[index]
    run.updates[index] = _Update(
        end=better(update.end, sighting.end),
        found_by=joined_ways((update.found_by, sighting.way)),
        agents=sighting.agents if update.agents is None else update.agents,
        names={**_names(sighting), **update.names},
    )
    if index == 0:
        run.start = better(run.start, _start(job, sighting))


def _with_new_update(job: Watched, runs: Sequence[_Found], sighting: Sighting) -> _Found:
    """The run that an unknown update belongs to: the nearest within the gap, else a new one."""
    update = _Update(sighting.end, sighting.way, sighting.agents, _names(sighting))
    start = _start(job, sighting)
    alone = _Found(_run_id(sighting), start, [update])
    near = min(runs, key=lambda run: _apart_s(run, alone), default=alone)
    if near is alone or _apart_s(near, alone) > job.gap_s:
        return alone
    near.updates = sorted([*near.updates, update], key=lambda one: one.end.at_s)
    if near.updates[0] is update:
        near.start = start
    return near


def _apart_s(run: _Found, other: _Found) -> float:
    return max(run.first_s - other.last_s, other.first_s - run.last_s)


def _run_id(sighting: Sighting) -> str:
    """The same for the same publish, whoever saw it, where its version is known."""
    if sighting.schedule and sighting.version is not None:
        return f"{sighting.schedule}-v{sighting.version}"
    return f"operation-{sighting.operation}" if sighting.operation else f"audit-{sighting.audit}"


def _start(job: Watched, sighting: Sighting) -> Edge:
    """When the update started: as seen, else when it was due, else only bounded, its end being the latest moment."""
    end = sighting.end
    if sighting.start is not None:
        return sighting.start
    earliest_s = end.min_s - job.limit_s
    if sighting.after_s is not None:
        earliest_s = max(earliest_s, min(sighting.after_s, end.min_s))
    if job.schedule is not None:
        due_s = last_due_s(job.schedule, job.timezone, end.max_s)
        if due_s >= max(earliest_s, end.at_s - SCHEDULE_REACH_S):
            return due_start(due_s, end)
    return bounded_start(earliest_s, end)


def _told_run(job: Watched, sighting: Sighting, markers: Iterable[Marker], now_s: float) -> Run | None:
    """The told run that went on while this publish did."""
    first_s = sighting.end.at_s if sighting.start is None else sighting.start.at_s
    told = runs_of([m for m in markers if not is_detected(m.found_by)], now_wall_s=now_s, limit_s=job.limit_s)
    met = {run.run_id: overlap_s(run, first_s, sighting.end.at_s, now_s) for run in told}
    best = max(told, key=lambda run: met[run.run_id], default=None)
    return best if best is not None and met[best.run_id] >= -OVERLAP_SLACK_S else None


def _seen_too(run: Run, way: str, markers: Iterable[Marker]) -> list[Change]:
    """A told run's own markers with one more way in `found_by`."""
    edges = [m for m in markers if m.run_id == run.run_id and m.phase is not MarkerPhase.BATCH]
    seen = [(m, replace(m, found_by=joined_ways((m.found_by, way)))) for m in edges]
    return [Change(new, old) for old, new in seen if new != old]


def _differences(job: Watched, run: _Found, markers: Iterable[Marker]) -> list[Change]:
    """What to store so that the run's markers are these and no others."""
    stored = [m for m in markers if m.run_id == run.run_id and is_detected(m.found_by)]
    wanted = _markers(job, run)
    gone = [marker for marker in stored if marker not in wanted]
    found = []
    for marker in (marker for marker in wanted if marker not in stored):
        old = next((m for m in gone if m.phase is marker.phase and _succeeds(marker, m)), None)
        if old is not None:
            gone.remove(old)
        found.append(Change(marker, old))
    return found


def _succeeds(new: Marker, old: Marker) -> bool:
    """Whether a marker takes another's place: a run has one start and one end, and a batch keeps its names."""
    if new.phase is not MarkerPhase.BATCH:
        return True
    return all(new.attributes.get(name) == value for name, value in old.attributes.items() if name != "edge")


def _markers(job: Watched, run: _Found) -> list[Marker]:
    """A run's start, its updates as batches where there are several, and its end."""
    found_by = joined_ways(update.found_by for update in run.updates)
    agents = max((u.agents for u in run.updates if u.agents is not None), default=None)
    first, last = run.updates[0], run.updates[-1]
    start = start_within(run.start, first.end)
    markers = [_marker(job, run, MarkerPhase.START, start, found_by, first.names, agents=agents)]
    if len(run.updates) > 1:
        markers += [
            _marker(job, run, MarkerPhase.BATCH, u.end, u.found_by, u.names, agents=u.agents, outcome="ok")
            for u in run.updates
        ]
    end = _marker(job, run, MarkerPhase.END, last.end, found_by, last.names, agents=agents, outcome="ok")
    return [*markers, end]


def _marker(
    job: Watched,
    run: _Found,
    phase: MarkerPhase,
    edge: Edge,
    found_by: str,
    names: dict[str, str],
    *,
    agents: int | None,
    outcome: str | None = None,
) -> Marker:
    return Marker(
        job=job.name,
        run_id=run.run_id,
        phase=phase,
        at_wall_s=edge.at_s,
        at_min_wall_s=edge.min_s,
        at_max_wall_s=edge.max_s,
        found_by=found_by,
        agents=agents,
        outcome=outcome,
        attributes={"edge": edge.basis, **names},
    )
