"""The verdict word: each as the first that holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.analysis.verdict.decide import Grounds, decide
from monitor.analysis.verdict.result import OutcomeResult, Verdict
from monitor.analysis.verdict.rules import Rules

CLEAR = OutcomeResult("drops", "", 12.0, 6.0, 30.0, 0.002, 0.02, None, 5)
NOTHING = OutcomeResult("drops", "", 1.0, 0.6, 1.6, 0.6, 0.9, None, 2)
USUAL = Grounds(
    reachable=True,
    settled=False,
    enough=True,
    randomised=False,
    controlled=True,
    vetoed=False,
    ci_high=30.0,
    dropped=True,
    latencies_high=(),
    p_anytime=None,
)
INNOCENT = replace(USUAL, ci_high=1.6)


@pytest.mark.parametrize(
    ("outcome", "grounds", "word"),
    [
        (CLEAR, USUAL, Verdict.ASSOCIATED),
        (CLEAR, replace(USUAL, randomised=True), Verdict.CAUSED),
        (CLEAR, replace(USUAL, reachable=False), Verdict.INSUFFICIENT_DATA),
        (CLEAR, replace(USUAL, reachable=False, settled=True), Verdict.INCONCLUSIVE),
        (CLEAR, replace(USUAL, vetoed=True), Verdict.INCONCLUSIVE),
        (CLEAR, replace(USUAL, controlled=False), Verdict.INCONCLUSIVE),
        (CLEAR, replace(USUAL, enough=False), Verdict.ASSOCIATED),
        (CLEAR, replace(USUAL, p_anytime=0.2), Verdict.INCONCLUSIVE),
        (CLEAR, replace(USUAL, p_anytime=0.04), Verdict.ASSOCIATED),
        (replace(CLEAR, p_value=0.06), USUAL, Verdict.INCONCLUSIVE),
        (replace(CLEAR, p_left_out=0.2), USUAL, Verdict.INCONCLUSIVE),
        (replace(CLEAR, windows_in_excess=1), USUAL, Verdict.INCONCLUSIVE),
        (NOTHING, INNOCENT, Verdict.NOT_ASSOCIATED),
        (NOTHING, replace(INNOCENT, ci_high=2.0), Verdict.INCONCLUSIVE),
        (NOTHING, replace(INNOCENT, ci_high=None), Verdict.INCONCLUSIVE),
        (NOTHING, replace(INNOCENT, enough=False), Verdict.INSUFFICIENT_DATA),
        (NOTHING, replace(INNOCENT, vetoed=True), Verdict.INCONCLUSIVE),
        (NOTHING, replace(INNOCENT, dropped=False, latencies_high=(1.1, 1.3)), Verdict.NOT_ASSOCIATED),
        (NOTHING, replace(INNOCENT, dropped=False, latencies_high=(1.1, None)), Verdict.INCONCLUSIVE),
        (NOTHING, replace(INNOCENT, dropped=False), Verdict.INCONCLUSIVE),
        (replace(CLEAR, p_left_out=0.2), INNOCENT, Verdict.INCONCLUSIVE),  # one bad Tuesday acquits nobody either
    ],
)
def test_the_first_word_that_holds(outcome: OutcomeResult, grounds: Grounds, word: Verdict) -> None:
    assert decide([outcome], grounds, Rules()) is word


def test_a_latency_beyond_its_limits_stands_in_the_way_of_an_acquittal_by_drops() -> None:
    slow = replace(CLEAR, outcome="ws_rtt_seconds", p_left_out=0.2)
    assert decide([NOTHING, slow], INNOCENT, Rules()) is Verdict.INCONCLUSIVE
