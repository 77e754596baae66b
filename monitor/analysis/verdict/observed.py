"""What was observed, cleaned: per site the time that counts, the drops that are harm, the trusted samples; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.verdict.calendar import WorkDay, outside
from monitor.analysis.verdict.coverage import Coverage, at_site, heads_of
from monitor.analysis.verdict.outcomes import (
    DropOutcome,
    Events,
    FailureOutcome,
    LatencyOutcome,
    Outcome,
    log_latencies,
)
from monitor.analysis.verdict.placed import Placed
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import ALL_SITES, Drops, Evidence, Flags, Floats, Series, begins_incident
from monitor.facts.failures import NORMAL_ENDS
from monitor.facts.stretches import between, edges_of, merged, overlapping

LATENCIES: Final = (signals.WS_RTT, signals.ICE_SERVERS)
SILENT_SHARE: Final = 0.1  # of what the other weekdays show
SILENT_DAY: Final = 6.0  # drops expected of a day that shows none at all: its chance is a quarter of a per cent


@dataclass(frozen=True, slots=True)
class Site:
    """One site. covered: agent-hours; watched: the same with one agent always, for how much of a stretch was seen.

    free: agent-hours outside of all windows and rows. gap_hours, suspect_hours: working time that they take out.
    """

    name: str
    covered: Coverage
    watched: Coverage
    free: Coverage
    drops: Drops
    gap_hours: float
    suspect_hours: float


@dataclass(frozen=True, slots=True)
class Observed:
    """Every site, and the windows with their tails: begin and end of each, one after another, in order.

    inside: where something was published. apart: beside that, an experiment's rows in which nothing was, and the same
    time of the other days: none of them is anybody's adjacent hour, so that all places are compared with the same.
    """

    evidence: Evidence
    sites: tuple[Site, ...]
    inside: Floats
    apart: Floats

    @property
    def groups(self) -> list[tuple[str, Sequence[Site]]]:
        """Sites as outcomes are made of them, by name: all together, and each where there are several."""
        single: list[tuple[str, Sequence[Site]]] = [(site.name, (site,)) for site in self.sites]
        return single if len(single) == 1 else [(ALL_SITES, self.sites), *single]

    @property
    def whole(self) -> str:
        """The name under which all sites together are told."""
        return self.groups[0][0]

    def set_apart(self, at_s: Floats) -> Flags:
        """Whether each moment lies in a window, or a row, or the tail of one."""
        return between(at_s, self.apart)

    def overlaps_window(self, first_s: Floats, last_s: Floats) -> Flags:
        """Whether each interval may lie in a window or its tail."""
        return overlapping(first_s, last_s, self.inside)

    def overlaps_apart(self, first_s: Floats, last_s: Floats) -> Flags:
        """Whether each interval may lie in a window, or a row, or the tail of one."""
        return overlapping(first_s, last_s, self.apart)

    def watched_share(self, start_s: Floats, end_s: Floats) -> Floats:
        """How much of each stretch was observed, over all sites."""
        hours = sum((site.watched.agent_hours(start_s, end_s) for site in self.sites), np.zeros(len(start_s)))
        length = np.maximum((end_s - start_s) / 3600.0, 1e-9) * max(1, len(self.sites))
        return np.asarray(hours / length)


def observe(
    evidence: Evidence,
    rules: Rules,
    days: Sequence[WorkDay],
    span: tuple[float, float],
    placed: Sequence[Placed],
    shadows: Sequence[tuple[float, float]] = (),
) -> Observed:
    """Clean the evidence.

    days: the working days of the span. placed: every window, tested or not. shadows: further stretches that are
    nobody's adjacent hours.
    """
    windows = merged((one.start_s, one.end_s) for one in placed if one.treated)
    apart = merged([*((one.start_s, one.end_s) for one in placed), *shadows])
    nights = list(outside(days, *span))
    sites = tuple(_site(evidence, rules, name, span, nights, apart) for name in evidence.sites or ("",))
    return Observed(evidence, sites, edges_of(windows), edges_of(apart))


def outcomes_of(observed: Observed) -> list[Outcome]:
    """What can be tested: each outcome over all sites, and at each where there are several."""
    groups = observed.groups
    found: list[Outcome] = [
        drop_outcome(observed, name, sites) for name, sites in groups if any(len(site.drops) for site in sites)
    ]
    for signal in (*LATENCIES, signals.ICE_GATHERING):
        series = trusted(observed, signal)
        make = _gatherings if signal == signals.ICE_GATHERING else _latency
        for name, sites in groups if len(series) else ():
            here = series if name == observed.whole else series.where(_at(observed, series, sites))
            found.extend([make(observed, signal, name, here)] if len(here) else [])
    return found


def drop_outcome(observed: Observed, name: str, sites: Sequence[Site]) -> DropOutcome:
    """Drops of some sites together."""
    return DropOutcome(name, [(_events(observed, site.drops), site.covered, site.free) for site in sites])


def trusted(observed: Observed, signal: str) -> Series:
    """The samples of a signal that may be believed, in time that counts; none where there is no such signal."""
    series = observed.evidence.series.get(signal)
    if series is None:
        return observed.evidence.no_series
    counts = np.zeros(len(series), dtype=np.bool_)
    for site in observed.sites:
        here = _at(observed, series, (site,))
        counts[here] = site.watched.counts(series.at_s[here])
    return series.where(counts & ~series.suspect)


def silent_days(observed: Observed, days: Sequence[WorkDay], published: Collection[int]) -> list[tuple[float, float]]:
    """Working days on which nobody seems to work, as nothing dropped where much was to be expected.

    Weekdays that are silent over the weeks; and single days, where no measurement says that there was somebody.
    published: weekdays that have a window, which are never taken out as a whole.
    """
    evidence = observed.evidence
    if not days:
        return []
    begin, end = (np.array([getattr(day, edge) for day in days]) for edge in ("begin_s", "end_s"))
    drops = sum((_between_windows(observed, site.drops, begin, end) for site in observed.sites), np.zeros(len(days)))
    weekday = np.array([day.day.weekday() for day in days])
    silent = np.zeros(len(days), dtype=np.bool_)
    for one in set(weekday.tolist()) - set(published):
        own, others = drops[weekday == one], drops[weekday != one]
        if (
            len(others)
            and len(own) * others.mean() >= SILENT_DAY
            and own.sum() <= SILENT_SHARE * len(own) * others.mean()
        ):
            silent |= weekday == one
    busy = drops[drops > 0]
    if (
        not evidence.series
        and not len(evidence.heads.at_s)
        and len(busy) >= len(drops) / 2
        and busy.mean() >= SILENT_DAY
    ):
        silent |= drops == 0
    return [(day.begin_s, day.end_s) for day, is_silent in zip(days, silent, strict=True) if is_silent]


def _between_windows(observed: Observed, drops: Drops, begin_s: Floats, end_s: Floats) -> Floats:
    """Incidents of each stretch that lie in no window: what a publish may have done says nothing about who worked."""
    noticed_s = drops.noticed_s[~observed.overlaps_window(drops.last_good_s, drops.noticed_s)]
    began_s = noticed_s[begins_incident(noticed_s)]
    return np.asarray(np.searchsorted(began_s, end_s) - np.searchsorted(began_s, begin_s), dtype=np.float64)


def _site(
    evidence: Evidence,
    rules: Rules,
    name: str,
    span: tuple[float, float],
    nights: list[tuple[float, float]],
    apart: list[tuple[float, float]],
) -> Site:
    idle = [*nights, *rules.excluded]
    unseen = [*idle, *at_site(evidence.gaps, name)]
    missing = [*unseen, *at_site(evidence.suspects, name)]
    heads = heads_of(evidence, name)
    if heads is None and rules.agents is not None:
        heads = np.array([span[0]]), np.array([rules.agents / max(1, len(evidence.sites))])
    covered, watched = Coverage(span, missing, heads), Coverage(span, missing)
    here = evidence.drops.site == evidence.code(name)
    drops = evidence.drops.where(here & ~normal_ends(evidence) & watched.counts(evidence.drops.noticed_s))
    free = Coverage(span, [*missing, *apart], heads)
    idle_hours, unseen_hours = Coverage(span, idle).hours, Coverage(span, unseen).hours
    return Site(name, covered, watched, free, drops, idle_hours - unseen_hours, unseen_hours - watched.hours)


def _events(observed: Observed, drops: Drops) -> Events:
    return Events(drops.last_good_s, drops.noticed_s, observed.overlaps_apart(drops.last_good_s, drops.noticed_s))


def _at(observed: Observed, series: Series, sites: Sequence[Site]) -> Flags:
    return np.asarray(np.isin(series.site, observed.evidence.codes(site.name for site in sites)))


def _latency(observed: Observed, signal: str, name: str, series: Series) -> Outcome:
    at_s, values = log_latencies(series, observed.evidence)
    return LatencyOutcome(signal, name, at_s, values, observed.set_apart(at_s))


def _gatherings(observed: Observed, signal: str, name: str, series: Series) -> Outcome:
    series = series.where(~np.isin(series.outcome, observed.evidence.codes(["error"])))  # the probe's own fault
    failed = np.isin(series.outcome, observed.evidence.codes(signals.FAILED_GATHERINGS))
    in_window = observed.set_apart(series.at_s)
    return FailureOutcome(signal, name, series.at_s, series.weight * failed, series.weight, in_window)


def normal_ends(evidence: Evidence) -> Flags:
    """Which drops are no harm. By their reason alone, as files of real drops do not tell the layer."""
    return np.isin(evidence.drops.reason, evidence.codes(reason for _, reason in NORMAL_ENDS))
