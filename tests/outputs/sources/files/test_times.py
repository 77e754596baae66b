"""Columns of times: what is accepted, local clocks, and the same answer for a column as for each of its times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.facts.clock import parse_rfc3339
from monitor.outputs.sources.files.problems import BadColumn
from monitor.outputs.sources.files.times import TimeReader

CHICAGO = ZoneInfo("America/Chicago")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
_readings = st.datetimes(datetime(2001, 1, 1), datetime(2050, 1, 1))  # noqa: DTZ001 - what a clock shows


@settings(max_examples=50, deadline=None)
@given(readings=st.lists(_readings, min_size=1, max_size=5), zone=st.sampled_from([CHICAGO, LORD_HOWE, UTC]))
def test_a_local_time_is_what_the_zone_says(readings: list[datetime], zone: ZoneInfo) -> None:
    texts = [reading.isoformat(" ", "microseconds") for reading in readings]
    found = TimeReader(zone).column(texts, "time")
    assert found.at_s.tolist() == [reading.replace(tzinfo=zone).timestamp() for reading in readings]


@pytest.mark.parametrize(
    ("zone", "text", "first", "last"),
    [
        (CHICAGO, "2026-11-01T01:30:00", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"),
        (CHICAGO, "2026-11-01T00:59:59", "2026-11-01T05:59:59Z", "2026-11-01T05:59:59Z"),
        (CHICAGO, "2026-11-01T02:00:00", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
        (CHICAGO, "2026-03-08T02:10:00", "2026-03-08T08:10:00Z", "2026-03-08T08:10:00Z"),
        (LORD_HOWE, "2026-04-05T01:40:00", "2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z"),
        (LORD_HOWE, "2026-04-05T01:20:00", "2026-04-04T14:20:00Z", "2026-04-04T14:20:00Z"),
    ],
)
def test_hours_in_which_clocks_change(zone: ZoneInfo, text: str, first: str, last: str) -> None:
    for texts in ([text], [text, f"{text}.000"]):  # read as a column, and one by one
        found = TimeReader(zone).column(texts, "time")
        assert set(found.at_s.tolist()) == {parse_rfc3339(first)}
        assert set(found.last_s.tolist()) == {parse_rfc3339(last)}
        assert found.doubled == (len(texts) if first != last else 0)
        assert found.missing == (len(texts) if text.startswith("2026-03") else 0)


def test_times_with_and_without_offset_side_by_side() -> None:
    found = TimeReader(CHICAGO).column(
        ["2026-03-03 10:00", "2026-03-03T10:00:00.5-05:00", " 2026-03-03T16:00:00z"], "time"
    )
    assert (found.at_s - found.at_s[0]).tolist() == [0, -3599.5, 0]


def test_every_time_that_is_none_is_told_at_its_place() -> None:
    with pytest.raises(BadColumn) as error:
        TimeReader().column(["2026-03-03T10:00:00Z", "x", "2026-03-03T10:00:00"], "time", [5, 6, 7])
    assert [(cell.place, cell.value, cell.fatal) for cell in error.value.cells] == [
        (6, "x", False),
        (7, "2026-03-03T10:00:00", True),
    ]


@pytest.mark.parametrize("text", ["1e400", "nan", "-1", "1767600000000"])
def test_numbers_that_are_no_times_of_this_century(text: str) -> None:
    with pytest.raises(BadColumn):
        TimeReader(form="epoch").column([text], "time")


@pytest.mark.parametrize("form", ["%", "%Q", "%d", "", "%z"])
def test_a_strange_format_reads_nothing_and_breaks_nothing(form: str) -> None:
    with pytest.raises(BadColumn):
        TimeReader(form=form).column(["tomorrow"], "time")
