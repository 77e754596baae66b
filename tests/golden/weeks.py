"""The golden folders that no scenario of the simulator makes: weeks with a known truth, mornings only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from tests.histories.plan import Behaviour, Harm, Job, Weeks
from tests.histories.scenarios import DAILY, NULLS, PEAK

MORNINGS: Final = (8.0, 13.0)
SEED: Final = 11
SEEDS: Final = {"monitor_gap": 10}  # one in which a whole publish falls into a gap


def mornings(plan: Weeks) -> Weeks:
    """The same weeks from eight to one, which is what makes a file of a hundred kilobytes."""
    return replace(plan, hours=MORNINGS, sample_s=300.0)


GUILTY: Final = Weeks(usual=PEAK, harm=Harm(ratio=12.0, ping=3.0, fetch=4.0))

SYNTHETIC: Final = {
    name: (mornings(plan), SEEDS.get(name, SEED))
    for name, plan in {
        **NULLS,
        "daily_job_at_ten": Weeks(usual=PEAK, job=DAILY, harm=Harm(ratio=12.0, ping=3.0)),
        "one_bad_tuesday": Weeks(usual=PEAK, harm=Harm(ratio=60.0, ping=6.0, fetch=8.0, only_run=2)),
        "effect_one_site": replace(GUILTY, harm=replace(GUILTY.harm, sites=("dallas",))),
        "effect_dst_weeks": replace(GUILTY, start=date(2026, 2, 16)),
        "one_week_only": replace(GUILTY, weeks=1),
        "clock_skew": replace(GUILTY, job=Job(skew_s=240.0)),
        "monitor_gap": replace(GUILTY, weeks=8, usual=Behaviour(peak=3.0, per_hour=2.0), gaps=1.5),
    }.items()
}
