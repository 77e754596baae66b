"""The whole period at a glance: drops a day, and the windows of each; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from monitor.analysis.timeline.measures import harm
from monitor.analysis.timeline.places import Places
from monitor.analysis.verdict.calendar import calendar_for
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence
from monitor.facts.stretches import edges_of, merged, overlapping

MOST_DAYS: Final = 120  # more are shown as weeks


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day, or the week that begins with it. drops: all of them; in_windows: those in windows with their tail."""

    day: date
    drops: int
    in_windows: int
    windows: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Every day of the period, or every week of a long one."""

    weekly: bool
    stretches: tuple[Stretch, ...]


def overview(evidence: Evidence, rules: Rules, places: Places) -> Overview | None:
    """Drops by local day; None without an observed period."""
    if evidence.span is None:
        return None
    calendar = calendar_for(rules, [])
    first, last = (calendar.date_of(edge) for edge in evidence.span)
    weekly = (last - first).days >= MOST_DAYS
    step = timedelta(days=7 if weekly else 1)
    begin = first - timedelta(days=first.weekday()) if weekly else first
    days = [begin + n * step for n in range((last - begin) // step + 1)]
    edges = np.array([calendar.at(day, 0.0) for day in (*days, days[-1] + step)])
    drops = harm(evidence)
    taken = edges_of(merged((one.first_s, one.last_s + places.tail_s) for one in places.windows))
    inside = drops.noticed_s[overlapping(drops.last_good_s, drops.noticed_s, taken)]
    columns = (np.histogram(one, edges)[0].tolist() for one in (drops.noticed_s, inside, places.starts_s))
    return Overview(weekly, tuple(map(Stretch, days, *columns)))
