"""The drops of a synthetic history: incidents at the rate of the moment, some of several agents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Window
from tests.histories.calendar import Days
from tests.histories.plan import Weeks

Floats = NDArray[np.float64]
BURST_S = 25.0
OUTAGE_S = 50.0
SILENT_SHARE = 0.4  # of the drops: nobody tells the client, which finds out by its keepalive
SILENT_S = 35.0


@dataclass(frozen=True, slots=True)
class Incidents:
    """What happened when, to how many agents, at which site (its number)."""

    at_s: Floats
    agents: NDArray[np.int64]
    site: NDArray[np.int64]

    def joined(self, other: Incidents) -> Incidents:
        """Both, in no order."""
        return Incidents(
            np.concatenate([self.at_s, other.at_s]),
            np.concatenate([self.agents, other.agents]),
            np.concatenate([self.site, other.site]),
        )


def usual(plan: Weeks, days: Days, load: Floats, rng: np.random.Generator) -> Incidents:
    """What happens anyway."""
    mean = 1.0 + plan.usual.burst * (plan.usual.burst_agents - 1.0)
    found = _incidents(plan, _moments(days, load * (plan.usual.per_hour / 60.0 / mean), rng), plan.usual.burst, rng)
    return found.joined(_outages(plan, days, rng)) if plan.usual.outages else found


def of_runs(plan: Weeks, days: Days, load: Floats, windows: list[Window], rng: np.random.Generator) -> Incidents:
    """What the runs add, at the rate of the moment times (ratio - 1)."""
    added = np.zeros_like(load)
    for number, window in enumerate(windows):
        if window.arm == "none" or plan.harm.only_run not in (None, number):
            continue
        start_s = window.start_s - plan.job.skew_s
        minute_s = days.begin_s[:, None] + 60.0 * np.arange(load.shape[1])[None, :]
        overlap_s = np.minimum(minute_s + 60.0, window.end_s - plan.job.skew_s + plan.harm.lasts_s)
        added += np.clip(overlap_s - np.maximum(minute_s, start_s), 0.0, 60.0) / 60.0
    mean = 1.0 + plan.harm.burst * (plan.usual.burst_agents - 1.0)
    here = [name in plan.harm.sites or not plan.harm.sites for name in plan.names]
    share = sum(share for share, hurt in zip(plan.shares, here, strict=True) if hurt)
    rate = added * load * (plan.usual.per_hour * (plan.harm.ratio - 1.0) * share / 60.0 / mean)
    return _incidents(plan, _moments(days, rate, rng), plan.harm.burst, rng, here)


def drops(
    incidents: Incidents, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """(last good, noticed, site, silent) of every agent that was hit."""
    spread_s = np.where(incidents.agents > 20, OUTAGE_S, BURST_S)
    at_s = np.repeat(incidents.at_s, incidents.agents)
    at_s = at_s + np.where(np.repeat(incidents.agents > 1, incidents.agents), rng.random(len(at_s)), 0.0) * np.repeat(
        spread_s, incidents.agents
    )
    silent = rng.random(len(at_s)) < SILENT_SHARE
    before_s, after_s = rng.random(len(at_s)), rng.random(len(at_s))
    last_good_s = at_s - np.where(silent, before_s * 14.0, 0.2 * before_s)
    noticed_s = at_s + np.where(silent, SILENT_S - 14.0 * after_s, 0.2 * after_s)
    return last_good_s, noticed_s, np.repeat(incidents.site, incidents.agents), silent


def _moments(days: Days, rate: Floats, rng: np.random.Generator) -> Floats:
    """Moments of a Poisson process whose rate a minute is given for the minutes of every day."""
    sums = np.cumsum(rate.ravel())
    count = rng.poisson(sums[-1]) if len(sums) else 0
    cell = np.searchsorted(sums, rng.random(count) * sums[-1], side="right") if count else np.zeros(0, dtype=np.int64)
    day, minute = np.divmod(np.minimum(cell, len(sums) - 1), rate.shape[1])
    return np.asarray(days.begin_s[day] + 60.0 * (minute + rng.random(count)))


def _incidents(
    plan: Weeks, at_s: Floats, burst: float, rng: np.random.Generator, here: list[bool] | None = None
) -> Incidents:
    shares = np.array(plan.shares) * (1.0 if here is None else np.array(here))
    agents = np.ones(len(at_s), dtype=np.int64)
    if burst:
        several = rng.random(len(at_s)) < burst
        agents[several] = 1 + rng.geometric(1.0 / (plan.usual.burst_agents - 1.0), int(several.sum()))
    return Incidents(at_s, agents, rng.choice(len(shares), len(at_s), p=shares / shares.sum()))


def _outages(plan: Weeks, days: Days, rng: np.random.Generator) -> Incidents:
    count = rng.poisson(plan.usual.outages * plan.weeks)
    length_s = (plan.hours[1] - plan.hours[0]) * 3600.0
    at_s = days.begin_s[rng.integers(0, len(days.begin_s), count)] + rng.random(count) * length_s
    agents = 1 + rng.poisson(plan.usual.outage_agents, count)
    return Incidents(at_s, agents, rng.integers(0, len(plan.sites), count))
