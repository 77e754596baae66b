"""Evidence for the diagnosis: a scenario's history, measured at a thinned cadence, without any word of its truth."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.markers import Marker
from monitor.outputs.sources.observed import Observed
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, facts
from monitor.simulator.world.occurrences import local_moment
from monitor.simulator.world.scenario import Scenario

MONDAY: Final = date(2026, 9, 14)
TUESDAY: Final = MONDAY + timedelta(days=1)  # the job publishes on Tuesdays at ten
THINNED: Final = Cadence(
    heartbeat_s=30.0, websocket_s=120.0, signalling_s=60.0, api_s=60.0, call_s=600.0, hold_s=60.0, media_s=10.0
)


def evidence_of(
    scenario: Scenario,
    seed: int,
    *,
    first: date = TUESDAY,
    last: date = TUESDAY,
    hours: tuple[int, int] = (9, 12),
    cadence: Cadence = THINNED,
    background: BackgroundDrops = BackgroundDrops(),  # noqa: B008 - frozen
) -> Evidence:
    """What the monitor tells of the working days from first to last, at most a week, measured in those hours."""
    plan = HistoryPlan(
        start=first, weeks=1, hours=(time(hours[0]), time(hours[1])), cadence=cadence, background=background
    )
    end_s = local_moment(last, time(hours[1]), ZoneInfo(scenario.timezone))
    builder = EvidenceBuilder()
    observed, markers = Observed(builder), []
    for fact in takewhile(lambda fact: fact.at_wall_s < end_s, facts(scenario, plan, seed)):
        if isinstance(fact, Marker):
            markers.append(fact)
        else:
            observed.add(fact)
    observed.markers(markers, end_s)
    observed.finish()
    return builder.build()
