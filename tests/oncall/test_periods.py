"""The beginning of a period that many looks share."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.oncall.periods import fixed_beginning

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("now", "beginning"),
    [
        (datetime(2026, 1, 1, tzinfo=CHICAGO), datetime(2025, 10, 1, tzinfo=CHICAGO)),
        (datetime(2026, 3, 31, 23, 59, tzinfo=CHICAGO), datetime(2025, 10, 1, tzinfo=CHICAGO)),
        (datetime(2026, 4, 1, tzinfo=CHICAGO), datetime(2026, 1, 1, tzinfo=CHICAGO)),
        (datetime(2026, 4, 1, 2, tzinfo=UTC), datetime(2025, 10, 1, tzinfo=CHICAGO)),  # still March in Chicago
        (datetime(2026, 12, 31, tzinfo=CHICAGO), datetime(2026, 7, 1, tzinfo=CHICAGO)),
    ],
)
def test_it_is_the_first_day_of_the_quarter_before(now: datetime, beginning: datetime) -> None:
    assert fixed_beginning(now.timestamp(), CHICAGO) == beginning.timestamp()
