"""The calendar of a history: local times that exist, day lengths across DST, and the patterns of publishing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitor.simulator.history.calendar import begin_wall_s, end_wall_s, planned_publishes, shifts
from monitor.simulator.history.history import Cadence, HistoryPlan, PublishTimes

CHICAGO = ZoneInfo("America/Chicago")
AUTUMN, SPRING = date(2026, 10, 26), date(2027, 3, 8)  # DST ends on 2026-11-01, begins on 2027-03-14


def local(wall_s: float) -> datetime:
    return datetime.fromtimestamp(wall_s, CHICAGO)


def published(plan: HistoryPlan, seed: int = 1) -> list[datetime]:
    return [local(each.at_wall_s) for each in planned_publishes(plan, CHICAGO, seed) if each.publishes]


@pytest.mark.parametrize(
    ("start", "offsets"), [(AUTUMN, ["-0500", "-0600", "-0600"]), (SPRING, ["-0600", "-0500", "-0500"])]
)
def test_the_weekly_publish_stays_at_ten_local_when_the_offset_changes(start: date, offsets: list[str]) -> None:
    moments = published(HistoryPlan(start=start, weeks=3))
    assert [moment.strftime("%a %H:%M") for moment in moments] == ["Tue 10:00"] * 3
    assert [moment.strftime("%z") for moment in moments] == offsets
    apart_s = [b.timestamp() - a.timestamp() for a, b in pairwise(moments)]
    assert apart_s == [604_800 + (3600 if start == AUTUMN else -3600), 604_800]


@pytest.mark.parametrize(("start", "hours"), [(AUTUMN, 25), (SPRING, 23)])
def test_days_are_as_long_as_the_clock_makes_them(start: date, hours: int) -> None:
    plan = HistoryPlan(start=start, weeks=1, hours=(time(0), time(6)), days="sat-sun")
    saturday, sunday = shifts(plan, CHICAGO)
    assert saturday.end_wall_s - saturday.begin_wall_s == 6 * 3600
    assert sunday.end_wall_s - sunday.begin_wall_s == (hours - 18) * 3600
    assert end_wall_s(plan, CHICAGO) - begin_wall_s(plan, CHICAGO) == (6 * 24 + hours) * 3600


def test_a_local_time_that_does_not_exist_is_the_next_one_that_does() -> None:
    plan = HistoryPlan(start=SPRING, weeks=1, publish=PublishTimes(weekly=("sun 02:30",)))
    assert [moment.isoformat() for moment in published(plan)] == ["2027-03-14T03:00:00-05:00"]


def test_a_local_time_that_comes_twice_is_used_once() -> None:
    plan = HistoryPlan(start=AUTUMN, weeks=1, publish=PublishTimes(weekly=("sun 01:30",)))
    assert [moment.isoformat() for moment in published(plan)] == ["2026-11-01T01:30:00-05:00"]


def test_working_hours_leave_out_weekends_and_days_off() -> None:
    plan = HistoryPlan(start=date(2026, 11, 23), weeks=1, days_off=(date(2026, 11, 26),))
    days = shifts(plan, CHICAGO)
    assert [shift.day.day for shift in days] == [23, 24, 25, 27]
    assert {local(shift.begin_wall_s).time() for shift in days} == {time(8)}
    assert {local(shift.end_wall_s).time() for shift in days} == {time(18)}


@pytest.mark.parametrize("days", ["", "mon-", "monday", "fri-xxx", "mon,tue"])
def test_days_that_are_none_are_refused(days: str) -> None:
    with pytest.raises(ValueError, match="stretch of days"):
        shifts(HistoryPlan(start=AUTUMN, weeks=1, days=days), CHICAGO)


def test_several_times_a_week_daily_and_irregular() -> None:
    twice = HistoryPlan(start=AUTUMN, weeks=2, publish=PublishTimes(weekly=("tue 10:00", "fri 15:30")))
    assert Counter(m.strftime("%a %H:%M") for m in published(twice)) == {"Tue 10:00": 2, "Fri 15:30": 2}
    daily = HistoryPlan(start=AUTUMN, weeks=2, publish=PublishTimes(weekly=("mon-fri 10:00",)))
    assert len(published(daily)) == 10
    moments = (datetime(2026, 10, 28, 19, 5, tzinfo=UTC), datetime(2026, 10, 27, 20, 0, tzinfo=UTC))
    irregular = HistoryPlan(start=AUTUMN, weeks=1, publish=PublishTimes(weekly=(), at=moments))
    assert published(irregular) == sorted(moments)
    assert published(HistoryPlan(start=AUTUMN, weeks=1, publish=None)) == []


def test_chance_leaves_out_the_share_that_the_plan_names_by_seed() -> None:
    plan = HistoryPlan(start=AUTUMN, weeks=12, publish=PublishTimes(share_without=0.5))
    first = planned_publishes(plan, CHICAGO, 1)
    assert len(first) == 12
    assert sum(each.publishes for each in first) == 6
    assert first == planned_publishes(plan, CHICAGO, 1)
    assert len({planned_publishes(plan, CHICAGO, seed) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: HistoryPlan(start=AUTUMN, weeks=0), "at least one week"),
        (lambda: HistoryPlan(start=AUTUMN, hours=(time(18), time(8))), "same day"),
        (lambda: Cadence(heartbeat_s=0.0), "heartbeat_s"),
        (lambda: PublishTimes(share_without=1.5), "share"),
        (lambda: PublishTimes(at=(datetime(2026, 10, 28, 19),)), "UTC offset"),  # noqa: DTZ001
        (lambda: published(HistoryPlan(start=AUTUMN, publish=PublishTimes(weekly=("tuesday",)))), "weekly time"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_clear_line(refused: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        refused()
