"""The verdict of a randomised block experiment: did the publish load slow the softphone's signalling down?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.analysis.experiment.blocks import (
    NONE,
    PUBLISH,
    Block,
    BlockRow,
    Cell,
    Drop,
    Sample,
    Table,
    Timeout,
    tabulate,
)
from monitor.analysis.experiment.rerandomisation import Tested, assignment_count, rerandomise
from monitor.analysis.verdict.result import Verdict

PRIMARY_SIGNALS = ("ws_rtt_seconds", "ice_servers_seconds")
LAG_SIGNAL = "loop_lag_seconds"
HARM_FLOOR = 1.10  # a smaller slow-down is not called harm: contention on one machine alone makes as much
MARGIN = 2.0
ALPHA = 0.05
LEVEL = 0.95
SUSPECT_LIMIT = 0.5  # more than this share of an arm's samples left out: the rest is not to be trusted either
LAG_LIMIT = 0.25  # own lag that rose by more than this share of the slow-down may be its cause
FEW_SAMPLES = 5
BEYOND_MEASURED = 2.0  # a block whose median is a timeout ranks as this many times the largest latency measured


@dataclass(frozen=True, slots=True)
class Rules:
    """The figures that the verdict goes by. harm_floor and margin are ratios of latencies."""

    alpha: float = ALPHA
    harm_floor: float = HARM_FLOOR
    margin: float = MARGIN
    suspect_limit: float = SUSPECT_LIMIT
    lag_limit: float = LAG_LIMIT
    seed: int = 0  # for the draws that stand for all arrangements when these are too many


@dataclass(frozen=True, slots=True)
class SignalResult:
    """One primary signal.

    publish_s, none_s: geometric mean of the arm's block medians. ratio: publish over none with its 95 % limits. All are
    None where a block's median lies among its timeouts, the limits also where the design is too small for them.
    p_value: adjusted for the number of signals; p_single: alone. p_left_out: the largest adjusted p-value with any one
    publish block left out, None where that cannot be. blocks_in_excess: publish blocks over the none arm's mean by more
    than the harm floor.
    """

    signal: str
    publish_s: float | None
    none_s: float | None
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float
    p_single: float
    p_left_out: float | None
    blocks_in_excess: int


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """Everything there is to print.

    p_value: the smallest adjusted one, None when nothing could be tested. assignments: how many arrangements of the
    arms were compared, all of them when exact. drops: per arm, shown and never tested. vetoes: why blame was withheld.
    """

    verdict: Verdict
    p_value: float | None
    rules: Rules
    assignments: int
    exact: bool
    signals: tuple[SignalResult, ...]
    blocks: tuple[BlockRow, ...]
    drops: dict[str, int]
    drops_elsewhere: int
    warnings: tuple[str, ...]
    vetoes: tuple[str, ...]
    not_separable: tuple[str, ...]
    method: str


NOT_SEPARABLE = (
    "the API load itself and anything else that was switched on and off together with it",
    "load on the platform and load on the machine or network that it shares with this monitor, "
    "beyond what the harm floor and the own-lag check allow for",
)


def judge(
    blocks: Sequence[Block],
    samples: Mapping[str, Sequence[Sample]],
    timeouts: Mapping[str, Sequence[Timeout]],
    drops: Sequence[Drop] = (),
    *,
    signals: Sequence[str] = PRIMARY_SIGNALS,
    rules: Rules = Rules(),
) -> ExperimentResult:
    """The verdict on blocks whose arms chance has dealt, half and half.

    samples and timeouts: per signal, in seconds; LAG_SIGNAL among the samples lets own lag veto. Raises ValueError for
    blocks that overlap, end before they start, or have an unknown arm.
    """
    table = tabulate(blocks, samples, timeouts, drops, [*signals, LAG_SIGNAL])
    treated = [row.block.arm == PUBLISH for row in table.rows]
    reasons = tuple(_insufficient(table, treated, signals, rules))
    if reasons:
        return _result(table, signals, rules, Verdict.INSUFFICIENT_DATA, warnings=reasons)
    outcomes = [_outcome([row.cells[signal] for row in table.rows]) for signal in signals]
    floor = math.log(rules.harm_floor)
    tested = rerandomise(treated, outcomes, floor=floor, level=LEVEL, seed=rules.seed)
    left_out = _left_out(treated, outcomes, floor, rules.seed)
    results = tuple(
        _signal_result(signal, table, treated, outcomes[i], (tested, i), [t.p_adjusted[i] for t in left_out], floor)
        for i, signal in enumerate(signals)
    )
    untrusted = tuple(_suspects(table, signals, rules))
    lagging = dict(_own_lag(table, results, rules))
    verdict = _verdict(results, bool(untrusted), lagging.keys(), rules)
    warnings = tuple(_warnings(table, signals))
    return _result(table, signals, rules, verdict, tested, results, warnings, (*untrusted, *lagging.values()))


def _insufficient(table: Table, treated: Sequence[bool], signals: Sequence[str], rules: Rules) -> Iterator[str]:
    publish, total = sum(treated), len(treated)
    if publish < 2 or total - publish < 2:
        yield f"{publish} publish and {total - publish} other blocks: at least two of each are needed"
    elif 1 / assignment_count(total, publish) > rules.alpha:
        ways = assignment_count(total, publish)
        yield f"{total} blocks can be dealt in {ways} ways only: p <= {rules.alpha} is out of reach"
    elif 1 / assignment_count(total - 1, publish - 1) > 2 * rules.alpha:
        yield f"with one of {total} blocks left out p <= {2 * rules.alpha} is out of reach"
    for signal in signals:
        empty = [str(row.block.index) for row in table.rows if row.cells[signal].empty]
        if empty:
            yield f"{signal}: nothing measured in block {', '.join(empty)}"


def _outcome(cells: Sequence[Cell]) -> list[float]:
    """Log of each block's median. A median among timeouts ranks above every latency measured, without being one."""
    measured = [cell.median_s for cell in cells if cell.median_s is not None]
    beyond_s = BEYOND_MEASURED * max(measured, default=1.0)
    return [math.log(beyond_s if cell.median_s is None else cell.median_s) for cell in cells]


def _left_out(treated: Sequence[bool], outcomes: Sequence[Sequence[float]], floor: float, seed: int) -> list[Tested]:
    """The test again, once without each publish block.

    With one signal and even arms p can at most double by this, so the rule bites where several are tested together.
    """
    tests = []
    for out in (index for index, is_treated in enumerate(treated) if is_treated):
        keep = [index for index in range(len(treated)) if index != out]
        rest = [[outcome[index] for index in keep] for outcome in outcomes]
        tests.append(rerandomise([treated[index] for index in keep], rest, floor=floor, seed=seed))
    return tests


def _signal_result(
    signal: str,
    table: Table,
    treated: Sequence[bool],
    outcome: Sequence[float],
    of: tuple[Tested, int],
    left_out: Sequence[float],
    floor: float,
) -> SignalResult:
    tested, index = of
    publish = [value for value, is_treated in zip(outcome, treated, strict=True) if is_treated]
    none = [value for value, is_treated in zip(outcome, treated, strict=True) if not is_treated]
    measured = not any(row.cells[signal].censored for row in table.rows)
    low, high = tested.limits[index]
    return SignalResult(
        signal=signal,
        publish_s=math.exp(statistics.fmean(publish)) if measured else None,
        none_s=math.exp(statistics.fmean(none)) if measured else None,
        ratio=math.exp(tested.effects[index]) if measured else None,
        ci_low=math.exp(low) if measured and low is not None else None,
        ci_high=math.exp(high) if measured and high is not None else None,
        p_value=tested.p_adjusted[index],
        p_single=tested.p_single[index],
        p_left_out=max(left_out, default=None),
        blocks_in_excess=sum(value > statistics.fmean(none) + floor for value in publish),
    )


def _suspects(table: Table, signals: Sequence[str], rules: Rules) -> Iterator[str]:
    for signal in signals:
        for arm in (PUBLISH, NONE):
            cells = [row.cells[signal] for row in table.rows if row.block.arm == arm]
            suspect, trusted = sum(c.suspect for c in cells), sum(c.samples for c in cells)
            if suspect > rules.suspect_limit * (suspect + trusted):
                share = suspect / (suspect + trusted)
                yield f"{signal}: {share:.0%} of the samples in {arm} blocks are suspect of own lag"


def _own_lag(table: Table, results: Sequence[SignalResult], rules: Rules) -> Iterator[tuple[str, str]]:
    """Signals, with words, for which own lag rose with the load by a good part of the slow-down to be explained.

    A block without lag samples had no lag: what is too small to matter is not remembered.
    """
    lag = {
        arm: [row.cells[LAG_SIGNAL].median_s or 0.0 for row in table.rows if row.block.arm == arm]
        for arm in (PUBLISH, NONE)
    }
    rise_s = statistics.fmean(lag[PUBLISH]) - statistics.fmean(lag[NONE])
    for result in results:
        if result.p_value > rules.alpha or result.publish_s is None or result.none_s is None:
            continue
        if rise_s > rules.lag_limit * (result.publish_s - result.none_s):
            text = (
                f"{result.signal}: own lag rose with the load by {rise_s * 1000:.1f} ms and may explain the slow-down"
            )
            yield result.signal, text


def _verdict(results: Sequence[SignalResult], untrusted: bool, lagging: Container[str], rules: Rules) -> Verdict:
    if untrusted:
        return Verdict.INCONCLUSIVE
    if any(_blamed(result, rules) and result.signal not in lagging for result in results):
        return Verdict.CAUSED
    if all(result.ci_high is not None and result.ci_high < rules.margin for result in results):
        return Verdict.NOT_ASSOCIATED
    return Verdict.INCONCLUSIVE


def _blamed(result: SignalResult, rules: Rules) -> bool:
    robust = result.p_left_out is not None and result.p_left_out <= 2 * rules.alpha
    return result.p_value <= rules.alpha and robust and result.blocks_in_excess >= 2


def _warnings(table: Table, signals: Sequence[str]) -> Iterator[str]:
    for signal in signals:
        few = [
            str(r.block.index) for r in table.rows if r.cells[signal].samples + r.cells[signal].timeouts < FEW_SAMPLES
        ]
        if few:
            yield f"{signal}: fewer than {FEW_SAMPLES} samples in block {', '.join(few)}"
        censored = [str(r.block.index) for r in table.rows if r.cells[signal].censored]
        if censored:
            yield f"{signal}: no ratio, as half of the attempts or more timed out in block {', '.join(censored)}"
        suspect = sum(row.cells[signal].suspect for row in table.rows)
        if suspect:
            yield f"{signal}: {suspect} samples left out, suspect of own lag"


def _method(rules: Rules, assignments: int, exact: bool, publish: int, total: int) -> str:
    ways = f"all {assignments} ways" if exact else f"{assignments} ways drawn by seed {rules.seed}"
    return (
        f"{'Exact re-randomisation' if exact else 'Re-randomisation'} over {ways} to deal {publish} publish blocks "
        f"among {total}: per signal the mean difference between the arms of the log block median, beyond a slow-down "
        f"of {rules.harm_floor - 1:.0%}, one-sided, adjusted by the largest standardised signal of each arrangement. "
        f"Timeouts rank above every measured latency and enter no average; suspect samples are left out and counted. "
        f"Drops are shown but untested: this experiment is too short for them."
    )


def _result(
    table: Table,
    signals: Sequence[str],
    rules: Rules,
    verdict: Verdict,
    tested: Tested | None = None,
    results: tuple[SignalResult, ...] = (),
    warnings: tuple[str, ...] = (),
    vetoes: tuple[str, ...] = (),
) -> ExperimentResult:
    publish = sum(row.block.arm == PUBLISH for row in table.rows)
    assignments = tested.assignments if tested else assignment_count(len(table.rows), publish)
    exact = tested.exact if tested else True
    return ExperimentResult(
        verdict=verdict,
        p_value=tested.p_overall if tested else None,
        rules=rules,
        assignments=assignments,
        exact=exact,
        signals=results,
        blocks=table.rows,
        drops={arm: sum(row.drops for row in table.rows if row.block.arm == arm) for arm in (PUBLISH, NONE)},
        drops_elsewhere=table.drops_elsewhere,
        warnings=warnings,
        vetoes=vetoes,
        not_separable=NOT_SEPARABLE,
        method=_method(rules, assignments, exact, publish, len(table.rows)),
    )
