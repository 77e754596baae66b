"""A quiet window of the day in local time, and when it opens next, daylight-saving changes included. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.facts.clock import as_utc

_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"


@dataclass(frozen=True, slots=True)
class Opening:
    """When something may begin (Unix seconds), and what the user should know about that, if anything."""

    at_wall_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` (minutes of the local day) in time zone `tz`; over midnight when end is before start."""

    start: int
    end: int
    tz: str

    @classmethod
    def parse(cls, window: str | None, tz: str | None) -> QuietHours:
        """From `22:00-05:00` and an IANA time zone. Raises ValueError with one clear line."""
        if not window or not tz:
            raise ValueError("off_peak needs a window and a time zone, such as 22:00-05:00 and America/Chicago")
        match = re.fullmatch(f"{_CLOCK}-{_CLOCK}", window)
        if match is None:
            raise ValueError(f"window {window!r} is not of the form 22:00-05:00")
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if start == end:
            raise ValueError(f"window {window} is empty")
        try:
            ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{tz!r} is not an IANA time zone such as America/Chicago") from None
        return cls(start, end, tz)

    def opening(self, wall_s: float) -> Opening:
        """When the window is open, at the earliest `wall_s`: at once inside it, else when it next begins.

        A clock time that comes twice, as one does when summer time ends, means its earlier occurrence, and the note
        says so. Raises ValueError when an edge of that window falls into the hour that is left out when summer time
        begins.
        """
        today = as_utc(wall_s).astimezone(ZoneInfo(self.tz)).date()
        for days in (-1, 0, 1):
            begins, ends = self._edges(today + timedelta(days=days))
            if _instant(ends).timestamp() > wall_s:
                notes = [note for edge in (begins, ends) if (note := _note(edge, self.tz))]
                return Opening(max(wall_s, _instant(begins).timestamp()), "; ".join(notes))
        raise AssertionError("tomorrow's window ends after today")

    def _edges(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end of the window that begins on that day, as local times in the zone."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.tz))
        over = timedelta(days=1) if self.end < self.start else timedelta()
        return midnight + timedelta(minutes=self.start), midnight + over + timedelta(minutes=self.end)


def _instant(local: datetime) -> datetime:
    return local.astimezone(UTC)


def _note(local: datetime, tz: str) -> str:
    """What is special about a local time: nothing, or that it comes twice. Raises ValueError when it never comes."""
    clock, day = local.strftime("%H:%M"), local.date().isoformat()
    if _instant(local).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(f"{clock} does not exist on {day} in {tz}: summer time begins; choose another window")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        return f"{clock} comes twice on {day} in {tz}: the earlier one is taken"
    return ""
