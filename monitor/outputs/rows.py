"""Facts and markers as rows of the journal, and back. Pure."""

from __future__ import annotations

import dataclasses
import json

from pydantic import TypeAdapter

from monitor.facts.codec import fact_to_dict
from monitor.facts.markers import Marker
from monitor.facts.observations import Observation, OwnLagObserved
from monitor.outputs.suspicion import starved

QUIET_LAG_S = 0.010  # a second in which we were never later than this, nor starved, says nothing and is not stored

FactRow = tuple[str, float, str, str]  # kind, at_wall_s, site, json
MarkerRow = tuple[str, str, str, float, str]  # job, run_id, phase, at_wall_s, json

_MARKER: TypeAdapter[Marker] = TypeAdapter(Marker)


def compact(fact: Observation) -> Observation | None:
    """The fact as it is stored: of a second's hundred lag samples only the worst, of a quiet second nothing.

    Single collections and lookups are for the metrics alone.
    """
    if not isinstance(fact, OwnLagObserved):
        return fact
    lag_s = max(fact.lag_samples_s, default=0.0)
    lateness_s = max(fact.lateness_samples_s, default=0.0)
    if max(lag_s, lateness_s) <= QUIET_LAG_S and not starved(fact):
        return None
    return dataclasses.replace(
        fact, lag_samples_s=(lag_s,), lateness_samples_s=(lateness_s,), gc_pauses_s=(), dns_lookups_s=()
    )


def fact_row(fact: Observation) -> FactRow:
    """Raises ValueError for a fact that does not fit its own type."""
    return fact.kind, fact.at_wall_s, fact.site, json.dumps(fact_to_dict(fact), separators=(",", ":"))


def marker_row(marker: Marker) -> MarkerRow:
    """Raises ValueError for a marker that does not fit its own type."""
    text = _MARKER.dump_json(marker).decode()
    return marker.job, marker.run_id, marker.phase.value, marker.at_wall_s, text


def marker_of(text: str) -> Marker:
    """The marker of a row's json. Raises ValueError."""
    return _MARKER.validate_json(text)
