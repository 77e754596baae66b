"""The verdict word: the first that holds, from the figures alone; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from monitor.analysis.verdict.result import OutcomeResult, Verdict
from monitor.analysis.verdict.rules import Rules

LEAST_IN_EXCESS: Final = 2  # windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the word is found by.

    reachable: whether the design can reach alpha, and twice that with one window left out, even if every drop fell into
    the windows. settled: a job at one time of every day, which no amount of data separates from the time of day.
    enough: whether a ratio of 10 could be told. controlled: days of the same weekday without a publish, where there
    are enough of them, do not show the same. p_anytime: over all looks, None where nobody looks repeatedly.
    """

    reachable: bool
    settled: bool
    enough: bool
    randomised: bool
    controlled: bool
    vetoed: bool
    ci_high: float | None
    dropped: bool
    latencies_high: tuple[float | None, ...]
    p_anytime: float | None


def decide(outcomes: Sequence[OutcomeResult], grounds: Grounds, rules: Rules) -> Verdict:
    """The word. With few events a clear excess is still told: it was told apart, so there were enough."""
    if grounds.settled:
        return Verdict.INCONCLUSIVE
    if not grounds.reachable:
        return Verdict.INSUFFICIENT_DATA
    if any(stands_out(outcome, rules) for outcome in outcomes) and _looked_at_fairly(grounds, rules):
        if grounds.vetoed or not grounds.controlled:
            return Verdict.INCONCLUSIVE
        return Verdict.CAUSED if grounds.randomised else Verdict.ASSOCIATED
    if not grounds.enough:
        return Verdict.INSUFFICIENT_DATA
    if _acquitted(grounds, rules) and not grounds.vetoed and not any(_striking(one, rules) for one in outcomes):
        return Verdict.NOT_ASSOCIATED
    return Verdict.INCONCLUSIVE


def stands_out(outcome: OutcomeResult, rules: Rules) -> bool:
    """Whether an outcome is in excess beyond chance, not by one window alone."""
    return (
        outcome.p_value is not None
        and outcome.p_left_out is not None
        and outcome.p_value <= rules.alpha
        and outcome.p_left_out <= 2 * rules.alpha
        and outcome.windows_in_excess >= LEAST_IN_EXCESS
    )


def _looked_at_fairly(grounds: Grounds, rules: Rules) -> bool:
    return grounds.p_anytime is None or grounds.p_anytime <= rules.alpha


def _striking(outcome: OutcomeResult, rules: Rules) -> bool:
    """In excess beyond chance, if perhaps by one window alone: too much for an acquittal."""
    return outcome.p_value is not None and outcome.p_value <= rules.alpha


def _acquitted(grounds: Grounds, rules: Rules) -> bool:
    """By the rate ratio of drops; where nothing at all dropped, by the latencies."""
    if grounds.dropped:
        return grounds.ci_high is not None and grounds.ci_high < rules.margin
    limits = grounds.latencies_high
    return bool(limits) and all(high is not None and high < rules.margin for high in limits)
