"""Windows in the local calendar: merged, tailed, told apart by hours, and the pattern they follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.analysis.verdict.placed import Pattern, pattern_of, place
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Window

CALENDAR = LocalCalendar(Rules(zone=ZoneInfo("America/Chicago"), hours=(8.0, 18.0)), frozenset(range(5)))
MONDAY = date(2026, 9, 14)
HOUR_S, TAIL_S = 3600.0, 300.0


def window(day: int, hour: float, minutes: float = 5.0, **what: object) -> Window:
    """A window on the day-th day from a Monday on."""
    start_s = CALENDAR.at(MONDAY + timedelta(days=day), hour * HOUR_S)
    return Window(start_s=start_s, end_s=start_s + 60.0 * minutes, **what)  # type: ignore[arg-type]


def placed(*windows: Window) -> Sequence[object]:
    return place(windows, CALENDAR, TAIL_S).tested


def test_a_tail_follows_and_nothing_precedes() -> None:
    (one,) = place([window(1, 10.0)], CALENDAR, TAIL_S).tested
    assert (one.start_s, one.length_s, one.clock_s) == (one.window.start_s, 600.0, 10 * HOUR_S)


def test_uncertain_edges_widen_a_window() -> None:
    told = window(1, 10.0)
    wide = Window(start_s=told.start_s, end_s=told.end_s, start_min_s=told.start_s - 60.0, end_max_s=told.end_s + 30.0)
    (one,) = place([wide], CALENDAR, TAIL_S).tested
    assert (one.start_s, one.length_s) == (told.start_s - 60.0, 690.0)


def test_runs_that_meet_within_a_tail_are_one() -> None:
    found = place([window(1, 10.0, 5), window(1, 10.15, 5), window(1, 12.0)], CALENDAR, TAIL_S)
    assert (len(found.tested), found.merged) == (2, 1)
    assert found.tested[0].window.end_s == window(1, 10.15, 5).end_s


def test_blocks_of_an_experiment_stay_apart_and_cut_each_others_tail() -> None:
    rows = [
        window(1, 10.0 + n / 10, 5, block="1", randomised=True, arm=arm) for n, arm in enumerate(("publish", "none"))
    ]
    found = place(rows, CALENDAR, TAIL_S).tested
    assert [one.length_s for one in found] == [360.0, 600.0]
    assert [one.treated for one in found] == [True, False]


def test_windows_outside_the_hours_are_a_class_of_their_own() -> None:
    found = place([window(1, 10.0), window(1, 3.0), window(5, 10.0), window(1, 7.95)], CALENDAR, TAIL_S)
    assert len(found.tested) == 2  # the last one reaches into the working hours
    assert len(found.outside_hours) == 2


@pytest.mark.parametrize(
    ("windows", "pattern"),
    [
        ([window(1, 10.0)], Pattern.ONCE),
        ([window(7 * w + 1, 10.0) for w in range(4)], Pattern.WEEKLY),
        ([window(7 * w + 1, 10.0 + w / 30) for w in range(4)], Pattern.WEEKLY),
        ([window(7 * w + d, 10.0) for w in range(4) for d in (1, 3)], Pattern.SEVERAL_A_WEEK),
        ([window(7 * w + d, 10.0) for w in range(4) for d in range(5)], Pattern.DAILY),
        ([window(7 * w + d, 10.0) for w in range(9) for d in range(5) if (w, d) != (4, 2)], Pattern.DAILY),
        ([window(7 * w + d, 10.0) for w in range(4) for d in range(4)], Pattern.DAILY),
        ([window(7 * w + d, 9.0 + (3 * w + d) % 7) for w in range(4) for d in range(5)], Pattern.IRREGULAR),
        ([window(d, 9.0 + d % 7) for d in (0, 8, 11, 16, 23, 25)], Pattern.ON_DEMAND),
        (
            [window(7 * w + 1, 10.0, arm=arm, randomised=True) for w, arm in enumerate(("none", "a"))],
            Pattern.RANDOMISED,
        ),
    ],
)
def test_patterns(windows: list[Window], pattern: Pattern) -> None:
    tested = place(windows, CALENDAR, TAIL_S).tested
    assert pattern_of(tested, randomised=any(one.window.randomised for one in tested)) is pattern


def test_a_row_without_a_publish_swallows_none() -> None:
    found = place([window(1, 9.8, 10, arm="none"), window(1, 10.0)], CALENDAR, TAIL_S).tested
    assert [one.treated for one in found] == [False, True]


def test_runs_that_are_joined_add_up() -> None:
    runs = [window(1, 10.0, 1, calls=600.0, strategy="fast"), window(1, 10.05, 1, calls=300.0, strategy="slow")]
    (one,) = place(runs, CALENDAR, TAIL_S).tested
    assert (one.window.calls, one.window.strategy) == (900.0, "fast+slow")


def test_a_night_shift_belongs_to_the_day_it_began_on() -> None:
    nights = LocalCalendar(Rules(zone=ZoneInfo("America/Chicago"), hours=(22.0, 30.0)), frozenset(range(5)))
    found = place([window(5, 2.0)], nights, TAIL_S)  # on Saturday at two, of Friday's shift
    assert [(one.day, one.clock_s) for one in found.tested] == [(MONDAY + timedelta(days=4), 26 * HOUR_S)]
