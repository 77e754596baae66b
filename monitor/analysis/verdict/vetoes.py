"""What forbids blame: the monitor's own lag, its loopback control, and suspect periods; nothing else does; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from monitor.analysis.verdict.coverage import Coverage, at_site
from monitor.analysis.verdict.observed import LATENCIES, Observed
from monitor.analysis.verdict.outcomes import SHARE
from monitor.analysis.verdict.placed import Placed
from monitor.facts import signals
from monitor.facts.stretches import between, edges_of, merged

LEAST_RISE_S: Final = 0.010  # lag that rose by less explains nothing an agent could notice
SHARE_OF_RISE: Final = 0.25  # of the slow-down to be explained
SUSPECT_SHARE: Final = 0.25  # of the windows' time, or of their samples
NEAR_S: Final = 3600.0  # beside a window: so long before and after


def vetoes(observed: Observed, placed: Sequence[Placed], harmed: Sequence[str]) -> Iterator[str]:
    """Why nobody must be blamed, one sentence each. harmed: the outcomes that stand out.

    The trouble of one site is enough: its monitor may be the one that saw the harm.
    """
    windows = [(one.start_s, one.end_s) for one in placed if one.treated]
    for signal, words in ((signals.LOOP_LAG, "own loop lag"), (signals.LOOPBACK_RTT, "the loopback control")):
        rises = [(_rise_s(observed, signal, site.name, windows), site.name) for site in observed.sites]
        beyond = [(rise_s, site) for rise_s, site in rises if rise_s > _limit_s(observed, site, windows, harmed)]
        if beyond:
            rise_s, site = max(beyond)
            where = f" at {site}" if site else ""
            yield f"{words} rose in the windows by {_ms(rise_s)}{where}: the monitor itself may explain what it saw"
    share = _suspect_share(observed, windows)
    if share > SUSPECT_SHARE:
        yield f"{share:.0%} of the windows' time is suspect of the monitor's own trouble"
    samples, suspect = _samples_in(observed, windows)
    if suspect > SUSPECT_SHARE * max(1.0, samples):
        yield f"{suspect:.0f} of {samples:.0f} samples in the windows are suspect of own lag"


def _limit_s(observed: Observed, site: str, windows: Sequence[tuple[float, float]], harmed: Sequence[str]) -> float:
    """How much lag explains nothing: a part of the slow-down there is to explain at the site."""
    slower_s = [_rise_s(observed, signal, site, windows) for signal in LATENCIES if signal in harmed]
    return max(LEAST_RISE_S, SHARE_OF_RISE * min(slower_s, default=0.0))


def _rise_s(observed: Observed, signal: str, site: str, windows: Sequence[tuple[float, float]]) -> float:
    """How much the 90th percentile is higher in windows than in the hours beside them, 0 where it was not measured."""
    series = observed.evidence.series.get(signal)
    if series is None:
        return 0.0
    measured = series.where(np.isfinite(series.value) & (series.site == observed.evidence.code(site)))
    in_window = between(measured.at_s, edges_of(merged(windows)))
    near = between(measured.at_s, edges_of(merged((a - NEAR_S, b + NEAR_S) for a, b in windows)))
    inside, beside = measured.value[in_window], measured.value[near & ~in_window]
    if not len(inside):
        return 0.0
    return float(np.quantile(inside, SHARE)) - (float(np.quantile(beside, SHARE)) if len(beside) else 0.0)


def _ms(seconds: float) -> str:
    return f"{min(seconds, 1e6) * 1000:.0f} ms"


def _suspect_share(observed: Observed, windows: Sequence[tuple[float, float]]) -> float:
    """Of the windows' time at all sites that is suspect."""
    if not windows:
        return 0.0
    start_s, end_s = (np.array(edges) for edges in zip(*windows, strict=True))
    total, lost = 0.0, 0.0
    for site in observed.sites:
        suspects = Coverage((float(start_s.min()), float(end_s.max())), at_site(observed.evidence.suspects, site.name))
        total += float((end_s - start_s).sum()) / 3600.0
        lost += float((end_s - start_s).sum()) / 3600.0 - float(suspects.agent_hours(start_s, end_s).sum())
    return lost / total if total > 0 else 0.0


def _samples_in(observed: Observed, windows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """How many samples of the latencies lie in windows, and how many of them are suspect."""
    total = suspect = 0.0
    for signal in LATENCIES:
        series = observed.evidence.series.get(signal)
        if series is not None:
            inside = series.where(between(series.at_s, edges_of(merged(windows))))
            total += float(inside.weight.sum())
            suspect += float(inside.weight[inside.suspect].sum())
    return total, suspect
