"""The local calendar: hours, days off, and the two days a year on which the clock is moved."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from monitor.analysis.verdict.calendar import LocalCalendar, calendar_for, outside
from monitor.analysis.verdict.rules import Rules

CHICAGO = ZoneInfo("America/Chicago")
MON_TO_FRI = frozenset(range(5))
HOUR_S = 3600.0


def test_ten_oclock_is_ten_oclock_on_both_sides_of_a_dst_change() -> None:
    calendar = LocalCalendar(Rules(zone=CHICAGO), MON_TO_FRI)
    before, after = calendar.at(date(2026, 10, 27), 10 * HOUR_S), calendar.at(date(2026, 11, 3), 10 * HOUR_S)
    assert after - before == 7 * 24 * HOUR_S + HOUR_S
    assert calendar.clock_of(before) == calendar.clock_of(after) == 10 * HOUR_S


def test_a_working_day_is_as_long_as_the_local_clock_makes_it() -> None:
    calendar = LocalCalendar(Rules(zone=CHICAGO), frozenset({6}))
    lengths = [
        calendar.work_day(day).end_s - calendar.work_day(day).begin_s for day in (date(2026, 11, 1), date(2026, 3, 8))
    ]
    assert lengths == [25 * HOUR_S, 23 * HOUR_S]


def test_nights_weekends_and_days_off_are_no_working_time() -> None:
    rules = Rules(zone=CHICAGO, hours=(8.0, 18.0), days_off=frozenset({date(2026, 11, 26)}))
    calendar = LocalCalendar(rules, MON_TO_FRI)
    span = calendar.at(date(2026, 11, 23), 0.0), calendar.at(date(2026, 11, 30), 0.0)
    days = calendar.work_days(*span)
    assert [day.day.isoweekday() for day in days] == [1, 2, 3, 5]  # and not the Monday whose midnight ends the span
    assert {day.week for day in days} == {date(2026, 11, 23)}
    idle_s = sum(end_s - start_s for start_s, end_s in outside(days, *span))
    assert span[1] - span[0] - idle_s == 4 * 10 * HOUR_S


def test_weekdays_that_nobody_named_are_mon_fri_and_those_with_a_window() -> None:
    saturday_s = LocalCalendar(Rules(zone=CHICAGO), MON_TO_FRI).at(date(2026, 9, 19), 10 * HOUR_S)
    assert calendar_for(Rules(zone=CHICAGO), [saturday_s]).days == frozenset(range(6))
    assert calendar_for(Rules(zone=CHICAGO, days=MON_TO_FRI), [saturday_s]).days == MON_TO_FRI


def test_a_weekday_that_a_job_hardly_ever_starts_on_does_not_become_a_working_day() -> None:
    at = LocalCalendar(Rules(zone=CHICAGO), MON_TO_FRI).at
    starts_s = [at(date(2026, 9, day), 10 * HOUR_S) for day in (14, 15, 16, 17, 18, 21, 22, 23, 24, 25, 26)]
    assert calendar_for(Rules(zone=CHICAGO), [*starts_s, *starts_s[:10]]).days == MON_TO_FRI
