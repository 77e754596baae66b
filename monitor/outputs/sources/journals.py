"""One or several sites' journals to evidence, streamed: a year of facts is never held as objects."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.markers import Marker
from monitor.facts.observations import IMPORTED, MonitorStarted, Observation
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.outputs.journal import JournalError, JournalReader
from monitor.outputs.sources.collector import no_collection
from monitor.outputs.sources.observed import Observed

STARTS = (MonitorStarted.kind,)
MARKERS_AHEAD_S = 86_400.0  # a run that reaches into the period may have begun this long before it


def read_journals(
    paths: Sequence[Path],
    since_s: float | None = None,
    until_s: float | None = None,
    *,
    limit_s: float = DEFAULT_LIMIT_S,
    on_import: Callable[[Observation], None] | None = None,
) -> Evidence:
    """Everything that these journals tell of since <= time < until (Unix seconds).

    A run whose markers were told to several monitors is one window. limit_s: after so long without a sign of life a run
    has ended as aborted. on_import: takes what was imported, which is then no evidence. Raises JournalError, one line,
    when a journal cannot be read.
    """
    readers = [JournalReader(path) for path in _existing(paths)]
    builder = EvidenceBuilder()
    observed = Observed(builder)
    told = [reader.facts(since_s, until_s, on_unread=builder.warnings.append) for reader in readers]
    with no_collection():
        for fact in _in_order(told):
            if on_import is not None and fact.probe == IMPORTED:
                on_import(fact)
            else:
                observed.add(fact)
    builder.simulated |= any(_began_simulated(reader, since_s) for reader in readers)
    markers = [marker for reader in readers for marker in _markers(reader, since_s, until_s)]
    if markers or observed.last_s > -math.inf:
        known_until_s = max([observed.last_s, *(marker.at_wall_s for marker in markers)])
        observed.markers(markers, known_until_s, -math.inf if since_s is None else since_s, limit_s)
    observed.finish()
    return builder.build()


def _existing(paths: Sequence[Path]) -> Iterator[Path]:
    """Each journal once, however it is named."""
    for path in dict.fromkeys(path.resolve() for path in paths):
        if not path.is_file():
            raise JournalError(f"{path}: there is no such file")
        yield path


def _in_order(told: Sequence[Iterator[Observation]]) -> Iterator[Observation]:
    if len(told) == 1:
        return told[0]
    by_time: Callable[[Observation], float] = attrgetter("at_wall_s")
    return heapq.merge(*told, key=by_time)


def _began_simulated(reader: JournalReader, since_s: float | None) -> bool:
    """Whether the last start before the period was of a monitor of the simulator."""
    simulated = False
    for fact in reader.facts(None, since_s, STARTS) if since_s is not None else ():
        simulated = isinstance(fact, MonitorStarted) and fact.simulated
    return simulated


def _markers(reader: JournalReader, since_s: float | None, until_s: float | None) -> list[Marker]:
    return reader.markers(None if since_s is None else since_s - MARKERS_AHEAD_S, until_s)
