"""Any Prometheus-compatible server to evidence, from raw samples: never resampled, never rates, stretch by stretch.

What happened between two scrapes is dated at the second one, as that is when it was complete for all we know; a drop
lies between the two. Values are known to their bucket: prometheus_counts says which value stands for one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np

from monitor.facts import signals
from monitor.facts.clock import rfc3339
from monitor.facts.evidence import Evidence, Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.facts.stretches import merged
from monitor.outputs.sources.prometheus.api import PrometheusApi
from monitor.outputs.sources.prometheus.columns import Reading
from monitor.outputs.sources.prometheus.scrapes import Stretch as Samples
from monitor.outputs.suspicion import WINDOW_S

DAY_S: Final = 86_400.0
LEAST_STRETCH_S: Final = 900.0
SCRAPES_AT_ONCE: Final = 6000.0  # of all targets together, in one stretch
MISSED_SCRAPES: Final = 2.5  # a target that was not scraped for so many intervals was not measured
LATE_S: Final = 3600.0  # the data begin so much later than was asked for: worth a word
LARGEST_LIMIT: Final = 1e12


def read_prometheus(
    url: str, since_s: float, until_s: float, *, token: str | None = None, limit_s: float = DEFAULT_LIMIT_S
) -> Evidence:
    """Everything that a monitor's metrics tell of since < time <= until (Unix seconds).

    url: up to and without /api/v1. token: None takes it from the environment (prometheus_api). limit_s: a run whose end
    is unknown ends so long after its start. Raises PrometheusError, one line.
    """
    with PrometheusApi(url, token) as api:
        reader = _Reader(api, limit_s)
        for start_s, end_s in _cut(since_s, until_s, DAY_S):
            reader.day(start_s, end_s)
        return reader.evidence(since_s, until_s)


class _Reader:
    """Collects stretch by stretch, in order of time."""

    def __init__(self, api: PrometheusApi, limit_s: float) -> None:
        self._api = api
        self._limit_s = limit_s
        self._builder = EvidenceBuilder()
        self._scraped_s: defaultdict[str, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = defaultdict(list)
        self._suspect: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self._starts: dict[tuple[str, str], float] = {}
        self._ends: dict[tuple[str, str], float] = {}
        self._strategies: dict[tuple[str, str], str] = {}
        self._reading = Reading(self._builder)
        self._replicated = False

    def day(self, start_s: float, end_s: float) -> None:
        """One day, in as many stretches as its scrapes ask for."""
        whole = Samples(self._api, start_s, end_s)
        if not whole.targets:
            return
        self._replicated |= whole.replicated
        self._note_scrapes(whole)
        self._note_runs(whole)
        scrapes = sum(len(target.times_s) for target in whole.targets.values())
        length_s = max(LEAST_STRETCH_S, (end_s - start_s) / math.ceil(scrapes / SCRAPES_AT_ONCE))
        longest_s = {name: MISSED_SCRAPES * one for name, one in self._intervals().items()}
        for begin_s, until_s in _cut(start_s, end_s, length_s):
            stretch = whole if length_s >= end_s - start_s else Samples(self._api, begin_s, until_s, whole)
            if stretch.targets:
                self._reading.take(stretch, longest_s)

    def evidence(self, since_s: float, until_s: float) -> Evidence:
        """Everything, with what the source has to say about itself."""
        builder = self._builder
        builder.warnings += self._warnings(since_s)
        builder.windows += self._windows(until_s)
        builder.gaps += self._gaps()
        for site, stretches in self._suspect.items():
            builder.suspects += [Stretch(a, b, site) for a, b in merged(stretches)]
        times_s = [edge for all_s in self._scraped_s.values() for one in all_s for edge in (one[0], one[-1])]
        return builder.build((float(min(times_s)), float(max(times_s))) if times_s else None)

    def _note_scrapes(self, day: Samples) -> None:
        for target in day.targets.values():
            new = target.times_s > day.start_s
            if new.any():
                self._scraped_s[target.site].append(target.times_s[new])
            for at_s in target.times_s[new & (target.suspect == 1.0)]:
                self._suspect[target.site].append((float(at_s) - WINDOW_S, float(at_s)))

    def _note_runs(self, day: Samples) -> None:
        for metric, known in (
            ("softphone_publish_start_timestamp_seconds", self._starts),
            ("softphone_publish_end_timestamp_seconds", self._ends),
        ):
            latest: dict[tuple[str, str], float] = {}
            for labels, value in day.last(metric):
                run = (labels.get("publish", ""), labels.get("run_id", ""))
                if math.isfinite(value) and 0 < value < LARGEST_LIMIT:
                    latest[run] = min(value, latest.get(run, math.inf))  # several monitors were told of the same run
            known.update(latest)
        for labels, _ in day.last("softphone_publish_run_info"):
            if labels.get("strategy"):
                self._strategies[labels.get("publish", ""), labels.get("run_id", "")] = labels["strategy"]
        if any(labels.get("simulated") == "true" for labels, _ in day.last("softphone_monitor_build_info")):
            self._builder.simulated = True

    def _windows(self, until_s: float) -> Iterator[Window]:
        for (job, run_id), start_s in self._starts.items():
            end_s = self._ends.get((job, run_id), min(until_s, start_s + self._limit_s))
            if start_s <= until_s:
                strategy = self._strategies.get((job, run_id), "")
                yield Window(start_s=start_s, end_s=max(start_s, end_s), job=job, run_id=run_id, strategy=strategy)

    def _sites(self) -> Iterator[tuple[str, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
        for site, parts in self._scraped_s.items():
            yield site, np.unique(np.concatenate(parts))

    def _intervals(self) -> dict[str, float]:
        """The usual time between two scrapes, by site."""
        return {site: float(np.median(np.diff(times_s))) for site, times_s in self._sites() if len(times_s) > 1}

    def _gaps(self) -> Iterator[Stretch]:
        intervals = self._intervals()
        edges = [edge for _, times_s in self._sites() for edge in (times_s[0], times_s[-1])]
        for site, times_s in self._sites():
            longest_s = MISSED_SCRAPES * intervals.get(site, math.inf)
            all_s = np.concatenate([[min(edges)], times_s, [max(edges)]])
            for n in np.flatnonzero(np.diff(all_s) > longest_s):
                yield Stretch(float(all_s[n]), float(all_s[n + 1]), site)

    def _warnings(self, since_s: float) -> Iterator[str]:
        shown, sites = self._api.shown, dict(self._sites())
        if not sites:
            yield f"{shown}: holds no metric of a monitor in this period"
            return
        intervals = sorted(self._intervals().values()) or [math.nan]
        every = f"{intervals[0]:g} s" if intervals[0] == intervals[-1] else f"{intervals[0]:g} to {intervals[-1]:g} s"
        yield (
            f"{shown}: raw samples, one every {every}: what happened between two of them is not known more exactly, "
            "and values only to their histogram bucket"
        )
        first_s = min(float(times_s[0]) for times_s in sites.values())
        if first_s - since_s > LATE_S:
            yield (
                f"{shown}: the oldest sample is of {rfc3339(first_s)}, though data since {rfc3339(since_s)} were asked "
                "for: its retention reaches no further, or no monitor was scraped before"
            )
        if self._replicated:
            yield (
                f"{shown}: keeps the samples of several replicas: one of each was read here, but dashboards and rules "
                "count everything once for each (dashboards/remote-write/README.md)"
            )
        if signals.ICE_SERVERS in self._reading.failed:
            yield f"{shown}: metrics do not say why a phase failed: each failure is taken as a timeout"


def _cut(start_s: float, end_s: float, length_s: float) -> Iterator[tuple[float, float]]:
    """A period in pieces of that length, in order."""
    count = max(1, math.ceil((end_s - start_s) / length_s))
    for n in range(count):
        yield start_s + n * length_s, min(end_s, start_s + (n + 1) * length_s)
