"""The monitor's own measurements in a synthetic history: pings, ICE-server fetches and gatherings on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.facts import signals
from monitor.facts.evidence import Series, Window
from tests.histories.calendar import Days
from tests.histories.plan import Weeks

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
USUAL_S = {signals.WS_RTT: 0.045, signals.ICE_SERVERS: 0.09, signals.ICE_GATHERING: 0.07}
NOISE = 0.12  # sigma of the logarithm from one measurement to the next
OF_DAY = 0.05
BY_LOAD = 0.15  # the logarithm of a round trip grows by this with the logarithm of the load
SPIKES = 0.004  # share of measurements that are several times as slow, for no reason
LOST = 0.001


def series_of(
    plan: Weeks, days: Days, load: Floats, windows: list[Window], code: dict[str, int], rng: np.random.Generator
) -> dict[str, Series]:
    """One series a signal, of every site, in order of time. code: the places of names."""
    if not plan.sample_s:
        return {}
    slots_s = np.arange(0.0, load.shape[1] * 60.0, plan.sample_s)
    at_s = (days.begin_s[:, None] + slots_s[None, :]).ravel()
    usual = BY_LOAD * np.log(load[:, (slots_s / 60.0).astype(int)]).ravel()
    usual = usual + np.repeat(rng.normal(0.0, OF_DAY, len(days.week)), len(slots_s))
    harm = {signals.WS_RTT: plan.harm.ping, signals.ICE_SERVERS: plan.harm.fetch, signals.ICE_GATHERING: 1.0}
    return {
        name: _series(name, plan, at_s, usual, _in_runs(plan, at_s, windows, harm[name]), code, rng) for name in harm
    }


def _in_runs(plan: Weeks, at_s: Floats, windows: list[Window], factor: float) -> Floats:
    """What the runs add to the logarithm of each measurement."""
    added = np.zeros(len(at_s))
    for number, window in enumerate(windows if factor != 1.0 else ()):
        if window.arm != "none" and plan.harm.only_run in (None, number):
            first_s, last_s = window.start_s - plan.job.skew_s, window.end_s - plan.job.skew_s + plan.harm.lasts_s
            added[np.searchsorted(at_s, first_s) : np.searchsorted(at_s, last_s)] = np.log(factor)
    return added


def _series(
    name: str, plan: Weeks, at_s: Floats, usual: Floats, harm: Floats, code: dict[str, int], rng: np.random.Generator
) -> Series:
    """The sites measure a few seconds after each other."""
    sites = plan.names
    count, rows = len(sites), len(sites) * len(at_s)
    hurt = np.array([not plan.harm.sites or site in plan.harm.sites for site in sites], dtype=float)
    logs = usual[:, None] + harm[:, None] * hurt[None, :] + NOISE * rng.normal(0.0, 1.0, (len(at_s), count))
    logs += np.where(rng.random((len(at_s), count)) < SPIKES, rng.exponential(1.0, (len(at_s), count)), 0.0)
    value = (USUAL_S[name] * np.exp(logs)).ravel()
    lost = rng.random(rows) < LOST
    value[lost] = np.nan
    site = np.tile(np.array([code[site] for site in sites], dtype=np.int32), len(at_s))
    agent = np.tile(np.array([code[f"synthetic-{site}"] for site in sites], dtype=np.int32), len(at_s))
    return Series(
        at_s=(at_s[:, None] + 3.0 + 2.0 * np.arange(count)[None, :]).ravel(),
        value=value,
        outcome=np.where(lost, code[signals.TIMEOUT], code[signals.OK]).astype(np.int32),
        site=site,
        probe=np.full(rows, code[f"probe {name}"], dtype=np.int32),
        target=agent,
        detail=np.zeros(rows, dtype=np.int32),
        suspect=np.zeros(rows, dtype=np.bool_),
        weight=np.ones(rows),
    )
