"""Chunks of EVENTS are taken as a whole or not at all, and every bad cell of a column is told at once."""

from __future__ import annotations

import pytest

from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.outputs.sources.files.events import EventRows
from monitor.outputs.sources.files.header import Header
from monitor.outputs.sources.files.problems import BadColumn
from monitor.outputs.sources.files.tables import Chunk
from monitor.outputs.sources.files.times import TimeReader

TIME = "2026-03-03T10:00:00Z"


def chunk(*kinds: str, **columns: tuple[str, ...]) -> Chunk:
    """Rows of these kinds, all at one time."""
    return Chunk({"time": [TIME] * len(kinds), "kind": kinds, **columns}, range(len(kinds)), Header({}, {}))


def test_bad_rows_among_others_leave_the_builder_as_it_was() -> None:
    builder = EvidenceBuilder()
    rows = EventRows(builder, TimeReader())
    mixed = chunk(
        *("disconnect", "sample", "connected", "sample", "connected"),
        signal=("", "api_seconds", "", "api_seconds", ""),
        value=("", "1", "-1", "2", "-2"),
    )
    with pytest.raises(BadColumn) as error:
        rows.take(mixed)
    assert [(cell.place, cell.value) for cell in error.value.cells] == [(2, "-1"), (4, "-2")]
    assert len(builder.build().drops) == 0
    rows.take(mixed.without([2, 4]))
    found = builder.build()
    assert (len(found.drops), len(found.series["api_seconds"])) == (1, 2)


def test_signals_of_other_kinds_are_of_no_matter() -> None:
    builder = EvidenceBuilder()
    EventRows(builder, TimeReader()).take(chunk("disconnect", "gap", until=("", TIME), signal=("No Signal", "-")))
    assert (len(builder.build().drops), len(builder.gaps)) == (1, 1)
