"""The local calendar of a history in Unix seconds: working hours, and when the job publishes; safe across DST; pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from monitor.simulator.history.plan import HistoryPlan, PublishTimes
from monitor.simulator.world.occurrences import DAYS, local_moment, weekly_moments


@dataclass(frozen=True, slots=True)
class Shift:
    """The working hours of one day, in Unix seconds; as long as the local clock makes them."""

    day: date
    begin_wall_s: float
    end_wall_s: float


@dataclass(frozen=True, slots=True)
class PlannedPublish:
    """A moment at which the job may publish. publishes: whether chance, where the plan asks it, let it."""

    at_wall_s: float
    publishes: bool


def shifts(plan: HistoryPlan, zone: ZoneInfo) -> tuple[Shift, ...]:
    """The working hours of every working day, in order."""
    begin, end = plan.hours
    working = _weekdays(plan.days)
    days = (plan.start + timedelta(days=n) for n in range(7 * plan.weeks))
    return tuple(
        Shift(day, local_moment(day, begin, zone), local_moment(day, end, zone))
        for day in days
        if day.weekday() in working and day not in plan.days_off
    )


def planned_publishes(plan: HistoryPlan, zone: ZoneInfo, seed: int) -> tuple[PlannedPublish, ...]:
    """Every moment the plan names, in order. Exactly the plan's share of them, rounded, stays without a publish."""
    if plan.publish is None:
        return ()
    moments = sorted({*_weekly(plan, plan.publish, zone), *(moment.timestamp() for moment in plan.publish.at)})
    without = round(len(moments) * plan.publish.share_without)
    rng = random.Random(f"{seed}:without")  # noqa: S311 - reproducible allocation, not a secret
    left_out = set(rng.sample(moments, without))
    return tuple(PlannedPublish(moment, moment not in left_out) for moment in moments)


def begin_wall_s(plan: HistoryPlan, zone: ZoneInfo) -> float:
    """When the history begins: local midnight of its first day."""
    return local_moment(plan.start, time(0), zone)


def end_wall_s(plan: HistoryPlan, zone: ZoneInfo) -> float:
    """When it ends: local midnight after its last day."""
    return local_moment(plan.start + timedelta(weeks=plan.weeks), time(0), zone)


def _weekly(plan: HistoryPlan, publish: PublishTimes, zone: ZoneInfo) -> Iterator[float]:
    begin_s, end_s = begin_wall_s(plan, zone), end_wall_s(plan, zone)
    for text in publish.weekly:
        yield from (moment for moment in weekly_moments(text, zone, begin_s, end_s) if begin_s <= moment < end_s)


def _weekdays(text: str) -> frozenset[int]:
    """The days of `mon-fri` or `sat`, Monday as 0. Raises ValueError for what is no such text."""
    named = text.split("-")
    if len(named) > 2 or not set(named) <= set(DAYS):
        raise ValueError(f"{text!r} is not a stretch of days such as mon-fri")
    begin, end = DAYS.index(named[0]), DAYS.index(named[-1])
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))
