"""Causes on our own machine: a monitor that is too busy to measure, a wall clock that was set; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis.clock import steps
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, grade
from monitor.analysis.diagnosis.signs import Signs
from monitor.facts import signals


def _overloaded(signs: Signs) -> Judged:
    lag = signs.lag
    loopback = signs.loopback
    if not len(lag.stretches) and not len(loopback.stretches) and not signs.evidence.suspects:
        return NOTHING_FOUND
    here = lag.during(lag.stretches)
    suspect = [
        float(rows.suspect[~np.isnan(rows.value)].mean()) for rows in signs.evidence.series.values() if len(rows)
    ]
    told = len(signs.evidence.suspects)
    late = loopback.count(loopback.bad, loopback.during(loopback.stretches))
    score = max(0.97 * grade(lag.count(lag.bad, here) + late, 0.0, 3.0), 0.8 * grade(told, 0.0, 1.0))
    evidence = (
        f"{lag.told(here)}, {signs.at_sites(lag.stretches.sites(), lag)}, in {len(lag.stretches)} stretches",
        f"{told} stretches are marked as suspect; up to {max(suspect, default=0.0):.0%} of a signal's samples are",
        *([f"{late:.0f} loopback round trips were late or lost"] if late else []),
    )
    return Judged(score, evidence)


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
