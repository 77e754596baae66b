"""Columns of times that are written alike: the same moments as one by one, or none at all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.outputs.sources.files.fixed_width_times import MICROS, fixed_width_times

_moments = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the zone comes with the strategy
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@settings(max_examples=50, deadline=None)
@given(
    moments=st.lists(_moments, min_size=1, max_size=4),
    unit=st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_a_column_is_the_same_as_its_times(moments: list[datetime], unit: str) -> None:
    texts = [moment.isoformat(timespec=unit) for moment in moments]
    read = fixed_width_times(texts)
    assert read is not None
    assert read[1]
    assert (read[0] / MICROS).tolist() == [datetime.fromisoformat(text).timestamp() for text in texts]


GOOD = "2026-03-03T10:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z", "2026-03-00T10:00:00Z"),
        *("2026-03-03T24:00:00Z", "2026-03-03T10:60:00Z", "2026-03-03T10:00:60Z", "2026-03-03X10:00:00Z"),
        *("2026/03/03T10:00:00Z", "2026-03-03T10.00.00Z", "2026-03-03T10:00:0xZ", "2026-03-03T10:00:00+"),
        *("2026-03-03T10:00:00.Z", "2026-03-03T10:00:00,5Z", "2026-03-03T10:00:00+25:00", "2026-03-03", "", "x" * 40),
    ],
)
def test_what_is_not_written_so_is_left_to_others(text: str) -> None:
    assert fixed_width_times([text]) is None
    assert fixed_width_times([GOOD, text]) is None


def test_a_leap_day_and_fractions_beyond_microseconds() -> None:
    read = fixed_width_times(["2024-02-29T00:00:00.1234567Z"])
    assert read is not None
    assert read[0][0] % MICROS == 123456


def test_a_reading_without_offset_is_local() -> None:
    read = fixed_width_times(["1970-01-01 00:00:01", "1970-01-02T00:00:00"])
    assert read is not None
    assert read[0].tolist() == [MICROS, 86400 * MICROS]
    assert not read[1]
