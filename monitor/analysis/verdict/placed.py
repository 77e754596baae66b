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
DAILY_WEEKDAYS: Final = 4  # with a window in most weeks: what is left of a week is a control in name only
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
    """A window on its working day. clock_s: seconds of the local clock after that day's midnight, more than 24 h in a
    night shift. length_s: with its tail.
    """

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
    homes = [calendar.home_of(window.first_s, window.last_s) for window in joined]
    placed = [
        (home, _placed(window, home, _tail_s(window, joined, tail_s), calendar))
        for window, home in zip(joined, homes, strict=True)
    ]
    return Windows(
        tested=tuple(one for home, one in placed if home is not None),
        outside_hours=tuple(one for home, one in placed if home is None),
        merged=len(windows) - len(joined),
    )


def pattern_of(placed: Sequence[Placed], *, randomised: bool = False) -> Pattern:
    """How the job recurs.

    A job at one time of most working days is daily, also where it misses some: which days it misses is no chance.
    """
    if randomised:
        return Pattern.RANDOMISED
    days = {one.day for one in placed}
    if len(days) < 2:
        return Pattern.ONCE
    fixed_time = _one_time([one.clock_s for one in placed])
    of_weekday = Counter(day.weekday() for day in days)
    weeks = len({(day.toordinal() - 1) // 7 for day in days})
    regular = {weekday for weekday, count in of_weekday.items() if count >= weeks / 2}
    if fixed_time and len(regular) >= DAILY_WEEKDAYS:
        return Pattern.DAILY
    if fixed_time and regular == set(of_weekday):
        return Pattern.WEEKLY if len(of_weekday) == 1 else Pattern.SEVERAL_A_WEEK
    return Pattern.IRREGULAR if regular == set(of_weekday) else Pattern.ON_DEMAND


def _one_time(clocks_s: Sequence[float]) -> bool:
    """Whether the times of day keep together, but for a few that came late."""
    ordered = sorted(clocks_s)
    middle = ordered[len(ordered) // 2]
    return sum(abs(clock_s - middle) <= SAME_TIME_S for clock_s in ordered) >= 0.8 * len(ordered)


def _joined(windows: Sequence[Window], tail_s: float) -> list[Window]:
    """Runs that begin within another's tail made one, whichever job they are of: one drop must not count twice.

    Blocks of an experiment stay, and so does a row in which nothing was published beside one in which something was.
    """
    joined: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.arm == NONE_ARM, one.first_s)):
        last = joined[-1] if joined else None
        alike = last is not None and (last.arm == NONE_ARM) == (window.arm == NONE_ARM)
        if last is None or not alike or window.first_s > last.last_s + tail_s or window.randomised or last.randomised:
            joined.append(window)
        else:
            joined[-1] = _together(last, window)
    return sorted(joined, key=lambda one: one.first_s)


def _together(first: Window, second: Window) -> Window:
    end = max(first, second, key=lambda one: one.last_s)
    known = first.calls is not None and second.calls is not None
    return replace(
        first,
        end_s=max(first.end_s, second.end_s),
        end_max_s=end.end_max_s,
        calls=(first.calls or 0.0) + (second.calls or 0.0) if known else None,
        strategy="+".join(dict.fromkeys(name for name in (first.strategy, second.strategy) if name)),
    )


def _tail_s(window: Window, windows: Sequence[Window], tail_s: float) -> float:
    if not window.randomised:
        return tail_s
    nexts = [other.first_s for other in windows if other.randomised and other.first_s >= window.last_s]
    nexts = [start_s for start_s in nexts if start_s > window.first_s]
    return min(tail_s, max(0.0, min(nexts, default=window.last_s + tail_s) - window.last_s))


def _placed(window: Window, home: date | None, tail_s: float, calendar: LocalCalendar) -> Placed:
    start_s = window.first_s
    day = home or calendar.date_of(start_s)
    clock_s = calendar.clock_of(start_s) + 86_400.0 * (calendar.date_of(start_s) - day).days
    return Placed(window, day, clock_s, window.last_s - start_s + tail_s)
