"""When a publish job is due: the last time a weekly schedule such as `tue 10:00` came round; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.facts.clock import as_utc

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def last_due_s(schedule: str, timezone: str, until_wall_s: float) -> float:
    """Unix seconds of the last due time that is not after `until_wall_s`.

    schedule: days and a local time, `mon-fri 06:30`, as the settings have checked it. A local time that a change of
    the clocks leaves out counts an hour later, as cron runs it; one that comes twice counts the first time.
    """
    days, _, clock = schedule.partition(" ")
    hour, _, minute = clock.partition(":")
    wanted, zone = days_of(days), ZoneInfo(timezone)
    today = as_utc(until_wall_s).astimezone(zone).date()
    for back in range(9):  # a week, today, and one more where today's is not due yet
        day = today - timedelta(days=back)
        due_s = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=zone).timestamp()
        if day.weekday() in wanted and due_s <= until_wall_s:
            return due_s
    raise ValueError(f"{schedule!r} is never due")


def days_of(text: str) -> frozenset[int]:
    """Weekdays, Monday 0, of `mon-fri,sun`. A span may go over the weekend. Raises ValueError for what is no day."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start = _DAYS.index(first)
        length = (_DAYS.index(last or first) - start) % 7
        found |= {(start + step) % 7 for step in range(length + 1)}
    return frozenset(found)
