"""What an experiment's outcomes say: a table of arms, who is blamed, which way of publishing harms least; pure."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.analysis.experiment.arms import Difference, Estimate, differences, estimate, paired

NONE = "none"  # the arm in which nothing is published
LIVE = "live"
ALPHA = 0.05
LATENCY_FLOOR = 1.10  # a slower ping is called harm from this ratio on: less is nothing an agent could notice
USABLE = ("ok", "failed")
ONLY_LIVE = "there are live blocks only, which are tested with nothing: no difference can be established"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing measured in every block. unit: `s` for seconds, empty for a count."""

    name: str
    title: str
    unit: str


MEASURES: tuple[Measure, ...] = (
    Measure("publish_s", "publish takes", "s"),
    Measure("calls", "API calls", ""),
    Measure("limited", "429s", ""),
    Measure("retry_after_s", "Retry-After waited, over requests", "s"),
    Measure("stalled_s", "publish stood still", "s"),
    Measure("api_p50_s", "API latency p50", "s"),
    Measure("api_p95_s", "API latency p95", "s"),
    Measure("failed_writes", "writes left undone", ""),
    Measure("ping_p95_s", "ping RTT p95", "s"),
    Measure("ping_max_s", "ping RTT max", "s"),
    Measure("pings_missed", "pings missed", ""),
    Measure("ice_p95_s", "ICE-server fetch p95", "s"),
    Measure("ice_max_s", "ICE-server fetch max", "s"),
    Measure("ice_timeouts", "ICE-server fetches timed out", ""),
    Measure("gatherings_bad", "gatherings not ok", ""),
    Measure("drops", "drops", ""),
    Measure("offline_s", "agents offline, together", "s"),
    Measure("backlog_s", "signalling backlog max", "s"),
)
HARMS = ("drops", "pings_missed", "ping_p95_s")  # by these an arm is blamed, in this order of gravity
GRAVE = HARMS[:2]  # connections lost or about to be; the rest is waiting


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one block showed.

    state: `ok`, `failed` (the publish ended so), or `aborted` / `missed`: such a block compares nothing. values: by
    measure name; what was not measured has none. A latency is of answered attempts only; the others are counted.
    """

    block: int
    replicate: int
    mode: str
    arm: str
    state: str
    values: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm: how many blocks count, how many do not, and the mean of each measure with its interval."""

    arm: str
    blocks: int
    unusable: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which way of publishing harms least, and how sure that is.

    baseline: what the arms are blamed against: `none`, or without such an arm the least harmful one. blamed: arm -> the
    harms in which it is established to be worse than that. worse: the same against `least`; unsettled: publishing arms
    for which no difference from `least` is established. undone: arms that left writes undone or failed -> mean writes
    left; these are not recommended while another arm finished. quickest: among least and unsettled ones.
    """

    least: str | None
    baseline: str | None
    blamed: Mapping[str, tuple[Difference, ...]]
    worse: Mapping[str, tuple[Difference, ...]]
    unsettled: tuple[str, ...]
    undone: Mapping[str, float]
    quickest: str | None


@dataclass(frozen=True, slots=True)
class ArmsReport:
    """Everything there is to print. differences: (arm, measure) against the reference; live: rows that are untested."""

    reference: str
    alpha: float
    rows: tuple[ArmRow, ...]
    live: tuple[ArmRow, ...]
    differences: Mapping[tuple[str, str], Difference]
    recommendation: Recommendation
    warnings: tuple[str, ...]


def report_on(
    outcomes: Sequence[Outcome], arms: Sequence[str], reference: str, *, seed: int = 0, alpha: float = ALPHA
) -> ArmsReport:
    """Compare the arms over their randomised blocks: virtual or real ones; live ones are shown beside them.

    arms: in the order of the table. Raises ValueError for an unknown reference.
    """
    if reference not in arms:
        raise ValueError(f"reference {reference!r} is not one of {', '.join(arms)}")
    tested = [outcome for outcome in outcomes if outcome.mode != LIVE]
    tables = _tables(outcome for outcome in tested if outcome.state in USABLE)
    against = differences({name: tables[name] for name in HARMS if name in tables}, reference, arms, seed=seed)
    return ArmsReport(
        reference=reference,
        alpha=alpha,
        rows=_rows(tested, arms, seed),
        live=_rows([outcome for outcome in outcomes if outcome.mode == LIVE], arms, seed),
        differences=against,
        recommendation=_recommend(tested, tables, arms, seed, alpha),
        warnings=tuple(_warnings(tested, arms, against.values(), alpha)) if tested or not outcomes else (ONLY_LIVE,),
    )


_Tables = dict[str, dict[str, dict[Hashable, float]]]


def _tables(outcomes: Iterable[Outcome]) -> _Tables:
    """Measure -> arm -> replicate -> value."""
    tables: _Tables = {}
    for outcome in outcomes:
        for name, value in outcome.values.items():
            tables.setdefault(name, {}).setdefault(outcome.arm, {})[outcome.mode, outcome.replicate] = value
    return tables


def _rows(outcomes: Sequence[Outcome], arms: Sequence[str], seed: int) -> tuple[ArmRow, ...]:
    tables = _tables(outcome for outcome in outcomes if outcome.state in USABLE)
    rows = []
    for arm in arms:
        states = [outcome.state in USABLE for outcome in outcomes if outcome.arm == arm]
        found = {m.name: estimate([*tables.get(m.name, {}).get(arm, {}).values()], seed=seed) for m in MEASURES}
        measured = {name: value for name, value in found.items() if value is not None}
        rows.append(ArmRow(arm, sum(states), len(states) - sum(states), measured))
    return tuple(row for row in rows if row.blocks + row.unusable)


def _recommend(
    outcomes: Sequence[Outcome], tables: _Tables, arms: Sequence[str], seed: int, alpha: float
) -> Recommendation:
    publishing = [arm for arm in arms if arm != NONE and any(arm in table for table in tables.values())]
    undone = dict(_undone(outcomes, publishing))
    able = [arm for arm in publishing if arm not in undone] or publishing
    least = min(able, key=lambda arm: _harm(tables, arm), default=None)
    worse = _established(tables, least, publishing, seed, alpha) if least else {}
    unsettled = tuple(arm for arm in publishing if arm not in worse and arm != least)
    baseline = NONE if NONE in tables.get(HARMS[0], {}) else least
    blamed = _established(tables, NONE, publishing, seed, alpha) if baseline == NONE else worse
    equals = [arm for arm in able if arm == least or arm in unsettled]
    quickest = min(equals, key=lambda arm: _mean(tables, "publish_s", arm), default=None)
    return Recommendation(least, baseline, blamed, worse, unsettled, undone, quickest)


def _undone(outcomes: Sequence[Outcome], arms: Sequence[str]) -> Iterable[tuple[str, float]]:
    """Arms that did not do all of what they were to do."""
    for arm in arms:
        blocks = [outcome for outcome in outcomes if outcome.arm == arm and outcome.state in USABLE]
        left = [outcome.values.get("failed_writes", 0.0) for outcome in blocks]
        if any(left) or any(outcome.state == "failed" for outcome in blocks):
            yield arm, statistics.fmean(left)


def _harm(tables: _Tables, arm: str) -> tuple[float, ...]:
    """What arms are ranked by: the harms in order, latencies to the millisecond, and then how long publishing takes."""
    harms = [round(_mean(tables, name, arm), 3) for name in HARMS]
    return (*harms, _mean(tables, "publish_s", arm))


def _mean(tables: _Tables, measure: str, arm: str) -> float:
    values = tables.get(measure, {}).get(arm)
    return statistics.fmean(values.values()) if values else float("inf")


def _established(
    tables: _Tables, other: str, arms: Sequence[str], seed: int, alpha: float
) -> dict[str, tuple[Difference, ...]]:
    """The arms that are worse than `other` beyond chance and, for a latency, beyond the floor; and in what."""
    compared = differences({name: tables[name] for name in HARMS if name in tables}, other, arms, seed=seed)
    found: dict[str, tuple[Difference, ...]] = {}
    for (arm, measure), difference in compared.items():
        if _is_harm(difference, tables[measure], seed, alpha):
            found[arm] = (*found.get(arm, ()), difference)
    return found


def _is_harm(difference: Difference, table: Mapping[str, dict[Hashable, float]], seed: int, alpha: float) -> bool:
    if difference.mean is None or difference.mean <= 0 or difference.p_adjusted > alpha:
        return False
    if not difference.measure.endswith("_s"):
        return True
    base = {replicate: LATENCY_FLOOR * value for replicate, value in table[difference.other].items()}
    beyond = estimate(paired(table[difference.arm], base), seed=seed)
    return beyond is not None and beyond.low is not None and beyond.low > 0


def _warnings(
    outcomes: Sequence[Outcome], arms: Sequence[str], against: Iterable[Difference], alpha: float
) -> Iterable[str]:
    compared = list(against)
    fewest = min((difference.n for difference in compared), default=0)
    if not any(difference.least_p * len(compared) <= alpha for difference in compared):
        yield (
            f"{fewest} complete replicates in {len(compared)} comparisons: whatever they show, "
            f"no difference can be established at {alpha}"
        )
    for arm in arms:
        lost = [outcome for outcome in outcomes if outcome.arm == arm and outcome.state not in USABLE]
        if lost:
            yield f"{arm}: {len(lost)} blocks {' and '.join(sorted({o.state for o in lost}))}; they compare nothing"
        if not any(outcome.arm == arm for outcome in outcomes):
            yield f"{arm}: no block of it has been run"
