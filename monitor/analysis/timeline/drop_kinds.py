"""The drops by kind: how many, and how soon they were noticed after the last sign of life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.analysis.timeline.measures import harm
from monitor.facts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class DropKind:
    """Drops of one layer and reason. noticed_after_s: the median; None where no last sign of life is told."""

    layer: str
    reason: str
    drops: int
    noticed_after_s: float | None


def drop_kinds(evidence: Evidence) -> tuple[DropKind, ...]:
    """Every kind of unplanned drop, the most frequent first."""
    drops = harm(evidence)
    kinds: list[DropKind] = []
    for layer, reason in {*zip(drops.layer.tolist(), drops.reason.tolist(), strict=True)}:
        mine = drops.where((drops.layer == layer) & (drops.reason == reason))
        after_s = (mine.noticed_s - mine.last_good_s)[mine.last_good_s < mine.noticed_s]
        median_s = float(np.median(after_s)) if len(after_s) else None
        kinds.append(DropKind(evidence.names[layer], evidence.names[reason], len(mine), median_s))
    return tuple(sorted(kinds, key=lambda one: (-one.drops, one.layer, one.reason)))
