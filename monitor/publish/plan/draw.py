"""A plan's blocks: arms dealt by the seed over replicates, or over weeks, weekdays and times of day; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from monitor.publish.plan.blocks import draw_replicates
from monitor.publish.plan.model import LARGEST_SEED, LIVE, MOST_BLOCKS, REAL, VIRTUAL, Step
from monitor.publish.plan.times import Slot, days_of, moment_of, when_text

MOST_WEEKS = 520
MOST_WEEKS_AHEAD = 52
LAST_YEAR = 2100


def simulated_steps(seed: int, arms: Sequence[str], virtual: int, live: int) -> tuple[Step, ...]:
    """So many replicates in virtual time, then so many live ones; each replicate has a platform seed of its own.

    Raises ValueError, one line, for counts and arms that make no sense.
    """
    _refuse_seed(seed)
    for name, count in (("virtual", virtual), ("live", live)):
        if count < 0:
            raise ValueError(f"{count} {name} replicates: 0 or more are needed")
    if virtual + live == 0:
        raise ValueError("no replicates: at least one, virtual or live, is needed")
    _refuse_too_many((virtual + live) * len(arms))
    steps: list[Step] = []
    for mode, count in ((VIRTUAL, virtual), (LIVE, live)):
        for number, order in enumerate(draw_replicates(seed, arms, count, mode) if count else (), start=1):
            platform_seed = seed * 1000 + number
            for arm in order:
                steps.append(Step(block=len(steps) + 1, replicate=number, mode=mode, arm=arm, seed=platform_seed))
    return tuple(steps)


def weekly_steps(
    seed: int, arms: Sequence[str], slots: Sequence[Slot], first: date, weeks: int, zone: ZoneInfo, *, ahead_weeks: int
) -> tuple[Step, ...]:
    """One block at each slot of each week: at every weekday and time every arm comes equally often.

    ahead_weeks: how many weeks after the publish the published schedule's week lies (0: the same week). Raises
    ValueError, one line: weeks that are no multiple of the arms, a slot named twice, a local time that does not exist.
    """
    _refuse_seed(seed)
    if not slots:
        raise ValueError("no slot: at least one weekday and time such as 'tue 10:00' is needed")
    if twice := [slot for slot in slots if list(slots).count(slot) > 1]:
        raise ValueError(f"slot {twice[0]} is named twice")
    if not 1 <= weeks <= MOST_WEEKS or weeks % len(arms):
        raise ValueError(
            f"{weeks} weeks: a multiple of the {len(arms)} arms up to {MOST_WEEKS} is needed, "
            "so that each arm comes equally often"
        )
    if not 0 <= ahead_weeks <= MOST_WEEKS_AHEAD:
        raise ValueError(f"{ahead_weeks} weeks ahead: a number from 0 to {MOST_WEEKS_AHEAD} is needed")
    if first.year >= LAST_YEAR:
        raise ValueError(f"first day {first}: one before {LAST_YEAR} is needed")
    _refuse_too_many(weeks * len(slots))
    rows: list[tuple[float, date, Slot, int, str]] = []
    groups = weeks // len(arms)
    for index, slot in enumerate(slots):
        order = [arm for replicate in draw_replicates(seed, arms, groups, str(slot)) for arm in replicate]
        for week, (day, arm) in enumerate(zip(days_of(slot, first, weeks), order, strict=True)):
            replicate = index * groups + week // len(arms) + 1
            rows.append((_moment(slot, day, zone), day, slot, replicate, arm))
    return tuple(
        Step(
            block=number,
            replicate=replicate,
            mode=REAL,
            arm=arm,
            when=when_text(day, slot.at),
            week=(day - timedelta(days=day.weekday()) + timedelta(weeks=ahead_weeks)).isoformat(),
        )
        for number, (_, day, slot, replicate, arm) in enumerate(sorted(rows, key=lambda row: row[0]), start=1)
    )


def _moment(slot: Slot, day: date, zone: ZoneInfo) -> float:
    try:
        return moment_of(day, slot.at, zone).wall_s
    except ValueError as error:
        raise ValueError(f"slot {slot}: {error}") from None


def _refuse_seed(seed: int) -> None:
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed {seed}: a number from 0 to {LARGEST_SEED} is needed")


def _refuse_too_many(blocks: int) -> None:
    if blocks > MOST_BLOCKS:
        raise ValueError(f"{blocks} blocks: at most {MOST_BLOCKS} are possible")
