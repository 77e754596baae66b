"""Causes on our own machine: a monitor that is too busy to measure, a wall clock that was set; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis.clock import steps
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, grade
from monitor.analysis.diagnosis.signs import Signs
from monitor.facts import signals
from monitor.facts.evidence import ALL_SITES
from monitor.facts.stretches import merged

SUSPECT_SHARE: Final = (
    0.05  # of a site's time: less, and no lag measured, is no overload; single flags are mostly harmless
)


def distrusted(signs: Signs) -> bool:
    """Whether our own machine was too busy by its own measurements, or the source distrusts more than a moment."""
    late = len(signs.lag.stretches) or len(signs.loopback.stretches)
    return bool(late) or _suspect_time(signs) >= SUSPECT_SHARE


def _overloaded(signs: Signs) -> Judged:
    if not distrusted(signs):
        return NOTHING_FOUND
    lag, loopback = signs.lag, signs.loopback
    here = lag.during(lag.stretches)
    late = loopback.count(loopback.bad, loopback.during(loopback.stretches))
    time, samples = _suspect_time(signs), _suspect_samples(signs)
    told = 0.8 if time >= SUSPECT_SHARE else 0.0
    score = max(0.97 * grade(lag.count(lag.bad, here) + late, 0.0, 3.0), told)
    sites, several = signs.at_sites(lag.stretches.sites(), lag), len(lag.stretches)
    sentences = (
        (several, f"{lag.told(here)}, {sites}, in {several} stretch{'' if several == 1 else 'es'}"),
        (time, f"up to {time:.0%} of a site's time is marked as suspect"),
        (samples, f"{samples:.0%} of all samples are marked as suspect"),
        (late, f"{late:.0f} loopback round trips were late or lost"),
    )
    return Judged(score, tuple(words for count, words in sentences if count))


def _suspect_time(signs: Signs) -> float:
    """The share of the observed period that is marked as suspect, at the site where it is largest."""
    evidence = signs.evidence
    if evidence.span is None or not evidence.suspects:
        return 0.0
    period_s = max(evidence.span[1] - evidence.span[0], 1.0)
    seconds = [
        sum(b - a for a, b in merged((s.start_s, s.end_s) for s in evidence.suspects if s.site in (ALL_SITES, site)))
        for site in {ALL_SITES, *evidence.sites}
    ]
    return max(seconds) / period_s


def _suspect_samples(signs: Signs) -> float:
    """The share of all measured samples that are marked as suspect."""
    flags = [rows.suspect[~np.isnan(rows.value)] for rows in signs.evidence.series.values()]
    measured = sum(map(len, flags))
    return sum(float(one.sum()) for one in flags) / measured if measured else 0.0


def _clock_step(signs: Signs) -> Judged:
    found = steps(signs.evidence, signs.lag.stretches)
    if not found:
        return NOTHING_FOUND
    evidence = tuple(
        f"the wall clock of {signs.site_names([one.site])} jumped by {one.by_s:+.1f} s: {one.grids} of {one.of} probes "
        "measure on another grid from one slot to the next"
        for one in found[:4]
    )
    return Judged(0.9, evidence)


RULES: Final = (
    Rule(
        "monitor_overloaded",
        "L",
        (signals.LOOP_LAG,),
        "a loopback probe beside the others: only the monitor's own machine can slow it down",
        _overloaded,
    ),
    Rule("clock_step", "L", (), "the time service's log of the monitor's machine", _clock_step),
)
