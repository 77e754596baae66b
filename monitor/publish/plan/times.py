"""Local dates and times of an experiment: which moment is meant, and which do not exist when clocks change; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SLOT = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):([0-5][0-9])")
_WHEN = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([0-9]{4}-[0-9]{2}-[0-9]{2}) ((?:[01][0-9]|2[0-3]):[0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Slot:
    """A weekday (0 is Monday) and a local time of day."""

    weekday: int
    at: time

    def __str__(self) -> str:
        """As a person writes it: `tue 10:00`."""
        return f"{WEEKDAYS[self.weekday]} {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A local time that exists. note: what to know about it when clocks change that day, else empty."""

    wall_s: float
    note: str

    def utc_text(self) -> str:
        """The moment in UTC, for people: `2026-03-03 16:00 UTC`."""
        return datetime.fromtimestamp(self.wall_s, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def read_slot(text: str) -> Slot:
    """The slot that `tue 10:00` names. Raises ValueError for anything else."""
    match = _SLOT.fullmatch(text)
    if match is None:
        raise ValueError(f"slot {text!r}: a weekday and a time such as 'tue 10:00' are needed")
    return Slot(WEEKDAYS.index(match[1]), time(int(match[2]), int(match[3])))


def moment_of(day: date, at: time, zone: ZoneInfo) -> Moment:
    """When that local time is. Raises ValueError where clocks skip it; of two such moments it is the earlier."""
    local = datetime.combine(day, at, zone)  # fold 0: the earlier of two
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(f"{day} {at:%H:%M} does not exist in {zone.key}: clocks go forward over it that day")
    again = local.replace(fold=1)
    twice = again.utcoffset() != local.utcoffset()
    note = f"{at:%H:%M} comes twice that day, as clocks go back; the earlier one is meant" if twice else ""
    return Moment(local.timestamp(), note)


def read_when(text: str, zone: ZoneInfo) -> Moment:
    """The moment that `tue 2026-03-03 10:00` names. Raises ValueError: not so written, wrong weekday, skipped time."""
    match = _WHEN.fullmatch(text)
    if match is None:
        raise ValueError("a weekday, date and local time such as 'tue 2026-03-03 10:00' are needed")
    try:
        day = date.fromisoformat(match[2])
    except ValueError:
        raise ValueError(f"{match[2]} is no date of the calendar") from None
    if WEEKDAYS[day.weekday()] != match[1]:
        raise ValueError(f"{day} is a {WEEKDAYS[day.weekday()]}, not a {match[1]}")
    return moment_of(day, time.fromisoformat(match[3]), zone)


def when_text(day: date, at: time) -> str:
    """A local time as a plan writes it: `tue 2026-03-03 10:00`."""
    return f"{WEEKDAYS[day.weekday()]} {day.isoformat()} {at:%H:%M}"


def days_of(slot: Slot, first: date, weeks: int) -> list[date]:
    """The slot's dates in that many weeks, from `first` on (or the first such weekday after it)."""
    start = first + timedelta(days=(slot.weekday - first.weekday()) % 7)
    return [start + timedelta(weeks=week) for week in range(weeks)]
