"""One stretch of a Prometheus server's raw samples: each target's scrapes, and what its series did between them.

Where two agents scrape one monitor, for when one of them fails, and the server keeps what both send, everything is
there twice, under two values of a replica label. One of them is read: the counters are the same, and the samples of
both in one series would seem to go back wherever the agents' clocks differ by more than the times of their scrapes.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from monitor.facts.evidence import ALL_SITES, Floats
from monitor.outputs.sources.prometheus.api import Labels, PrometheusApi
from monitor.outputs.sources.prometheus.counts import on_grid
from monitor.outputs.sources.prometheus.families import OWN_LABELS

EVERY_SCRAPE: Final = "softphone_monitor_suspect"  # one series a site, in every scrape of a monitor
OVERLAP_S: Final = 300.0  # read ahead of a stretch, so that its first scrape has one before it
MOST_VALUES: Final = 40  # of a label in a selector
REPLICA_LABELS: Final = frozenset({"replica", "prometheus_replica", "__replica__"})  # by our examples, operator, Mimir
AS_COMPLETE: Final = 2  # scrapes that a replica may lack and still be as good as another

Identity = tuple[tuple[str, str], ...]  # labels that are not the metric's own: which target was scraped
Place = tuple[Identity, str]  # and its site


@dataclass(slots=True)
class Target:
    """One scraped monitor: its site, the times of its scrapes, and of each whether it distrusted itself."""

    site: str
    times_s: Floats
    suspect: Floats


@dataclass(frozen=True, slots=True)
class Column:
    """One series on its target's scrapes: nan where it was not there."""

    labels: Labels
    target: Target
    values: Floats


class Stretch:
    """The samples of start_s < t <= end_s, with those of OVERLAP_S before, of one replica each.

    part_of: the longer stretch that this one is cut from; it has chosen among replicas. replicated: there are any.
    """

    def __init__(self, api: PrometheusApi, start_s: float, end_s: float, part_of: Stretch | None = None) -> None:
        self._api = api
        self._end_s = end_s
        self.start_s = start_s
        self._range = f"[{math.ceil(end_s - start_s + OVERLAP_S)}s]"
        found = dict(self._targets())
        chosen = _one_of_each(found) if part_of is None else part_of.targets.keys()
        self.targets: dict[Place, Target] = {place: found[place] for place in found if place in chosen}
        self.replicated = len(self.targets) < len(found)

    def columns(self, metric: str) -> Iterator[Column]:
        """Every series of a counter, or of a histogram's buckets, that did anything in this stretch."""
        changed = self._changed(metric)
        if not changed:
            return
        for labels, times_s, values in self._api.matrix(f"{metric}{_selector(changed)}{self._range}", self._end_s):
            target = self._target(labels)
            if target is not None:
                yield Column(labels, target, on_grid(times_s, values, target.times_s))

    def gauge(self, metric: str) -> Iterator[Column]:
        """Every series of a gauge."""
        for labels, times_s, values in self._api.matrix(f"{metric}{self._range}", self._end_s):
            target = self._target(labels)
            if target is not None:
                yield Column(labels, target, on_grid(times_s, values, target.times_s))

    def last(self, metric: str) -> list[tuple[Labels, float]]:
        """The last sample of every series, for gauges that hold one value for ever."""
        return self._api.vector(f"last_over_time({metric}{self._range})", self._end_s)

    def steps(self, target: Target) -> Iterator[int]:
        """The places of the target's scrapes that lie in this stretch and have one before them."""
        for step in range(1, len(target.times_s)):
            if target.times_s[step] > self.start_s:
                yield step

    def _targets(self) -> Iterator[tuple[Place, Target]]:
        for labels, times_s, values in self._api.matrix(f"{EVERY_SCRAPE}{self._range}", self._end_s):
            site = labels.get("site", ALL_SITES)
            yield (_identity(labels), site), Target(site, times_s, values)

    def _target(self, labels: Labels) -> Target | None:
        """Whose series it is. One without a site of its own, or with an agent's, is of the target's only site."""
        identity = _identity(labels)
        named = self.targets.get((identity, labels.get("site", ALL_SITES)))
        if named is not None:
            return named
        of_identity = [target for (one, _), target in self.targets.items() if one == identity]
        return of_identity[0] if len(of_identity) == 1 else None

    def _changed(self, metric: str) -> list[Labels]:
        """The series that were raised, or were not there at some scrape."""
        most = max((len(target.times_s) for target in self.targets.values()), default=0)
        counted = f"{metric}{self._range}"
        found = self._api.vector(f"(changes({counted}) > 0) or (count_over_time({counted}) < {most})", self._end_s)
        return [labels for labels, _ in found]


def _one_of_each(found: Mapping[Place, Target]) -> set[Place]:
    """Of the replicas of each target the first by name that lacks next to nothing."""
    replicas: defaultdict[Place, list[Place]] = defaultdict(list)
    for identity, site in sorted(found):
        without = tuple((name, value) for name, value in identity if name not in REPLICA_LABELS)
        replicas[without, site].append((identity, site))
    chosen = set()
    for places in replicas.values():
        enough = max(len(found[place].times_s) for place in places) - AS_COMPLETE
        chosen.add(next(place for place in places if len(found[place].times_s) >= enough))
    return chosen


def _identity(labels: Labels) -> Identity:
    return tuple(sorted((name, value) for name, value in labels.items() if name not in OWN_LABELS))


def _selector(series: list[Labels]) -> str:
    """A selector of these series and few others, by the values of the metric's own labels."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for labels in series:
        for name in OWN_LABELS - {"__name__"}:
            values[name].add(labels.get(name, ""))
    chosen = [
        f"{name}=~{json.dumps('|'.join(sorted(map(re.escape, found))))}"
        for name, found in sorted(values.items())
        if found != {""} and len(found) <= MOST_VALUES
    ]
    return f"{{{','.join(chosen)}}}"
