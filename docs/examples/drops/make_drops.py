"""Makes drops.csv and publishes.csv: invented drops of an invented centre, to try `analyze` on. No real data."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2026, 1, 5)  # noqa: DTZ001 - local time in Chicago, as an export has it
WEEKS, AGENTS, HOLIDAYS = 8, 150, ((1, 19), (2, 16))
DROPS_PER_AGENT_HOUR = 0.003
DAILY_PEAK = 2.0  # times as many drops from 10:00 to 10:30, on every day: no fault of the publish
DROPS_A_PUBLISH = 2.0  # on top, on average: the effect that is to be found
REASONS = ("Connection Lost", "Connection Lost", "ICE Candidate Gathering Failed", "Transport Failure")


def publishes(chance: random.Random) -> Iterator[tuple[datetime, datetime]]:
    """Tuesdays at ten, three to six minutes long."""
    for week in range(WEEKS):
        start = FIRST_DAY + timedelta(weeks=week, days=1, hours=10, seconds=chance.uniform(0, 40))
        yield start, start + timedelta(minutes=chance.uniform(3, 6))


def drops(chance: random.Random, runs: list[tuple[datetime, datetime]]) -> Iterator[datetime]:
    """Background from 8 to 18 on working days, a peak at ten, and the effect of each publish."""
    for day in (FIRST_DAY + timedelta(days=number) for number in range(WEEKS * 7)):
        if day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS:
            for second in range(8 * 3600, 18 * 3600, 10):
                busy = DAILY_PEAK if 36_000 <= second < 37_800 else 1.0
                if chance.random() < busy * AGENTS * DROPS_PER_AGENT_HOUR / 360:
                    yield day + timedelta(seconds=second + chance.uniform(0, 10))
    for start, end in runs:
        for _ in range(round(chance.gauss(DROPS_A_PUBLISH, 1))):
            yield start + (end - start) * chance.uniform(0.3, 1.5)


def main() -> None:
    """Write both files beside this one."""
    chance, here = random.Random(5), Path(__file__).parent  # noqa: S311 - invented drops
    runs = list(publishes(chance))
    rows = [
        (f"{at:%m/%d/%Y %I:%M:%S %p}", f"agent-{chance.randrange(AGENTS):03d}", chance.choice(REASONS))
        for at in sorted(drops(chance, runs))
    ]
    rows[7:7] = rows[6:7]  # an export that tells one drop twice
    with (here / "drops.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("Disconnect Time", "Agent Name", "Disconnect Reason"), *rows])
    with (here / "publishes.csv").open("w", newline="", encoding="utf-8") as file:
        written = [(f"{start:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}") for start, end in runs]
        csv.writer(file, lineterminator="\n").writerows([("start", "end"), *written])


if __name__ == "__main__":
    main()
