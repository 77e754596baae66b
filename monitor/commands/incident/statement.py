"""What the report says first: the question, the verdict with its confidence, and what it does not say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from monitor.analysis.verdict.result import OutcomeResult, Result, Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.commands.incident.wording import capital
from monitor.commands.verdict_sentence import chance, limits, listed, ratio, title
from monitor.commands.verdict_text import EVERY_SITE

QUESTION: Final = "Does the schedule publish break the softphones' connections?"
Tone = Literal["blamed", "acquitted", "open"]
TONES: Final[dict[Verdict, Tone]] = {
    Verdict.CAUSED: "blamed",
    Verdict.ASSOCIATED: "blamed",
    Verdict.NOT_ASSOCIATED: "acquitted",
}
HEADLINES: Final = {
    Verdict.CAUSED: "Caused by the publish, or by what was switched on with it",
    Verdict.ASSOCIATED: "Harm comes with the publish",
    Verdict.NOT_ASSOCIATED: "The publish is acquitted",
    Verdict.INCONCLUSIVE: "Neither blamed nor acquitted",
    Verdict.INSUFFICIENT_DATA: "Too little data",
}
DROPS: Final = "drops"
NONE_FAILED_WORDS: Final = "no attempt failed, in the windows or around them"
WHOLE_FROM: Final = 10.0

# Counted figures of docs/verdict.md, "How often it is wrong"; a test keeps them the same.
HOW_OFTEN_BLAMED: Final = (
    "How often such a word is wrong: of synthetic histories in which the publish did nothing, 0.4 % were blamed, and "
    "2.2 % where drops alone were known. Where something else happened at the same time of the same weekday, it was "
    "taken for the publish in up to 56 %: no test tells that apart (docs/verdict.md)."
)
HOW_OFTEN_FOUND: Final = (
    "How often harm is missed: on synthetic histories with drops alone, a ratio of 3 in eight weeks is found nearly "
    "always when drops come one by one, and about every second time when they come in bursts (docs/verdict.md). How "
    "much this report can have missed, its limits say."
)
LOOKS: Final = "Provisional: it may be looked at again and again, and changes as weeks come in."


def confidence(result: Result, rules: Rules) -> Iterator[str]:
    """What the word rests on, and how often such a word is wrong."""
    if result.rate_ratio is not None:
        known = limits(result.ci_low, result.ci_high)
        yield f"Drops in windows against those to be expected: {ratio(result.rate_ratio)}, 95 % limits {known}."
    if result.p_value is not None:
        over = f"; over all looks {chance(result.p_anytime)}" if result.p_anytime is not None else ""
        yield f"An excess like this by chance alone: {chance(result.p_value)}{over}; the limit is {rules.alpha:g}."
    if TONES.get(result.verdict) == "acquitted":
        yield from _ruled_out(result, rules)
        yield HOW_OFTEN_FOUND
    elif TONES.get(result.verdict) == "blamed":
        yield HOW_OFTEN_BLAMED
    if result.provisional:
        yield LOOKS


def not_said(result: Result, rules: Rules) -> Iterator[str]:
    """What nobody may read into the word."""
    yield {
        Verdict.CAUSED: "Not by which mechanism: see the diagnosis.",
        Verdict.ASSOCIATED: "Not that the publish is the cause. What comes with it may come from something else at the "
        "same time; publishing at times that chance decides tells them apart.",
        Verdict.NOT_ASSOCIATED: "Not that nothing is wrong, and not that the publish does nothing at all: only that, "
        "at 95 % confidence, it does less than the limits above.",
        Verdict.INSUFFICIENT_DATA: "Neither that the publish is harmless nor that it is not.",
        Verdict.INCONCLUSIVE: "Neither that the publish is harmless nor that it is not.",
    }[result.verdict]
    yield from (f"It cannot tell apart: {one}." for one in result.not_separable)


def whole_outcomes(result: Result) -> list[OutcomeResult]:
    """Each outcome over all sites, or at the only one."""
    whole = [one for one in result.outcomes if not one.site]
    return whole or list(result.outcomes)


def _ruled_out(result: Result, rules: Rules) -> Iterator[str]:
    """How large an effect can still hide, outcome by outcome."""
    unlimited = []
    for one in whole_outcomes(result):
        if one.none_failed:
            yield f"{capital(title(one.outcome))}: {NONE_FAILED_WORDS}. There is no ratio and no limit."
            continue
        if one.ci_high is None:
            unlimited.append(title(one.outcome))
            continue
        name = f"{title(one.outcome)} at {one.site or EVERY_SITE}"
        more = _more(result) if one.outcome == DROPS else ""
        where = "below" if one.ci_high < rules.margin else "not below"
        yield (
            f"{capital(name)}: the upper 95 % limit is {ratio(one.ci_high)} the usual, {where} the margin "
            f"of x {rules.margin:g}.{more}"
        )
    if unlimited:
        yield f"No such limit exists for {listed(unlimited)}: of these no size of harm is ruled out."


def _more(result: Result) -> str:
    """The upper limit as drops, where it can be told."""
    if not result.rate_ratio or result.ci_high is None or result.ci_high <= 1 or not result.windows:
        return ""
    expected = result.events_in / result.rate_ratio / result.windows
    more = (result.ci_high - 1) * expected
    told = f"{more:.0f}" if more >= WHOLE_FROM else f"{more:.2g}"
    return f" What can still hide: up to about {told} more drops a window than without a publish."
