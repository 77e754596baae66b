"""The figures beside the test: ratios with limits, excess of each window, counts inside and outside; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.analysis.verdict.design import Layout
from monitor.analysis.verdict.limits import LEVEL, Ratio, Tally, rate_ratio
from monitor.analysis.verdict.observed import Observed, Site, drop_outcome
from monitor.analysis.verdict.outcomes import (
    DROPS,
    DropOutcome,
    Events,
    FailureOutcome,
    LatencyOutcome,
    Outcome,
    joined,
)
from monitor.analysis.verdict.permutation import Stratum, Tested
from monitor.analysis.verdict.result import Exposure, OutcomeResult
from monitor.facts.evidence import Drops, Flags, Floats, begins_incident

_EDGES = ("start_s", "end_s")


@dataclass(frozen=True, slots=True)
class Tallies:
    """Drops of some sites in the windows' cells and in those of the other days. in_window: which window each is of."""

    windows: Tally
    others: Tally
    in_window: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Drops and incidents inside windows with their tail, and in the observed rest."""

    events_in: float
    events_out: float
    incidents_in: int
    incidents_out: int


def tally(observed: Observed, sites: Sequence[Site], layouts: Sequence[Layout]) -> Tallies:
    """Count drops in every cell of the design."""
    cells = joined([layout.cells for layout in layouts])
    counts = drop_outcome(observed, "", sites).counts(cells)
    incidents = np.zeros(len(cells))
    for site in sites:
        first_s, last_s = incident_spans(site.drops)
        nowhere = np.zeros(len(first_s), dtype=np.bool_)
        incidents += Events(first_s, last_s, nowhere).inside(cells.start_s, cells.end_s)
    incidents = np.where(counts.inside > 0, np.maximum(incidents, 1.0), 0.0)
    stratum = np.repeat(np.arange(len(layouts)), [layout.start_s.size for layout in layouts])
    every = Tally(counts.inside, incidents, counts.expected, counts.agent_hours, stratum)
    carrying = np.concatenate([layout.carrying.ravel() for layout in layouts])
    others = ~carrying & ~observed.overlaps_window(cells.start_s, cells.end_s)
    windows = tuple(number for layout in layouts for number in _in_cell_order(layout))
    return Tallies(every.where(carrying), every.where(others), windows)


def results_of(
    outcomes: Sequence[Outcome],
    strata: Sequence[Stratum],
    layouts: Sequence[Layout],
    tested: Tested,
    anytime: Floats | None,
    tallies: Mapping[str, Tallies],
    seed: int,
) -> tuple[OutcomeResult, ...]:
    """One result an outcome and site. layouts: what the strata measured; tallies: of the drops, by site."""
    windows = [np.concatenate([getattr(layout, edge)[layout.carrying] for layout in layouts]) for edge in _EDGES]
    found = []
    for number, outcome in enumerate(outcomes):
        excess = window_excess(strata, number)
        in_excess = (excess > 0) & _something_happened(outcome, layouts)
        censored = isinstance(outcome, LatencyOutcome) and outcome.timed_out(windows[0], windows[1])
        if outcome.name == DROPS:
            ratio = rate_ratio(tallies[outcome.site].windows, tallies[outcome.site].others, seed=seed)
        else:
            ratio = Ratio() if censored else mean_ratio(excess + outcome.floor)
        found.append(
            OutcomeResult(
                outcome=outcome.name,
                site=outcome.site,
                ratio=ratio.ratio,
                ci_low=ratio.low,
                ci_high=ratio.high,
                p_value=float(tested.p_adjusted[number]),
                p_left_out=float(tested.p_left_out[number]),
                p_anytime=None if anytime is None else float(anytime[number]),
                windows_in_excess=int(in_excess.sum()),
                censored=censored,
            )
        )
    return tuple(found)


def _something_happened(outcome: Outcome, layouts: Sequence[Layout]) -> Flags:
    """Of each window, in the order of `window_excess`: a latency, or anything that dropped or failed.

    A window in which nothing dropped is none in excess, though it may lie above other days whose adjacent hours were
    busier: nobody is blamed for what did not happen.
    """
    count = sum(len(layout.windows) for layout in layouts)
    if not isinstance(outcome, DropOutcome | FailureOutcome):
        return np.ones(count, dtype=np.bool_)
    told: list[bool] = []
    for layout in layouts:
        at = [(place, slot) for place, slots in layout.groups for slot in slots]
        happened = dict(zip(sorted(at), outcome.happened(layout.cells)[layout.carrying.ravel()] > 0, strict=True))
        told.extend(bool(happened[one]) for one in at)
    return np.array(told, dtype=np.bool_)


def as_told(
    results: Sequence[OutcomeResult], outcomes: Sequence[Outcome], layouts: Sequence[Layout]
) -> tuple[OutcomeResult, ...]:
    """The same results without ratios that nothing happened to give; the verdict word is found before.

    Where no attempt failed on either side there is no ratio, though the halves that the test adds would make one of
    exactly 1.
    """
    cells = joined([layout.cells for layout in layouts])
    return tuple(
        replace(result, ratio=None, ci_low=None, ci_high=None, none_failed=True)
        if isinstance(outcome, FailureOutcome) and outcome.none_failed(cells)
        else result
        for result, outcome in zip(results, outcomes, strict=True)
    )


def window_excess(strata: Sequence[Stratum], outcome: int) -> Floats:
    """For each window its excess, beyond the outcome's floor, over the mean of its slot on the other places.

    nan where the window itself, or every other place, was not measured.
    """
    found: list[float] = []
    for stratum in strata:
        values = np.where(stratum.known[:, :, outcome], stratum.values[:, :, outcome], np.nan)
        free = np.ones(values.shape, dtype=np.bool_)
        for place, slots in stratum.groups:
            free[place, list(slots)] = False
        others = np.where(free & ~np.isnan(values), values, 0.0).sum(axis=0)
        count = (free & ~np.isnan(values)).sum(axis=0)
        usual = np.divide(others, count, out=np.full(len(count), np.nan), where=count > 0)
        found.extend(values[place, slot] - usual[slot] for place, slots in stratum.groups for slot in slots)
    return np.array(found)


def mean_ratio(log_excess: Floats) -> Ratio:
    """The typical ratio over the windows that were measured, with Student's limits."""
    from scipy.special import stdtrit

    log_excess = log_excess[~np.isnan(log_excess)]
    count = len(log_excess)
    if count == 0:
        return Ratio()
    mean = float(log_excess.mean())
    if count < 2:
        return Ratio(math.exp(mean))
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * float(log_excess.std(ddof=1)) / math.sqrt(count)
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(min(mean + half, 700.0)))


def counted(observed: Observed) -> Counted:
    """All drops that count, inside the windows and out."""
    inside, total, incidents_in, incidents = 0.0, 0.0, 0, 0
    for site in observed.sites:
        met = observed.overlaps_window(site.drops.last_good_s, site.drops.noticed_s)
        spans = incident_spans(site.drops)
        inside, total = inside + float(met.sum()), total + len(site.drops)
        incidents_in += int(observed.overlaps_window(*spans).sum())
        incidents += len(spans[0])
    return Counted(inside, total - inside, incidents_in, incidents - incidents_in)


def exposure_of(observed: Observed, unobserved: int, outside: Sequence[tuple[float, float]]) -> Exposure:
    """Observed time. outside: windows outside the working hours, with their tails."""
    evidence = observed.evidence
    total = sum(site.covered.hours for site in observed.sites)
    within = sum(
        float(site.covered.agent_hours(observed.inside[0::2], observed.inside[1::2]).sum()) for site in observed.sites
    )
    drops = evidence.drops
    beyond = sum(float(((drops.last_good_s <= b) & (drops.noticed_s >= a)).sum()) for a, b in outside)
    return Exposure(
        agent_hours_in=within,
        agent_hours_out=total - within,
        gap_hours=sum(site.gap_hours for site in observed.sites),
        suspect_hours=sum(site.suspect_hours for site in observed.sites),
        windows_unobserved=unobserved,
        windows_outside_hours=len(outside),
        events_outside_hours=beyond,
    )


def incident_spans(drops: Drops) -> tuple[Floats, Floats]:
    """When each incident of one site may have begun: last good and noticed of its first drop."""
    new = begins_incident(drops.noticed_s)
    return drops.last_good_s[new], drops.noticed_s[new]


def _in_cell_order(layout: Layout) -> list[int]:
    """The windows of a layout in the order of its cells: place by place, slot by slot."""
    at = [(place, slot) for place, slots in layout.groups for slot in slots]
    return [layout.windows[n] for n in sorted(range(len(at)), key=lambda n: at[n])]
