"""How many synthetic softphones, and how many weeks, show what a weekly publish does: the tables of docs/placement.md.

Run: python -m tests.dashboards.remote_write.peers drops
     python -m tests.dashboards.remote_write.peers pings    (histories are judged: minutes)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from monitor.analysis.verdict.power import weeks_needed
from tests.calibration_tables import blames
from tests.histories.evidence import evidence_of, rules_of
from tests.histories.plan import Behaviour, Harm, Weeks

ALPHA = 0.05
WINDOW_H = 0.25  # ten minutes of publish and five of tail
ADJACENT_H = 4.0  # the hours beside it, with which the verdict compares
CONTROL_DAYS = 400
# Drops for each softphone and hour: the check's WARNING, a bad centre, and the one that docs/verdict.md counts with.
RATES = (0.2, 0.05, 2 / 150)
PEERS = (1, 3, 10, 30, 150, 1000)
WEEKS = (3, 4, 6, 8)
FACTORS = (1.1, 1.2, 1.5, 2.0, 3.0)
HISTORIES = 50


def weeks_by_drops(peers: int, rate: float, seed: int = 1) -> dict[str, int | None]:
    """Weeks of a Tuesday job until its drops are found, going by the drops of so many softphones alone."""
    rng = np.random.default_rng(seed)
    mean = peers * rate * WINDOW_H
    inside = rng.poisson(mean, CONTROL_DAYS).astype(np.float64)
    expected = rng.poisson(mean * ADJACENT_H / WINDOW_H, CONTROL_DAYS) * WINDOW_H / ADJACENT_H
    return weeks_needed(inside, expected, 1.0, places=5, per_week=1, alpha=ALPHA)


def drops_table() -> Iterator[str]:
    """A row a number of softphones, two columns a rate."""
    heads = [f"{rate:.2g} an hour, {ratio}" for rate in RATES for ratio in ("x3", "x10")]
    yield f"| softphones | {' | '.join(heads)} |"
    yield f"|{' --- |' * (len(heads) + 1)}"
    for peers in PEERS:
        found = [weeks for rate in RATES for weeks in weeks_by_drops(peers, rate).values()]
        yield f"| {peers} | {' | '.join('over 104' if one is None else str(one) for one in found)} |"


def found_by_pings(weeks: int, factor: float, every_s: float) -> float:
    """Share of histories in which slower pings are found, with one site and next to no drops."""
    plan = Weeks(
        weeks=weeks,
        sites=(("chicago", 1.0),),
        usual=Behaviour(per_hour=0.01),
        harm=Harm(ping=factor),
        sample_s=every_s,
    )
    return float(np.mean([blames(evidence_of(plan, seed), rules_of(plan)) for seed in range(HISTORIES)]))


def pings_table(every_s: float = 15.0) -> Iterator[str]:
    """A row a number of weeks, a column a factor."""
    yield f"| weeks | {' | '.join(f'x{factor:g}' for factor in FACTORS)} |"
    yield f"|{' --- |' * (len(FACTORS) + 1)}"
    for weeks in WEEKS:
        shares = (found_by_pings(weeks, factor, every_s) for factor in FACTORS)
        yield f"| {weeks} | {' | '.join(f'{100 * share:.0f} %' for share in shares)} |"


if __name__ == "__main__":
    for line in drops_table() if sys.argv[1:2] == ["drops"] else pings_table():
        print(line, flush=True)
