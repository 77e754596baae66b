"""What drops tell by their reason, how many come at once, and how long each connection had been silent; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.facts.evidence import NOTHING, Drops, Evidence, Flags, Series

OWN_NOTICE: Final = ("ping_timeout", "silence", "ice_servers")  # the client gave up by itself, each at its own time
PERSONAL: Final = ("auth", "duplicate_id", "no_longer_subscribed", "persistent_connection")  # told to one user
CUTS: Final = ("reset", "closed")
CUT_CODES: Final = (1001, 1006)
IDLE_LEAST_S: Final = 20.0  # a softphone pings every 14 s, so that a live connection is never silent for so long
STEADY_S: Final = 3.0
STEADY_SHARE: Final = 0.05  # of the silence itself: a constant is one within this


@dataclass(frozen=True, slots=True)
class Constant:
    """Drops after the same silence. share: of all drops of that kind after a silence worth the name."""

    silence_s: float
    count: int
    share: float
    sites: tuple[int, ...]


def with_agent(drops: Drops) -> Flags:
    """Drops that are told with their agent; a source that only counts has none."""
    named: Flags = drops.agent != NOTHING
    return named


def of_reasons(evidence: Evidence, reasons: Iterable[str]) -> Flags:
    """Which drops were for one of these reasons."""
    return np.isin(evidence.drops.reason, evidence.codes(reasons))


def of_layers(evidence: Evidence, *layers: str) -> Flags:
    """Which drops broke one of these links."""
    return np.isin(evidence.drops.layer, evidence.codes(layers))


def signalling(evidence: Evidence) -> Flags:
    """Lost signalling connections, and those of a source that does not say what was lost."""
    return of_layers(evidence, "signalling", "")


def constant_silence(evidence: Evidence, chosen: Flags) -> Constant | None:
    """The silence that most of these drops ended after, when many ended after the same one."""
    drops = evidence.drops.where(chosen & with_agent(evidence.drops))  # counted ones have no silence of their own
    silence_s = drops.noticed_s - drops.last_good_s
    worth = silence_s >= IDLE_LEAST_S
    silence_s, site = silence_s[worth], drops.site[worth]
    if len(silence_s) < 2:
        return None
    order = np.argsort(silence_s)
    sorted_s = silence_s[order]
    width_s = np.maximum(STEADY_S, STEADY_SHARE * sorted_s)
    last = np.searchsorted(sorted_s, sorted_s + width_s, side="right")
    counts = last - np.arange(len(sorted_s))
    best = int(np.argmax(counts))
    rows = order[best : last[best]]
    sites = tuple(int(code) for code in np.unique(site[rows]))
    return Constant(float(np.median(silence_s[rows])), len(rows), len(rows) / len(silence_s), sites)


def bursts(evidence: Evidence, chosen: Flags, window_s: float, least: int) -> list[tuple[float, float, int]]:
    """Start, end and number of drops of each burst: `least` of them and more within window_s."""
    at_s = evidence.drops.noticed_s[chosen]
    last = np.searchsorted(at_s, at_s + window_s, side="right")
    counts = last - np.arange(len(at_s))
    found: list[tuple[float, float, int]] = []
    for n in np.flatnonzero(counts >= least):
        if not found or at_s[n] > found[-1][1]:
            found.append((float(at_s[n]), float(at_s[last[n] - 1]), int(counts[n])))
    return found


def rows_named(series: Series, evidence: Evidence, outcomes: Iterable[str]) -> Flags:
    """Which attempts ended like that."""
    return np.isin(series.outcome, evidence.codes(outcomes))
