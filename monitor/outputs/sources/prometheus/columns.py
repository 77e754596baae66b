"""A stretch of raw samples to columns of evidence: signals, drops, head counts, answers of ICE servers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from monitor.facts import signals
from monitor.facts.evidence import Floats
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.ice import ServerOutcome
from monitor.outputs.sources.prometheus.counts import bucket_increments, increments, measured_between, paired
from monitor.outputs.sources.prometheus.families import EDGES, FAMILIES, Family, outcome_of
from monitor.outputs.sources.prometheus.scrapes import Column, Stretch, Target

RECONNECT: Final = Family(histogram="softphone_reconnect_seconds", signal=lambda labels: signals.RECONNECT)
STUN: Final = "softphone_stun_rtt_seconds"
TURN: Final = "softphone_turn_allocate_seconds"
RESULTS: Final = "softphone_ice_server_results_total"
DROPS: Final = "softphone_disconnects_total"
CONNECTED: Final = "softphone_signalling_connected"

_Key = tuple[int, tuple[str, ...]]  # a target, and the labels that tell a metric's series apart


@dataclass(slots=True)
class _Group:
    """The series of one target that belong together, on its scrapes. buckets: upper edge -> cumulative counts."""

    target: Target
    labels: Mapping[str, str]
    buckets: dict[float, Floats] = field(default_factory=dict)
    outcomes: dict[str, Floats] = field(default_factory=dict)  # -> increments

    def rows(self) -> tuple[list[float], Floats]:
        """Edges, and the increments of each bucket; nothing where nothing was measured."""
        if math.inf not in self.buckets:
            return [], np.zeros((0, len(self.target.times_s)))
        return bucket_increments(self.buckets)

    def busy(self, rows: Floats) -> Floats:
        """How much happened before each scrape."""
        return np.asarray(rows.sum(axis=0) + sum(self.outcomes.values(), np.zeros(len(self.target.times_s))))


class Reading:
    """Feeds a builder, stretch by stretch in order of time. failed: signals with failures that nothing explains."""

    def __init__(self, builder: EvidenceBuilder) -> None:
        self._builder = builder
        self._heads: dict[str, float] = {}
        self.failed: set[str] = set()

    def take(self, stretch: Stretch, longest_s: Mapping[str, float]) -> None:
        """Take everything in. longest_s: by site, between two scrapes; what came over a longer time is no sample."""
        for family in FAMILIES:
            for group in _groups(stretch, family.apart, family.histogram, family.counter, family):
                self._family(stretch, family, group, longest_s.get(group.target.site, math.inf))
        for group in _groups(stretch, ("kind",), RECONNECT.histogram, "", RECONNECT):
            self._reconnects(stretch, group)
        self._servers(stretch, longest_s)
        for column in stretch.columns(DROPS):
            self._drops(stretch, column)
        self._connected(stretch)

    def _family(self, stretch: Stretch, family: Family, group: _Group, longest_s: float) -> None:
        signal = family.signal(group.labels)
        if signal is None:
            return
        target = "/".join(group.labels.get(name, "") for name in family.apart) if family.named else ""
        edges, rows = group.rows()
        for step in _steps(stretch, group, group.busy(rows), longest_s):
            measured = measured_between(edges, rows, step, EDGES[family.histogram], family.floor)
            counts = {outcome: float(row[step]) for outcome, row in group.outcomes.items() if row[step] > 0}
            may, never = family.ranked(counts)
            if never and not family.outcome:
                self.failed.add(signal)
            for outcome, value, many in [*paired(measured, may, family.default), *((o, None, n) for o, n in never)]:
                self._sample(signal, group, step, value, outcome, many, target)

    def _reconnects(self, stretch: Stretch, group: _Group) -> None:
        edges, rows = group.rows()
        for step in _steps(stretch, group, group.busy(rows), math.inf):
            for value, many in measured_between(edges, rows, step, EDGES[RECONNECT.histogram]):
                self._sample(signals.RECONNECT, group, step, value, group.labels.get("kind", ""), many, "")

    def _servers(self, stretch: Stretch, longest_s: Mapping[str, float]) -> None:
        """Histograms tell STUN from TURN, the counter of results does not: failures go where answers are missing."""
        apart = ("server", "transport")
        allocated = {_key(group): group for group in _groups(stretch, apart, TURN, "", RECONNECT)}
        results = Family(histogram=STUN, signal=RECONNECT.signal, counter=RESULTS, outcome="outcome")
        for stun in _groups(stretch, apart, STUN, RESULTS, results):
            turn = allocated.pop(_key(stun), _Group(stun.target, stun.labels))
            failures = {name: row for name, row in stun.outcomes.items() if name != ServerOutcome.OK}
            stun.outcomes, turn.outcomes = _shared(stun, turn, failures)
            for signal, histogram, group in ((signals.STUN_RTT, STUN, stun), (signals.TURN_ALLOCATE, TURN, turn)):
                self._answers(stretch, signal, histogram, group, longest_s)
        for turn in allocated.values():
            self._answers(stretch, signals.TURN_ALLOCATE, TURN, turn, longest_s)

    def _answers(
        self, stretch: Stretch, signal: str, histogram: str, group: _Group, longest_s: Mapping[str, float]
    ) -> None:
        target = "/".join(group.labels.get(name, "") for name in ("server", "transport"))
        edges, rows = group.rows()
        for step in _steps(stretch, group, group.busy(rows), longest_s.get(group.target.site, math.inf)):
            for value, many in measured_between(edges, rows, step, EDGES[histogram]):
                self._sample(signal, group, step, value, signals.OK, many, target)
            for outcome, row in group.outcomes.items():
                if row[step] > 0:
                    self._sample(signal, group, step, None, outcome, float(row[step]), target)

    def _sample(
        self, signal: str, group: _Group, step: int, value: float | None, outcome: str, many: float, target: str
    ) -> None:
        at_s, site = float(group.target.times_s[step]), group.target.site
        self._builder.sample(signal, at_s, value, outcome, site=site, target=target, weight=many)

    def _drops(self, stretch: Stretch, column: Column) -> None:
        raised, times_s = increments(column.values), column.target.times_s
        for step in stretch.steps(column.target):
            for _ in range(round(float(raised[step]))):
                self._builder.drop(
                    float(times_s[step - 1]),
                    float(times_s[step]),
                    site=column.target.site,
                    agent=column.labels.get("agent", ""),
                    layer=column.labels.get("layer", ""),
                    reason=column.labels.get("reason", ""),
                )

    def _connected(self, stretch: Stretch) -> None:
        counts: dict[int, tuple[Target, Floats]] = {}
        for column in stretch.gauge(CONNECTED):
            _, sofar = counts.get(id(column.target), (column.target, np.zeros(len(column.values))))
            counts[id(column.target)] = column.target, sofar + np.nan_to_num(column.values)
        for target, count in counts.values():
            for at_s, heads in zip(target.times_s, count, strict=True):
                if at_s > stretch.start_s and self._heads.get(target.site) != heads:
                    self._heads[target.site] = float(heads)
                    self._builder.heads(float(at_s), float(heads), site=target.site)


def _groups(stretch: Stretch, apart: tuple[str, ...], histogram: str, counter: str, family: Family) -> Iterator[_Group]:
    """What a histogram and a counter tell of the same attempts."""
    groups: dict[_Key, _Group] = {}

    def of(column: Column) -> _Group:
        key = id(column.target), tuple(column.labels.get(name, "") for name in apart)
        return groups.setdefault(key, _Group(column.target, column.labels))

    for column in stretch.columns(f"{histogram}_bucket"):
        of(column).buckets[float(column.labels.get("le", "nan"))] = column.values
    for column in stretch.columns(counter) if counter else ():
        outcomes, outcome = of(column).outcomes, outcome_of(family, column.labels)
        outcomes[outcome] = outcomes.get(outcome, np.zeros(len(column.values))) + increments(column.values)
    yield from groups.values()


def _key(group: _Group) -> _Key:
    return id(group.target), (group.labels.get("server", ""), group.labels.get("transport", ""))


def _steps(stretch: Stretch, group: _Group, busy: Floats, longest_s: float) -> Iterator[int]:
    times_s = group.target.times_s
    for step in stretch.steps(group.target):
        if busy[step] > 0 and times_s[step] - times_s[step - 1] <= longest_s:
            yield step


def _shared(stun: _Group, turn: _Group, failures: Mapping[str, Floats]) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Failures of STUN and of TURN, on a server that may serve both.

    A gathering asks each once, so that what is missing to half of all results are the failures. A server that answered
    only one of the two, or speaks TCP, is asked for that one alone; wrong credentials are TURN's.
    """
    answered = [group.rows()[1].sum(axis=0) for group in (stun, turn)]
    both = [bool(one.any()) for one in answered]
    all_failed = sum(failures.values(), np.zeros(len(stun.target.times_s)))
    if both[0] and both[1]:
        of_stun = np.clip((answered[0] + answered[1] + all_failed) / 2 - answered[0], 0.0, all_failed)
    elif both[1] or (not both[0] and stun.labels.get("transport") != "udp"):
        of_stun = np.zeros_like(all_failed)
    else:
        of_stun = all_failed
    share = np.divide(of_stun, all_failed, out=np.zeros_like(of_stun), where=all_failed > 0)
    stuns = {name: row * (0.0 if name == ServerOutcome.AUTH else share) for name, row in failures.items()}
    return stuns, {name: row - stuns[name] for name, row in failures.items()}
