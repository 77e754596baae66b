"""Each site by itself: its drops inside and outside of windows, and how many agents it had; pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.analysis.timeline.measures import harm
from monitor.analysis.timeline.places import Places
from monitor.facts.evidence import Evidence
from monitor.facts.stretches import edges_of, merged, overlapping


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """One site. agents: the largest head count, None where nobody told any."""

    site: str
    drops_in: int
    drops_out: int
    agents: float | None


def site_figures(evidence: Evidence, places: Places) -> tuple[SiteFigures, ...]:
    """Every site in alphabetical order."""
    drops, heads = harm(evidence), evidence.heads
    taken = edges_of(merged((one.first_s, one.last_s + places.tail_s) for one in places.windows))
    inside = overlapping(drops.last_good_s, drops.noticed_s, taken)
    found = []
    for site in evidence.sites:
        code = evidence.code(site)
        here, counted = drops.site == code, heads.count[heads.site == code]
        agents = float(counted.max()) if len(counted) else None
        found.append(SiteFigures(site, int((here & inside).sum()), int((here & ~inside).sum()), agents))
    return tuple(found)
