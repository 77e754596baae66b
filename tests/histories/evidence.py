"""Synthetic histories as evidence, in milliseconds: many enough of them to count how often a verdict is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import Drops, Evidence, Heads, Stretch
from tests.histories.calendar import Days, days_of, span_of, windows_of
from tests.histories.incidents import drops, of_runs, usual
from tests.histories.plan import CHICAGO, Weeks
from tests.histories.rates import load
from tests.histories.samples import USUAL_S, series_of


def evidence_of(plan: Weeks, seed: int) -> Evidence:
    """A history's facts as the analysis reads them. Equal arguments give equal facts."""
    rng = np.random.default_rng(seed)
    days = days_of(plan)
    busy = load(plan, days, rng)
    happened = usual(plan, days, busy, rng)
    windows = windows_of(plan, days, np.sort(happened.at_s[happened.agents > 1]), rng)
    if plan.harm.ratio > 1.0:
        happened = happened.joined(of_runs(plan, days, busy, windows, rng))
    code = _codes(plan)
    gaps = _gaps(plan, days, rng)
    seen = _seen(plan, drops(happened, rng), gaps, code, rng)
    found = Evidence(
        names=tuple(code),
        series=series_of(plan, days, busy, windows, code, rng),
        drops=seen,
        heads=_heads(plan, days, code),
        windows=tuple(windows),
        span=span_of(plan),
        gaps=gaps,
    )
    return _without(found, gaps) if gaps else found


def rules_of(plan: Weeks, **changes: object) -> Rules:
    """The calendar that the analysis is told."""
    off = frozenset(plan.days_off) if plan.told else frozenset()
    rules = Rules(zone=CHICAGO, hours=plan.hours, days=frozenset(plan.days), days_off=off)
    return replace(rules, **changes)  # type: ignore[arg-type]  # names and types are those of Rules


def until(found: Evidence, end_s: float, first_s: float | None = None) -> Evidence:
    """What was known at that moment: a history that is looked at while it goes on."""
    assert found.span is not None
    return replace(
        found,
        drops=found.drops.where(found.drops.noticed_s < end_s),
        series={name: one.where(one.at_s < end_s) for name, one in found.series.items()},
        heads=_until(found.heads, end_s),
        windows=tuple(window for window in found.windows if window.start_s < end_s),
        gaps=tuple(gap for gap in found.gaps if gap.end_s < end_s),
        span=(found.span[0] if first_s is None else first_s, end_s),
    )


def _until(heads: Heads, end_s: float) -> Heads:
    known = heads.at_s < end_s
    return Heads(heads.at_s[known], heads.site[known], heads.count[known])


def _codes(plan: Weeks) -> dict[str, int]:
    agents = [f"agent-{n:03d}" for n in range(plan.agents)]
    probes = [f"probe {name}" for name in USUAL_S]
    own = [f"synthetic-{site}" for site in plan.names]
    words = ["", signals.OK, signals.TIMEOUT, "signalling", "reset", "ping_timeout"]
    names = dict.fromkeys([*words, *plan.names, *probes, *own, *agents])
    return {name: n for n, name in enumerate(names)}


def _seen(
    plan: Weeks,
    happened: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]],
    gaps: tuple[Stretch, ...],
    code: dict[str, int],
    rng: np.random.Generator,
) -> Drops:
    """Who it was, and in order of when it was noticed."""
    last_good_s, noticed_s, site, silent = happened
    if plan.usual.grid_s:
        noticed_s = np.floor(noticed_s / plan.usual.grid_s) * plan.usual.grid_s
        last_good_s = noticed_s
    order = np.argsort(noticed_s, kind="stable")
    count = len(order)
    sites = np.array([code[name] for name in plan.names], dtype=np.int32)
    agent = code["agent-000"] + rng.integers(0, plan.agents, count)
    return Drops(
        last_good_s[order],
        noticed_s[order],
        sites[site[order]],
        agent.astype(np.int32),
        np.full(count, code["signalling"], dtype=np.int32),
        np.where(silent[order], code["ping_timeout"], code["reset"]).astype(np.int32),
        np.full(count, -1, dtype=np.int32),
    )


def _heads(plan: Weeks, days: Days, code: dict[str, int]) -> Heads:
    """Everybody is there from the first morning on; constant, as a workforce is."""
    at_s = np.full(len(plan.sites), float(days.begin_s[0]))
    count = np.array([plan.agents * share for share in plan.shares])
    return Heads(at_s, np.array([code[name] for name in plan.names], dtype=np.int32), count)


def _gaps(plan: Weeks, days: Days, rng: np.random.Generator) -> tuple[Stretch, ...]:
    if not plan.gaps:
        return ()
    count = rng.poisson(plan.gaps * plan.weeks)
    room_s = (plan.hours[1] - plan.hours[0]) * 3600.0 - plan.gap_s
    start_s = np.sort(days.begin_s[rng.integers(0, len(days.begin_s), count)] + rng.random(count) * room_s)
    return tuple(Stretch(float(begin_s), float(begin_s) + plan.gap_s) for begin_s in start_s)


def _without(found: Evidence, gaps: tuple[Stretch, ...]) -> Evidence:
    """Nothing was measured in a gap, and nobody noticed a drop."""

    def seen(at_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        known = np.ones(len(at_s), dtype=np.bool_)
        for gap in gaps:
            known &= (at_s < gap.start_s) | (at_s > gap.end_s)
        return known

    return replace(
        found,
        drops=found.drops.where(seen(found.drops.noticed_s)),
        series={name: one.where(seen(one.at_s)) for name, one in found.series.items()},
    )
