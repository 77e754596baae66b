"""The same evidence as poorer sources tell it: counters read at scrapes, or a file with the times of drops alone."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder

SCRAPE_S: Final = 15.0
EDGES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 40.0)


def scraped(evidence: Evidence) -> Evidence:
    """As counters and histograms with `le` edges have it: scrape times, no agents, probes, addresses or close codes."""
    builder, names = EvidenceBuilder(), evidence.names
    for signal, rows in evidence.series.items():
        at_s = np.ceil(rows.at_s / SCRAPE_S) * SCRAPE_S
        keys = zip(at_s.tolist(), map(_bucket, rows.value.tolist()), rows.outcome, rows.site, rows.target, strict=True)
        counted: dict[tuple[float, float | None, int, int, int], int] = {}
        for key in keys:
            counted[key] = counted.get(key, 0) + 1
        for (at, value, outcome, site, target), count in counted.items():
            about = {"site": names[site], "target": names[target].partition("synthetic")[0]}
            builder.sample(signal, at, value, names[outcome], weight=float(count), **about)
    drops = evidence.drops
    for noticed_s, site, layer, reason in zip(drops.noticed_s, drops.site, drops.layer, drops.reason, strict=True):
        at = math.ceil(noticed_s / SCRAPE_S) * SCRAPE_S
        builder.drop(at - SCRAPE_S, at, site=names[site], layer=names[layer], reason=names[reason])
    builder.windows += evidence.windows
    return builder.build()


def drops_alone(evidence: Evidence) -> Evidence:
    """As a file of real drops has it: when, where and who."""
    builder, names, drops = EvidenceBuilder(), evidence.names, evidence.drops
    for noticed_s, site, agent in zip(drops.noticed_s.tolist(), drops.site, drops.agent, strict=True):
        builder.drop(noticed_s, noticed_s, site=names[site], agent=names[agent])
    builder.windows += evidence.windows
    return builder.build()


def _bucket(value: float) -> float | None:
    if math.isnan(value):
        return None
    lower = max((edge for edge in EDGES if edge < value), default=0.0)
    upper = min((edge for edge in EDGES if edge >= value), default=lower)
    return math.sqrt(lower * upper) if lower else upper / 2
