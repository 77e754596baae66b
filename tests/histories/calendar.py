"""The local calendar of a synthetic history: the working days in Unix seconds, and when the job runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Window
from tests.histories.plan import CHICAGO, Weeks

Floats = NDArray[np.float64]
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Days:
    """Working days as columns: local midnight in Unix seconds (as if the day had no DST change), week, weekday, off."""

    midnight_s: Floats
    begin_s: Floats
    week: NDArray[np.int64]
    weekday: NDArray[np.int64]
    off: NDArray[np.bool_]


def days_of(plan: Weeks) -> Days:
    """The working days of a plan, in order."""
    return _days(plan.start, plan.weeks, plan.days, plan.hours[0], plan.days_off)


@lru_cache(maxsize=256)
def _days(start: date, weeks: int, weekdays: tuple[int, ...], begin_hour: float, off: tuple[date, ...]) -> Days:
    all_days = [start + timedelta(days=n) for n in range(7 * weeks)]
    chosen = [(n // 7, day) for n, day in enumerate(all_days) if day.weekday() in weekdays]
    begin = np.array([_local_s(day, begin_hour) for _, day in chosen])
    return Days(
        begin - begin_hour * HOUR_S,
        begin,
        np.array([week for week, _ in chosen]),
        np.array([day.weekday() for _, day in chosen]),
        np.array([day in off for _, day in chosen]),
    )


def span_of(plan: Weeks) -> tuple[float, float]:
    """From the first local midnight to the last."""
    return _local_s(plan.start, 0.0), _local_s(plan.start + timedelta(days=7 * plan.weeks), 0.0)


def windows_of(plan: Weeks, days: Days, busy_s: Floats, rng: np.random.Generator) -> list[Window]:
    """Every run, as its marker tells it. busy_s: moments of incidents, for runs that somebody starts in trouble."""
    job = plan.job
    if job.blocks:
        return _blocks(plan, days, rng)
    starts = _at_random(plan, days, busy_s, rng) if job.at_random else _weekly(plan, days)
    kept = [start_s for start_s in starts if not job.missed or rng.random() >= job.missed]
    return [_window(start_s, plan, n) for n, start_s in enumerate(kept)]


def _weekly(plan: Weeks, days: Days) -> list[float]:
    chosen = zip(days.midnight_s, days.weekday, days.off, strict=True)
    return [
        float(midnight_s) + hour * HOUR_S
        for midnight_s, weekday, off in chosen
        for at, hour in plan.job.weekly
        if weekday == at and not off
    ]


def _at_random(plan: Weeks, days: Days, busy_s: Floats, rng: np.random.Generator) -> list[float]:
    starts: list[float] = []
    for week in range(plan.weeks):
        here = np.flatnonzero((days.week == week) & ~days.off)
        for _ in range(plan.job.at_random):
            start_s = days.midnight_s[rng.choice(here)] + rng.uniform(plan.hours[0] + 0.5, plan.hours[1] - 0.5) * HOUR_S
            lately = busy_s[(busy_s > days.begin_s[here[0]]) & (busy_s < days.begin_s[here[-1]])]
            if len(lately) and rng.random() < plan.job.in_trouble:
                start_s = rng.choice(lately) + rng.uniform(0.0, 240.0)
            starts.append(float(start_s))
    return sorted(starts)


def _blocks(plan: Weeks, days: Days, rng: np.random.Generator) -> list[Window]:
    rows: list[Window] = []
    for week in range(plan.weeks):
        here = np.flatnonzero((days.week == week) & ~days.off)
        pair = rng.permutation(here)[:2]
        arms = rng.permutation(["publish", "none"])
        for day, arm in zip(pair, arms, strict=True):
            start_s = float(days.midnight_s[day]) + plan.job.weekly[0][1] * HOUR_S
            end_s = start_s + plan.job.minutes * 60.0
            name = f"w{week}-{arm}"
            rows.append(
                Window(
                    start_s=start_s,
                    end_s=end_s,
                    job="weekly",
                    run_id=name,
                    arm=str(arm),
                    block=f"w{week}",
                    randomised=True,
                )
            )
    return sorted(rows, key=lambda row: row.start_s)


def _window(start_s: float, plan: Weeks, number: int) -> Window:
    told_s = start_s + plan.job.skew_s
    return Window(start_s=told_s, end_s=told_s + plan.job.minutes * 60.0, job="weekly", run_id=f"run-{number:03d}")


def _local_s(day: date, hour: float) -> float:
    minutes = round(hour * 60)
    return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=CHICAGO).timestamp()
