"""Observed time and agent-time: what is left of a span without gaps, suspect periods, nights and days off; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from monitor.facts.evidence import ALL_SITES, Evidence, Floats, Stretch
from monitor.facts.stretches import between, edges_of, merged

HOUR_S: Final = 3600.0


class Coverage:
    """Agents integrated over observed time at one site, for any stretch; without head counts it is one agent."""

    def __init__(
        self,
        span: tuple[float, float],
        missing: Iterable[tuple[float, float]],
        heads: tuple[Floats, Floats] | None = None,
    ) -> None:
        """missing: stretches that do not count, in any order. heads: moments and the counts from each on, in order."""
        self.missing = merged((max(a, span[0]), min(b, span[1])) for a, b in missing if b > span[0] and a < span[1])
        self._edges, self._agent_s = _integral(span, self.missing, heads)
        self._lost_at = edges_of(self.missing)

    def agent_hours(self, start_s: Floats, end_s: Floats) -> Floats:
        """Agent-hours observed in each stretch."""
        return (self._until(end_s) - self._until(start_s)) / HOUR_S

    @property
    def hours(self) -> float:
        """Agent-hours of the whole span."""
        return float(self._agent_s[-1]) / HOUR_S

    def counts(self, at_s: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each moment is observed."""
        return np.asarray(~between(at_s, self._lost_at) & (at_s >= self._edges[0]) & (at_s <= self._edges[-1]))

    def _until(self, at_s: Floats) -> Floats:
        return np.interp(at_s, self._edges, self._agent_s)


def _integral(
    span: tuple[float, float], missing: Sequence[tuple[float, float]], heads: tuple[Floats, Floats] | None
) -> tuple[Floats, Floats]:
    lost = edges_of(missing)
    at_s, counts = heads if heads is not None and len(heads[0]) else (np.array([span[0]]), np.ones(1))
    edges = np.unique(np.concatenate([np.array(span), lost, at_s[(at_s > span[0]) & (at_s < span[1])]]))
    middles = (edges[:-1] + edges[1:]) / 2
    present = ~between(middles, lost)
    known = np.searchsorted(at_s, middles, side="right") - 1
    agents = np.where(known >= 0, counts[np.maximum(known, 0)], counts[0])  # before the first count: as many
    return edges, np.concatenate([[0.0], np.cumsum(np.diff(edges) * present * agents)])


def heads_of(evidence: Evidence, site: str) -> tuple[Floats, Floats] | None:
    """The head counts of a site, None where nobody told them."""
    here = evidence.heads.site == evidence.code(site)
    return (evidence.heads.at_s[here], evidence.heads.count[here]) if here.any() else None


def at_site(stretches: Iterable[Stretch], site: str) -> list[tuple[float, float]]:
    """The stretches that concern a site."""
    return [(one.start_s, one.end_s) for one in stretches if one.site in (ALL_SITES, site)]
