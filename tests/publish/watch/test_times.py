"""When a weekly schedule was last due, changes of the clocks included."""

from __future__ import annotations

import pytest

from monitor.facts.clock import parse_rfc3339, rfc3339
from monitor.publish.watch.times import days_of, last_due_s

CHICAGO = "America/Chicago"


@pytest.mark.parametrize(
    ("schedule", "until", "due"),
    [
        ("tue 10:00", "2026-11-24T16:00:00Z", "2026-11-24T16:00:00.000Z"),
        ("tue 10:00", "2026-11-24T15:59:59Z", "2026-11-17T16:00:00.000Z"),
        ("tue 10:00", "2026-11-30T23:00:00Z", "2026-11-24T16:00:00.000Z"),
        ("tue 10:00", "2026-07-07T20:00:00Z", "2026-07-07T15:00:00.000Z"),  # daylight saving time: an hour earlier
        ("mon-fri 06:30", "2026-11-29T12:00:00Z", "2026-11-27T12:30:00.000Z"),  # a Sunday: Friday's
        ("tue 23:30", "2026-11-25T05:45:00Z", "2026-11-25T05:30:00.000Z"),  # the next day in UTC
        ("sun 02:30", "2026-03-08T12:00:00Z", "2026-03-08T08:30:00.000Z"),  # left out that night: 03:30 CDT
        ("sun 01:30", "2026-11-01T12:00:00Z", "2026-11-01T06:30:00.000Z"),  # twice that night: the first, CDT
    ],
)
def test_the_last_time_it_was_due(schedule: str, until: str, due: str) -> None:
    assert rfc3339(last_due_s(schedule, CHICAGO, parse_rfc3339(until))) == due


def test_days_are_single_ones_and_spans_even_over_the_weekend() -> None:
    assert days_of("tue") == {1}
    assert days_of("mon-wed,sat") == {0, 1, 2, 5}
    assert days_of("fri-mon") == {4, 5, 6, 0}
    with pytest.raises(ValueError, match="not in"):
        days_of("tus")
