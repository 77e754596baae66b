"""Each site by itself: its drops inside and outside of windows, and how many agents it had; pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.analysis.verdict.case import prepare
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """One site. Drops are those that the verdict counts. agents: the largest head count, None where nobody told any."""

    site: str
    drops_in: int
    drops_out: int
    agents: float | None


def site_figures(evidence: Evidence, rules: Rules) -> tuple[SiteFigures, ...]:
    """Every site in alphabetical order."""
    observed, heads = prepare(evidence, rules).observed, evidence.heads
    found = []
    for site in observed.sites:
        inside = int(observed.overlaps_window(site.drops.last_good_s, site.drops.noticed_s).sum())
        counted = heads.count[heads.site == evidence.code(site.name)]
        agents = float(counted.max()) if len(counted) else None
        found.append(SiteFigures(site.name, inside, len(site.drops) - inside, agents))
    return tuple(found)
