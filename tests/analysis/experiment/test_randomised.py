"""The first verdict: it finds a slow-down, does not blame the innocent, and says when it cannot tell."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.experiment.blocks import Block, Drop, Sample, Timeout
from monitor.analysis.experiment.randomised import (
    LAG_SIGNAL,
    PRIMARY_SIGNALS,
    ExperimentResult,
    Rules,
    SignalResult,
    Verdict,
    judge,
)

RTT, ICE = PRIMARY_SIGNALS
LOAD_S, CYCLE_S, START_S = 10.0, 15.0, 1.79e9
Samples = dict[str, list[Sample]]


def design(seed: int, count: int) -> list[Block]:
    """Blocks with arms dealt by seed, half and half."""
    arms = ["publish", "none"] * (count // 2)
    random.Random(seed).shuffle(arms)
    starts = [START_S + index * CYCLE_S for index in range(count)]
    return [Block(i, arm, start, start + LOAD_S) for i, (arm, start) in enumerate(zip(arms, starts, strict=True))]


def measured(
    blocks: list[Block],
    seed: int,
    *,
    ratio: dict[str, float] | float = 1.0,
    drift: float = 0.0,
    wobble: float = 0.1,
    a_block: int = 10,
) -> Samples:
    """Log-normal latencies around 30 ms: wobble is the spread between blocks, drift the rise from block to block."""
    source = random.Random(f"samples {seed}")
    factors = ratio if isinstance(ratio, dict) else dict.fromkeys(PRIMARY_SIGNALS, ratio)
    found: Samples = {}
    for signal in PRIMARY_SIGNALS:
        found[signal] = []
        for block in blocks:
            level = source.gauss(0, wobble) + drift * block.index
            factor = factors.get(signal, 1.0) if block.arm == "publish" else 1.0
            for number in range(a_block):
                value_s = 0.03 * factor * math.exp(level + source.gauss(0, 0.3))
                at_s = block.start_wall_s + (number + 0.5) * LOAD_S / a_block
                found[signal].append(Sample(at_s + value_s, value_s))
    return found


def verdicts(
    runs: int, *, blocks: int = 8, drift: float = 0.0, wobble: float = 0.1, ratio: float = 1.0
) -> Counter[str]:
    results: Counter[str] = Counter()
    for seed in range(runs):
        dealt = design(seed, blocks)
        samples = measured(dealt, seed, drift=drift, wobble=wobble, ratio=ratio)
        results[judge(dealt, samples, {}).verdict.value] += 1
    return results


def of(result: ExperimentResult, signal: str) -> SignalResult:
    return next(one for one in result.signals if one.signal == signal)


def test_a_slow_down_by_three_is_found_every_time() -> None:
    assert verdicts(200, ratio=3.0) == {"caused": 200}


def test_a_slow_down_by_a_half_is_mostly_found_with_twelve_blocks() -> None:
    assert verdicts(60, ratio=1.5, blocks=12)["caused"] >= 54


def test_one_slow_signal_is_enough_and_the_other_stays_innocent() -> None:
    blocks = design(4, 10)
    result = judge(blocks, measured(blocks, 4, ratio={ICE: 3.0}), {})
    assert result.verdict is Verdict.CAUSED
    assert of(result, ICE).p_value <= 0.05 < of(result, RTT).p_value


@pytest.mark.parametrize("wobble", [0.1, 0.5])
def test_an_innocent_publish_is_blamed_in_at_most_one_run_of_twenty(wobble: float) -> None:
    found = verdicts(400, wobble=wobble)
    assert found["caused"] <= 20


def test_a_slow_down_of_just_the_harm_floor_is_blamed_in_at_most_one_run_of_twenty() -> None:
    found = verdicts(400, ratio=1.1)
    assert found["caused"] <= 20 + 9  # 0.05, and two standard deviations of 400 runs


def test_less_than_the_harm_floor_is_not_harm_however_sharply_it_is_measured() -> None:
    blocks = design(1, 12)
    result = judge(blocks, measured(blocks, 1, ratio=1.08, wobble=0.0, a_block=200), {})
    assert result.verdict is Verdict.NOT_ASSOCIATED
    stricter = judge(blocks, measured(blocks, 1, ratio=1.08, wobble=0.0, a_block=200), {}, rules=Rules(harm_floor=1.0))
    assert stricter.verdict is Verdict.CAUSED


@pytest.mark.parametrize("drift", [0.1, -0.1, 0.3])
def test_a_day_that_gets_busier_or_quieter_is_not_blamed_on_the_publish(drift: float) -> None:
    assert verdicts(400, drift=drift)["caused"] <= 20


def test_an_innocent_publish_is_mostly_acquitted() -> None:
    assert verdicts(200)["not_associated"] >= 180


def test_one_outlier_block_does_not_carry_a_verdict() -> None:
    for seed in range(50):
        blocks = design(seed, 8)
        samples = measured(blocks, seed, wobble=0.02)
        worst = next(block for block in blocks if block.arm == "publish")
        for signal, series in samples.items():
            samples[signal] = [
                s._replace(value_s=s.value_s * 40) if worst.start_wall_s <= s.at_wall_s < worst.end_wall_s else s
                for s in series
            ]
        assert judge(blocks, samples, {}).verdict is not Verdict.CAUSED


def alternating(medians_s: dict[str, list[float]]) -> tuple[list[Block], Samples]:
    """Blocks none, publish, none, publish, ... with one sample each."""
    arms = ["none", "publish"] * 4
    blocks = [Block(i, arm, START_S + 20 * i, START_S + 20 * i + 10) for i, arm in enumerate(arms)]
    samples = {
        signal: [Sample(b.start_wall_s + 1, m) for b, m in zip(blocks, medians, strict=True)]
        for signal, medians in medians_s.items()
    }
    return blocks, samples


def test_a_clean_separation_of_eight_blocks_is_the_rarest_of_70_and_of_35_with_one_left_out() -> None:
    medians_s = [0.030, 0.040, 0.031, 0.041, 0.032, 0.042, 0.033, 0.043]
    result = judge(*alternating({RTT: medians_s, ICE: medians_s}), {})
    assert result.verdict is Verdict.CAUSED
    assert of(result, RTT).p_value == pytest.approx(1 / 70)
    assert of(result, RTT).p_left_out == pytest.approx(1 / 35)


def test_a_verdict_that_does_not_hold_with_any_one_publish_block_left_out_is_withheld() -> None:
    rtt_s = [0.037, 0.051, 0.037, 0.067, 0.034, 0.039, 0.030, 0.048]
    ice_s = [0.043, 0.030, 0.261, 0.019, 0.024, 0.030, 0.039, 0.027]
    result = judge(*alternating({RTT: rtt_s, ICE: ice_s}), {})
    rtt = of(result, RTT)
    assert rtt.p_value == pytest.approx(3 / 70)
    assert rtt.blocks_in_excess == 4
    assert rtt.p_left_out == pytest.approx(4 / 35)
    assert result.verdict is Verdict.INCONCLUSIVE


@given(st.lists(st.integers(1, 1000).map(lambda ms: ms / 1000), min_size=8, max_size=8, unique=True))
def test_with_one_signal_leaving_a_block_out_at_most_doubles_the_p_value(medians_s: list[float]) -> None:
    result = judge(*alternating({RTT: medians_s}), {}, signals=[RTT])
    left_out = result.signals[0].p_left_out
    assert left_out is not None
    assert left_out <= 2 * result.signals[0].p_value + 1e-9


def test_ratio_and_limits_are_those_of_the_data() -> None:
    blocks = design(2, 12)
    result = judge(blocks, measured(blocks, 2, ratio=3.0), {})
    for one in result.signals:
        assert one.ratio == pytest.approx(3.0, rel=0.2)
        assert one.publish_s is not None
        assert one.none_s is not None
        assert one.publish_s / one.none_s == pytest.approx(one.ratio)
        assert one.ci_low is not None
        assert one.ci_high is not None
        assert one.ci_low < 3.0 < one.ci_high
        assert one.blocks_in_excess == 6


def test_limits_hold_the_true_ratio_in_nineteen_runs_of_twenty() -> None:
    held = 0
    for seed in range(200):
        blocks = design(seed, 10)
        rtt = of(judge(blocks, measured(blocks, seed, ratio=2.0, wobble=0.4), {}), RTT)
        assert rtt.ci_low is not None
        assert rtt.ci_high is not None
        held += rtt.ci_low <= 2.0 <= rtt.ci_high
    assert held >= 184  # 0.95 less two standard deviations of 200 runs


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (4, "4 blocks can be dealt in 6 ways only: p <= 0.05 is out of reach"),
        (2, "1 publish and 1 other blocks: at least two of each are needed"),
        (0, "0 publish and 0 other blocks: at least two of each are needed"),
    ],
)
def test_too_few_blocks_are_insufficient_whatever_they_show(count: int, words: str) -> None:
    blocks = design(1, count)
    result = judge(blocks, measured(blocks, 1, ratio=100.0), {})
    assert (result.verdict, result.p_value, result.warnings) == (Verdict.INSUFFICIENT_DATA, None, (words,))


def test_arms_so_uneven_that_no_block_may_be_left_out_are_insufficient() -> None:
    blocks = [replace(block, arm="publish" if block.index in (2, 5) else "none") for block in design(1, 8)]
    result = judge(blocks, measured(blocks, 1, ratio=9.0), {})
    assert result.verdict is Verdict.INSUFFICIENT_DATA
    assert result.warnings == ("with one of 8 blocks left out p <= 0.1 is out of reach",)


def test_a_block_without_samples_is_insufficient() -> None:
    blocks = design(3, 8)
    samples = measured(blocks, 3, ratio=3.0)
    samples[RTT] = [s for s in samples[RTT] if not blocks[5].start_wall_s <= s.at_wall_s < blocks[5].end_wall_s]
    result = judge(blocks, samples, {})
    assert result.verdict is Verdict.INSUFFICIENT_DATA
    assert result.warnings == (f"{RTT}: nothing measured in block 5",)
    assert len(result.blocks) == 8


def test_timeouts_alone_in_every_publish_block_are_blamed_without_a_ratio() -> None:
    blocks = design(6, 8)
    samples = measured(blocks, 6)
    publish = [b for b in blocks if b.arm == "publish"]
    inside = [(b.start_wall_s, b.end_wall_s) for b in publish]
    samples[ICE] = [s for s in samples[ICE] if not any(start <= s.at_wall_s < end for start, end in inside)]
    result = judge(blocks, samples, {ICE: [Timeout(b.start_wall_s + 6, 5.0) for b in publish]})
    assert result.verdict is Verdict.CAUSED
    ice = of(result, ICE)
    assert (ice.ratio, ice.publish_s, ice.ci_low, ice.ci_high) == (None, None, None, None)
    assert ice.p_value == pytest.approx(1 / 70)
    assert any(w.startswith(f"{ICE}: no ratio, as half of the attempts or more timed out") for w in result.warnings)


def test_how_long_a_timeout_lasts_changes_nothing() -> None:
    blocks = design(7, 8)
    samples = measured(blocks, 7)
    first = judge(blocks, samples, {RTT: [Timeout(b.start_wall_s + 9.0, 1.0) for b in blocks]})
    second = judge(blocks, samples, {RTT: [Timeout(b.start_wall_s + 9.0, 8.0) for b in blocks]})
    assert first.signals == second.signals


def test_timeouts_everywhere_neither_blame_nor_acquit() -> None:
    blocks = design(7, 8)
    timeouts = {s: [Timeout(b.start_wall_s + 1.0) for b in blocks] for s in PRIMARY_SIGNALS}
    result = judge(blocks, {}, timeouts)
    assert (result.verdict, result.p_value) == (Verdict.INCONCLUSIVE, 1.0)


def test_an_innocent_looking_median_cannot_acquit_blocks_that_mostly_timed_out() -> None:
    blocks = design(8, 8)
    one = blocks[0]
    samples = measured(blocks, 8)
    samples[RTT] = [s for s in samples[RTT] if not one.start_wall_s <= s.at_wall_s < one.end_wall_s]
    assert judge(blocks, samples, {RTT: [Timeout(one.start_wall_s + 5, 4)]}).verdict is Verdict.INCONCLUSIVE


def test_suspect_samples_are_left_out_and_too_many_of_them_veto() -> None:
    blocks = design(9, 8)
    samples = measured(blocks, 9, ratio=3.0)
    some = {s: [x._replace(suspect=i % 10 == 0) for i, x in enumerate(series)] for s, series in samples.items()}
    result = judge(blocks, some, {})
    assert result.verdict is Verdict.CAUSED
    assert f"{RTT}: 8 samples left out, suspect of own lag" in result.warnings
    most = {s: [x._replace(suspect=i % 10 < 6) for i, x in enumerate(series)] for s, series in samples.items()}
    result = judge(blocks, most, {})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"{RTT}: 60% of the samples in publish blocks are suspect of own lag" in result.vetoes


def test_suspect_samples_veto_an_acquittal_too() -> None:
    blocks = design(9, 8)
    most = {s: [x._replace(suspect=i % 10 < 6) for i, x in enumerate(x)] for s, x in measured(blocks, 9).items()}
    assert judge(blocks, most, {}).verdict is Verdict.INCONCLUSIVE


def test_own_lag_that_rises_with_the_load_takes_the_blame_from_the_publish() -> None:
    blocks = design(10, 8)
    samples = measured(blocks, 10, ratio=3.0)  # about 60 ms slower
    lag_s = {"publish": 0.040, "none": 0.001}
    lagging = {**samples, LAG_SIGNAL: [Sample(b.start_wall_s + 5, lag_s[b.arm]) for b in blocks]}
    result = judge(blocks, lagging, {})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.vetoes[0] == f"{RTT}: own lag rose with the load by 39.0 ms and may explain the slow-down"
    under_load = {**samples, LAG_SIGNAL: [Sample(b.start_wall_s + 5, 0.040) for b in blocks if b.arm == "publish"]}
    assert judge(blocks, under_load, {}).verdict is Verdict.INCONCLUSIVE  # lag too small to remember is no lag
    steady = {**samples, LAG_SIGNAL: [Sample(b.start_wall_s + 5, 0.040) for b in blocks]}
    assert judge(blocks, steady, {}).verdict is Verdict.CAUSED


def test_own_lag_that_explains_one_signal_leaves_the_other_to_be_blamed() -> None:
    blocks = design(11, 8)
    samples = measured(blocks, 11, ratio={RTT: 3.0, ICE: 100.0})
    samples[LAG_SIGNAL] = [Sample(b.start_wall_s + 5, 0.04 if b.arm == "publish" else 0.001) for b in blocks]
    result = judge(blocks, samples, {})
    assert result.verdict is Verdict.CAUSED
    assert [veto.split(":")[0] for veto in result.vetoes] == [RTT]


def test_drops_are_shown_by_arm_and_never_tested() -> None:
    blocks = design(12, 8)
    samples = measured(blocks, 12)
    publish = [b for b in blocks if b.arm == "publish"]
    drops = [Drop(b.start_wall_s + 1, b.start_wall_s + 2) for b in publish for _ in range(50)]
    drops.append(Drop(START_S - 60, START_S - 50))
    result, without = judge(blocks, samples, {}, drops), judge(blocks, samples, {})
    assert (result.drops, result.drops_elsewhere) == ({"publish": 200, "none": 0}, 1)
    assert replace(result, drops=without.drops, drops_elsewhere=0, blocks=without.blocks) == without
    assert "Drops are shown but untested" in result.method


def test_the_method_is_told_in_a_sentence() -> None:
    blocks = design(13, 8)
    result = judge(blocks, measured(blocks, 13), {})
    assert result.method.startswith(
        "Exact re-randomisation over all 70 ways to deal 4 publish blocks among 8: per signal the mean difference "
    )
    assert "beyond a slow-down of 10%, one-sided" in result.method
    assert result.not_separable
    assert (result.assignments, result.exact) == (70, True)


def test_few_samples_in_a_block_are_warned_about() -> None:
    blocks = design(14, 8)
    result = judge(blocks, measured(blocks, 14, a_block=3), {})
    assert f"{RTT}: fewer than 5 samples in block 0, 1, 2, 3, 4, 5, 6, 7" in result.warnings


def test_other_signals_can_be_primary() -> None:
    blocks = design(15, 8)
    result = judge(blocks, measured(blocks, 15, ratio=3.0), {}, signals=[RTT])
    assert [one.signal for one in result.signals] == [RTT]
    assert result.verdict is Verdict.CAUSED
    assert of(result, RTT).p_value == of(result, RTT).p_single
