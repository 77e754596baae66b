"""Innocent weeks and guilty ones, by name: what a verdict is calibrated against, and what it must find."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from tests.histories.plan import Behaviour, Harm, Job, Weeks

TUESDAY: Final = 1
PEAK: Final = Behaviour(peak=3.0, day_sigma=0.25)
TUE_THU: Final = Job(weekly=((1, 10.0), (3, 10.0)))
DAILY: Final = Job(weekly=tuple((day, 10.0) for day in range(5)))
AUTUMN: Final = (date(2025, 11, 11), date(2025, 11, 27), date(2025, 12, 24), date(2025, 12, 25), date(2026, 1, 1))

NULLS: Final = {
    "null_flat": Weeks(),
    "null_daily_peak": Weeks(usual=PEAK),
    "null_weekday_peak": Weeks(usual=replace(PEAK, weekday=((TUESDAY, 1.5),))),
    "null_clustered": Weeks(usual=Behaviour(burst=0.3, day_sigma=0.4, bad_slots_sigma=0.4)),
    "null_trend": Weeks(usual=replace(PEAK, growth=1.2)),
    "null_holidays": Weeks(weeks=10, start=date(2025, 11, 3), usual=replace(PEAK, holiday=0.1), days_off=AUTUMN),
}

DANGEROUS: Final = {
    "outages": Weeks(usual=Behaviour(per_hour=1.0, outages=1.0)),
    "rare_outages": Weeks(usual=Behaviour(per_hour=0.3, outages=0.3)),
    "big_bursts": Weeks(usual=Behaviour(per_hour=3.0, burst=0.6, burst_agents=12.0, bad_slots_sigma=0.8)),
    "bad_quarters": Weeks(usual=replace(PEAK, bad_slots_sigma=1.0)),
    "bad_days": Weeks(usual=replace(PEAK, day_sigma=0.8, day_memory=0.7)),
    "peak_drifts": Weeks(usual=replace(PEAK, peak=5.0, peak_drift_h=1.5)),
    "peak_height_varies": Weeks(usual=replace(PEAK, peak=4.0, peak_sigma=0.8)),
    "narrow_peak": Weeks(usual=replace(PEAK, peak=8.0, peak_width_h=0.15)),
    "narrow_peak_busy_tuesday": Weeks(usual=replace(PEAK, peak=8.0, peak_width_h=0.15, weekday=((TUESDAY, 1.5),))),
    "narrow_peak_busy": Weeks(
        usual=replace(PEAK, per_hour=8.0, peak=8.0, peak_width_h=0.15, weekday=((TUESDAY, 2.0),))
    ),
    "sparse_busy_tuesday": Weeks(usual=replace(PEAK, per_hour=0.5, weekday=((TUESDAY, 2.5),))),
    "alternating_weeks": Weeks(usual=replace(PEAK, alternate=3.0)),
    "sparse": Weeks(usual=Behaviour(per_hour=0.2)),
    "very_sparse": Weeks(usual=Behaviour(per_hour=0.05)),
    "busy": Weeks(usual=Behaviour(per_hour=40.0, peak=3.0, day_sigma=0.3, bad_slots_sigma=0.3)),
    "to_the_minute": Weeks(usual=replace(PEAK, grid_s=60.0)),
    "to_ten_minutes": Weeks(usual=replace(PEAK, grid_s=600.0)),
    "steep_trend": Weeks(usual=replace(PEAK, growth=1.6)),
    "falling_trend": Weeks(usual=replace(PEAK, growth=0.6)),
    "busy_tuesday": Weeks(usual=replace(PEAK, weekday=((TUESDAY, 2.5),))),
    "busy_monday": Weeks(usual=replace(PEAK, weekday=((0, 3.0),))),
    "one_site_has_most": Weeks(sites=(("chicago", 0.95), ("dallas", 0.05)), usual=replace(PEAK, burst=0.3)),
    "six_sites": Weeks(sites=tuple((f"site-{n}", 1 / 6) for n in range(6)), usual=replace(PEAK, burst=0.2)),
    "holidays_not_told": replace(NULLS["null_holidays"], told=False),
    "gaps": Weeks(usual=PEAK, gaps=2.0),
    "weekend_work": Weeks(days=(0, 1, 2, 3, 4, 5, 6), usual=replace(PEAK, weekday=((5, 0.2), (6, 0.1)))),
    "seven_minutes_early": Weeks(usual=replace(PEAK, peak=6.0), job=Job(skew_s=-420.0)),
    "first_hour": Weeks(usual=replace(PEAK, peak=4.0, peak_hour=8.1), job=Job(weekly=((1, 8.0),))),
    "last_hour": Weeks(usual=replace(PEAK, peak=4.0, peak_hour=17.9), job=Job(weekly=((1, 17.75),))),
    "long_windows": Weeks(usual=PEAK, job=Job(minutes=90.0)),
    "short_windows": Weeks(usual=replace(PEAK, per_hour=10.0), job=Job(minutes=1.0)),
    "three_weeks": Weeks(weeks=3, usual=replace(PEAK, burst=0.3)),
    "four_weeks": Weeks(weeks=4, usual=replace(PEAK, burst=0.3)),
    "twelve_weeks": Weeks(weeks=12, usual=replace(PEAK, burst=0.3)),
    "half_year": Weeks(weeks=26, usual=replace(PEAK, burst=0.3), sample_s=600.0),
    "missed_weeks": Weeks(weeks=8, usual=replace(PEAK, burst=0.3), job=Job(missed=0.3)),
    "twice_a_week": Weeks(usual=replace(PEAK, burst=0.3), job=TUE_THU),
    "twice_a_week_busy": Weeks(usual=replace(PEAK, weekday=((1, 1.5), (3, 1.3))), job=TUE_THU),
    "tuesdays_twice": Weeks(usual=replace(PEAK, burst=0.3), job=Job(weekly=((1, 10.0), (1, 14.0)))),
    "irregular": Weeks(weeks=8, usual=replace(PEAK, burst=0.3), job=Job(at_random=1)),
    "on_demand": Weeks(weeks=8, usual=replace(PEAK, burst=0.3), job=Job(at_random=3)),
    "blocks": Weeks(weeks=8, usual=replace(PEAK, burst=0.3), job=Job(blocks=True)),
    "blocks_bad_days": Weeks(weeks=8, usual=replace(PEAK, day_sigma=0.8, bad_slots_sigma=0.8), job=Job(blocks=True)),
    "dst": Weeks(start=date(2026, 2, 16), usual=PEAK),
}

# What happens on the job's own days at its own time cannot be told from the job: `not_separable` says so.
NOT_SEPARABLE: Final = {
    "tuesday_peak": Weeks(usual=replace(PEAK, peak=4.0, peak_days=((0, 0.0), (2, 0.0), (3, 0.0), (4, 0.0)))),
    "higher_tuesday_peak": Weeks(usual=replace(PEAK, peak=3.0, peak_days=((TUESDAY, 2.0),))),
    "run_in_trouble": Weeks(weeks=8, usual=replace(PEAK, burst=0.3), job=Job(at_random=2, in_trouble=0.5)),
}

DAILY_JOB: Final = Weeks(usual=PEAK, job=DAILY)


def drops_only(plan: Weeks) -> Weeks:
    """The same history without a monitor: a file of real drops."""
    return replace(plan, sample_s=0.0)


def guilty(weeks: int, ratio: float, *, clustered: bool, per_hour: float = 2.0) -> Weeks:
    """A publish that multiplies the rate of drops, at a daily peak of its own. clustered: drops come as incidents."""
    usual = replace(PEAK, per_hour=per_hour, burst=0.3 if clustered else 0.0, bad_slots_sigma=0.3 if clustered else 0.0)
    return Weeks(weeks=weeks, usual=usual, harm=Harm(ratio=ratio, burst=0.3 if clustered else 0.0), sample_s=0.0)
