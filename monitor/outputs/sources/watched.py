"""When each site's monitor was measuring, from the times of its facts: gaps and stretches not to be trusted; pure."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from monitor.facts.evidence import Stretch
from monitor.facts.observations import AGENTS, IMPORTED, Observation
from monitor.facts.stretches import merged
from monitor.outputs.suspicion import STARVED_LIMIT, WINDOW_S

SILENCE_S: Final = 300.0  # a monitor that tells nothing at all for longer than this was not measuring,
SILENT_INTERVALS: Final = 10.0  # nor one that misses so many of its own usual intervals between two facts
AROUND_S: Final = WINDOW_S / 2  # of own lag: it falsifies what was measured shortly before and after
ABOUT_ITSELF: Final = frozenset({"own_lag", "dropped", "slot_skipped", "process_ended", "monitor_started"})

_Pair = tuple[float, float]


@dataclass(slots=True)
class _Site:
    """What one site's monitor told: the times of its own facts, and when it is known to have been blind."""

    told_s: array[float] = field(default_factory=lambda: array("d"))
    blind_since_s: float | None = None
    blind: list[_Pair] = field(default_factory=list)
    distrusted: list[_Pair] = field(default_factory=list)
    starved_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by process
    imported: _Pair | None = None  # from the first to the last fact that was imported


class Watched:
    """Follows facts in order of time; eight bytes for each."""

    def __init__(self) -> None:
        self._sites: defaultdict[str, _Site] = defaultdict(_Site)
        self.first_s = math.inf
        self.last_s = -math.inf

    def told(self, fact: Observation) -> None:
        """Take the time of a fact in."""
        at_s = fact.at_wall_s
        if at_s > self.last_s:
            self.last_s = at_s
        if at_s < self.first_s:
            self.first_s = at_s
        site, probe = self._sites[fact.site], fact.probe
        if probe == IMPORTED:
            first_s, last_s = site.imported or (at_s, at_s)
            site.imported = (min(first_s, at_s), max(last_s, at_s))
        elif probe != AGENTS:
            if site.blind_since_s is not None and fact.kind not in ABOUT_ITSELF:
                site.blind.append((site.blind_since_s, max(at_s, site.blind_since_s)))
                site.blind_since_s = None
            site.told_s.append(at_s)

    def blind_from(self, site: str, at_s: float) -> None:
        """A process that measured there is gone: nothing is measured until the next measurement."""
        here = self._sites[site]
        if here.blind_since_s is None:
            here.blind_since_s = at_s

    def started(self, site: str, at_s: float) -> None:
        """The monitor has started anew: blind since what it told before that, if it ever did. Comes after `told`."""
        before_s = self._sites[site].told_s[-2:-1]
        self.blind_from(site, before_s[0] if before_s else at_s)

    def distrust(self, site: str, at_s: float) -> None:
        """What was measured about then may be falsified."""
        self._sites[site].distrusted.append((at_s - AROUND_S, at_s + AROUND_S))

    def starved(self, site: str, process: str, at_s: float) -> None:
        """A process was kept from measuring then; STARVED_LIMIT times within WINDOW_S falsify what lies about them."""
        latest_s = self._sites[site].starved_s[process]
        latest_s.append(at_s)
        del latest_s[:-STARVED_LIMIT]
        if len(latest_s) == STARVED_LIMIT and at_s - latest_s[0] <= WINDOW_S:
            self._sites[site].distrusted.append((latest_s[0] - AROUND_S, at_s + AROUND_S))

    def suspects(self) -> list[Stretch]:
        """Stretches in which measurements are not to be trusted."""
        return [
            Stretch(start_s, end_s, name)
            for name, site in self._sites.items()
            for start_s, end_s in merged(site.distrusted)
        ]

    def gaps(self) -> list[Stretch]:
        """Stretches in which a site's monitor did not measure, less those that imported drops tell of.

        A site that no monitor ever told anything of is known from its first imported drop to its last.
        """
        return [
            Stretch(start_s, end_s, name)
            for name, site in self._sites.items()
            if site.told_s or site.imported
            for gap in merged([*site.blind, *self._silences(site)])
            for start_s, end_s in _without(gap, site.imported)
            if end_s > start_s
        ]

    def _silences(self, site: _Site) -> Iterator[_Pair]:
        if not site.told_s:
            yield self.first_s, self.last_s
            return
        told_s = np.sort(np.frombuffer(site.told_s, dtype=np.float64))
        usual_s = float(np.median(np.diff(told_s))) if len(told_s) > 1 else 0.0
        longest_s = max(SILENCE_S, SILENT_INTERVALS * usual_s)
        edges_s = np.concatenate([[self.first_s], told_s, [self.last_s]])
        for n in np.flatnonzero(np.diff(edges_s) > longest_s):
            yield float(edges_s[n]), float(edges_s[n + 1])
        if site.blind_since_s is not None:
            yield site.blind_since_s, self.last_s


def _without(gap: _Pair, known: _Pair | None) -> Iterator[_Pair]:
    """The parts of a gap outside a stretch of which something is known."""
    if known is None or known[1] <= gap[0] or known[0] >= gap[1]:
        yield gap
        return
    yield gap[0], known[0]
    yield known[1], gap[1]
