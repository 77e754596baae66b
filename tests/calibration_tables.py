"""How often the verdict is wrong, counted on synthetic histories, as the tables of docs/verdict.md.

python -m tests.calibration_tables [innocent|dangerous|same-time|power|looks|all] [--runs 300] [--jobs 2]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import repeat

import numpy as np

from monitor.analysis.verdict.analyse import analyse
from monitor.analysis.verdict.case import prepare
from monitor.analysis.verdict.permutation import permute
from monitor.analysis.verdict.result import Result, Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence
from tests.histories.evidence import evidence_of, rules_of, until
from tests.histories.naive import against_the_day, same_clock_time
from tests.histories.plan import Weeks
from tests.histories.scenarios import DAILY_JOB, DANGEROUS, NOT_SEPARABLE, NULLS, drops_only, guilty

ALPHA = 0.05
BLAME = (Verdict.ASSOCIATED, Verdict.CAUSED)
WEEK_S = 7 * 86400.0
LOOKS = 26


def judged(plan: Weeks, seed: int) -> Result:
    """The verdict on one history."""
    return analyse(evidence_of(plan, seed), rules_of(plan))


def blames(found: Evidence, rules: Rules) -> bool:
    """Whether the publish is blamed. Where the test finds nothing, the rest, which takes long, is not asked for."""
    case = prepare(found, rules)
    if not case.strata or permute(case.strata, seed=rules.seed, leave_out=False).p_adjusted.min() > rules.alpha:
        return False
    return analyse(found, rules).verdict in BLAME


def blamed_by_turns(plan: Weeks, seed: int) -> bool:
    """Whether one history is blamed; three of four are files of drops alone."""
    return blames(evidence_of(drops_only(plan) if seed % 4 else plan, seed), rules_of(plan))


def blamed(plan: Weeks, seed: int) -> tuple[bool, bool, bool, bool]:
    """Whether one history's publish is blamed: by the verdict, by it from drops alone, by both naive comparisons."""
    found = evidence_of(plan, seed)
    verdicts = [blames(one, rules_of(plan)) for one in (found, replace(found, series={}))]
    return verdicts[0], verdicts[1], against_the_day(found, plan) <= ALPHA, same_clock_time(found, plan) <= ALPHA


def ever_blamed(plan: Weeks, seed: int) -> tuple[int | None, int | None, int | None]:
    """The look at which a history is first blamed that is looked at every week: provisional, final, naive."""
    found = evidence_of(plan, seed)
    assert found.span is not None
    first: list[int | None] = [None, None, None]
    for week in range(1, plan.weeks + 1):
        known = until(found, found.span[0] + week * WEEK_S)
        says = (
            blames(known, rules_of(plan, provisional=True)),
            blames(known, rules_of(plan)),
            same_clock_time(known, plan) <= ALPHA,
        )
        first = [week if before is None and now else before for before, now in zip(first, says, strict=True)]
    return first[0], first[1], first[2]


class Counter:
    """Runs histories side by side and counts."""

    def __init__(self, runs: int, jobs: int) -> None:
        self.runs = runs
        self._pool = ProcessPoolExecutor(jobs) if jobs > 1 else None

    def of(self, ask: Callable[[Weeks, int], object], plan: Weeks, runs: int | None = None) -> list[object]:
        """What is asked of each seed."""
        seeds = range(runs or self.runs)
        if self._pool is None:
            return [ask(plan, seed) for seed in seeds]
        return list(self._pool.map(ask, repeat(plan), seeds, chunksize=8))


def blame_table(count: Counter, plans: Mapping[str, Weeks]) -> Iterator[str]:
    """A row a scenario."""
    yield from _head("history", "blamed", "from drops alone", "Poisson, rest of the day", "Poisson, same clock time")
    rows = []
    for name, plan in plans.items():
        shares = np.mean(np.array(count.of(blamed, plan), dtype=float), axis=0)
        rows.append(shares)
        yield _row(name, *(_percent(share) for share in shares))
    yield _row("**all**", *(_percent(share) for share in np.mean(rows, axis=0)))


def power_table(count: Counter) -> Iterator[str]:
    """A row a number of weeks and clustering, a column a ratio."""
    ratios = (2.0, 3.0, 5.0, 8.0, 12.0)
    yield from _head("weeks", "drops", *(f"x{ratio:g}" for ratio in ratios))
    for clustered in (False, True):
        for weeks in (3, 4, 6, 8, 12, 26):
            plans = [guilty(weeks, ratio, clustered=clustered) for ratio in ratios]
            found = [np.mean(np.array(count.of(_found, plan), dtype=float)) for plan in plans]
            yield _row(str(weeks), "clustered" if clustered else "independent", *(_percent(float(x)) for x in found))


def looks_table(count: Counter) -> Iterator[str]:
    """Shares of innocent histories ever blamed by the 12th and the 26th weekly look."""
    yield from _head("history", "by week", "provisional", "final p, looked at weekly", "Poisson, same clock time")
    for name in ("null_flat", "null_daily_peak", "null_clustered"):
        plan = drops_only(_longer(NULLS[name]))
        firsts = count.of(ever_blamed, plan)
        for week in (12, LOOKS):
            shares = np.mean([[at is not None and at <= week for at in row] for row in firsts], axis=0)  # type: ignore[attr-defined]
            yield _row(name, str(week), *(_percent(float(share)) for share in shares))


def _found(plan: Weeks, seed: int) -> bool:
    return blames(evidence_of(plan, seed), rules_of(plan))


def _longer(plan: Weeks) -> Weeks:
    return Weeks(weeks=LOOKS, usual=plan.usual, job=plan.job)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def _head(*names: str) -> list[str]:
    return [_row(*names), _row(*("---" for _ in names))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


TABLES: dict[str, Callable[[Counter], Iterator[str]]] = {
    "innocent": partial(blame_table, plans=NULLS),
    "dangerous": partial(blame_table, plans=DANGEROUS),
    "same-time": partial(blame_table, plans={**NOT_SEPARABLE, "daily_job": DAILY_JOB}),
    "power": power_table,
    "looks": looks_table,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", default=["all"], choices=[*TABLES, "all"])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args(arguments)
    count = Counter(asked.runs, asked.jobs)
    for name, table in TABLES.items():
        if name in asked.table or "all" in asked.table:
            print(f"\n{name}, {asked.runs} histories a row\n")
            for line in table(count):
                print(line, flush=True)


if __name__ == "__main__":
    main()
