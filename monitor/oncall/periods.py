"""Periods of checks that are asked again and again: their beginning must not move with every look; pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

QUARTER: Final = 3  # months


def fixed_beginning(now_s: float, zone: tzinfo) -> float:
    """The first midnight, in that zone, of the calendar quarter before the one of now_s; both in Unix seconds.

    It stays the same for a whole quarter: an error that holds over repeated looks does so for looks from one beginning.
    """
    now = datetime.fromtimestamp(now_s, zone)
    quarters = (now.year * 12 + now.month - 1) // QUARTER - 1
    year, month = divmod(quarters * QUARTER, 12)
    return datetime(year, month + 1, 1, tzinfo=zone).timestamp()
