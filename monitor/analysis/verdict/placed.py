"""Windows put into the local calendar: which are tested, and what pattern the job follows; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.facts.evidence import Window

SAME_TIME_S: Final = 900.0  # starts within a quarter of an hour of each other are one time of day
DAILY_SHARE: Final = 0.8  # of the working days
NONE_ARM: Final = "none"


class Pattern(StrEnum):
    """How a job recurs, which decides what can be told apart."""

    ONCE = "once"
    WEEKLY = "weekly"
    SEVERAL_A_WEEK = "several a week"
    DAILY = "daily"
    IRREGULAR = "irregular times"
    ON_DEMAND = "on demand"
    RANDOMISED = "randomised"


@dataclass(frozen=True, slots=True)
class Placed:
    """A window on its local day. clock_s: what the local clock shows at its start. length_s: with its tail."""

    window: Window
    day: date
    clock_s: float
    length_s: float

    @property
    def start_s(self) -> float:
        """The earliest it can have begun."""
        return self.window.first_s

    @property
    def end_s(self) -> float:
        """The end of its tail."""
        return self.start_s + self.length_s

    @property
    def treated(self) -> bool:
        """Whether anything was published in it."""
        return self.window.arm != NONE_ARM


@dataclass(frozen=True, slots=True)
class Windows:
    """Those that are tested, and those outside the working hours, a class of their own."""

    tested: tuple[Placed, ...]
    outside_hours: tuple[Placed, ...]
    merged: int


def place(windows: Sequence[Window], calendar: LocalCalendar, tail_s: float) -> Windows:
    """Put windows into the calendar. A tail ends where the next randomised block begins, whatever its arm."""
    joined = _joined(windows, tail_s)
    placed = [_placed(window, _tail_s(window, joined, tail_s), calendar) for window in joined]
    inside = [_in_hours(one, calendar) for one in placed]
    return Windows(
        tested=tuple(one for one, is_in in zip(placed, inside, strict=True) if is_in),
        outside_hours=tuple(one for one, is_in in zip(placed, inside, strict=True) if not is_in),
        merged=len(windows) - len(joined),
    )


def pattern_of(placed: Sequence[Placed], work_days: int) -> Pattern:
    """How the job recurs. work_days: in the whole span."""
    if any(one.window.randomised for one in placed):
        return Pattern.RANDOMISED
    days = {one.day for one in placed}
    if len(days) < 2:
        return Pattern.ONCE
    fixed_time = _one_time([one.clock_s for one in placed])
    of_weekday = Counter(day.weekday() for day in days)
    weeks = len({(day.toordinal() - 1) // 7 for day in days})
    if fixed_time and len(days) >= DAILY_SHARE * work_days and len(of_weekday) > 2:
        return Pattern.DAILY
    regular = all(count >= 0.5 * weeks for count in of_weekday.values())
    if fixed_time and regular:
        return Pattern.WEEKLY if len(of_weekday) == 1 else Pattern.SEVERAL_A_WEEK
    return Pattern.IRREGULAR if regular else Pattern.ON_DEMAND


def _one_time(clocks_s: Sequence[float]) -> bool:
    """Whether the times of day keep together, but for a few that came late."""
    ordered = sorted(clocks_s)
    middle = ordered[len(ordered) // 2]
    return sum(abs(clock_s - middle) <= SAME_TIME_S for clock_s in ordered) >= 0.8 * len(ordered)


def _joined(windows: Sequence[Window], tail_s: float) -> list[Window]:
    """Runs that begin within another's tail made one, whichever job they are of: one drop must not count twice."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda one: one.first_s):
        last = joined[-1] if joined else None
        if last is None or window.first_s > last.last_s + tail_s or window.randomised or last.randomised:
            joined.append(window)
        else:
            end = max(last, window, key=lambda one: one.last_s)
            joined[-1] = replace(last, end_s=max(last.end_s, window.end_s), end_max_s=end.end_max_s)
    return joined


def _tail_s(window: Window, windows: Sequence[Window], tail_s: float) -> float:
    if not window.randomised:
        return tail_s
    nexts = [other.first_s for other in windows if other.randomised and other.first_s >= window.last_s]
    nexts = [start_s for start_s in nexts if start_s > window.first_s]
    return min(tail_s, max(0.0, min(nexts, default=window.last_s + tail_s) - window.last_s))


def _placed(window: Window, tail_s: float, calendar: LocalCalendar) -> Placed:
    start_s = window.first_s
    return Placed(window, calendar.date_of(start_s), calendar.clock_of(start_s), window.last_s - start_s + tail_s)


def _in_hours(placed: Placed, calendar: LocalCalendar) -> bool:
    if not calendar.works(placed.day):
        return False
    hours = calendar.work_day(placed.day)
    return placed.start_s < hours.end_s and placed.window.last_s >= hours.begin_s
