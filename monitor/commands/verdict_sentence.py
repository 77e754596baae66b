"""The sentence of a verdict: what it means, in one line, and of one that decides nothing the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.analysis.verdict.decide import stands_out
from monitor.analysis.verdict.placed import Pattern
from monitor.analysis.verdict.result import OutcomeResult, Result, Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.analysis.verdict.wording import TITLES
from monitor.facts import signals
from monitor.facts.words import counted

LEAST_P: Final = 0.0001
LARGE: Final = 100.0  # a ratio
NAMES: Final = {**TITLES, signals.API: "REST calls of the monitor", signals.RECONNECT: "reconnects"}


def sentence(result: Result, margin: float, alpha: float) -> str:
    """What the verdict says. margin, alpha: those it was judged by."""
    if result.verdict is Verdict.CAUSED:
        return (
            f"chance dealt when it was published, and harm came with the publish{_harmed(result, alpha)}: it is the "
            "cause, or something that was always switched on with it."
        )
    if result.verdict is Verdict.ASSOCIATED:
        return (
            f"harm comes with the publish more often than chance explains{_harmed(result, alpha)}. That is no proof "
            "that the publish is the cause: randomise its times to know."
        )
    if result.verdict is Verdict.NOT_ASSOCIATED:
        by_drops = " in drops" if result.ci_high is not None else ""  # then latencies are no part of the acquittal
        return f"no harm of x {margin:g} or more{by_drops} comes with the publish: {_acquittal(result, margin)}."
    if result.verdict is Verdict.INSUFFICIENT_DATA:
        return f"too little data to blame or to acquit the publish: {_needed(result)}."
    return f"the publish can neither be blamed nor acquitted: {_undecided(result, margin, alpha)}."


def _harmed(result: Result, alpha: float) -> str:
    names = _names(_standing_out(result, alpha))
    by = [chance(p_value) for p_value in (result.judged_by,) if p_value is not None]
    told = [*(["in " + listed(names)] if names else []), *by]
    return f" ({', '.join(told)})" if told else ""


def _standing_out(result: Result, alpha: float) -> list[OutcomeResult]:
    return [one for one in result.outcomes if stands_out(one, Rules(alpha=alpha))]


def _names(outcomes: Sequence[OutcomeResult]) -> list[str]:
    """What these are called, the clearest first."""
    return list(dict.fromkeys(title(one.outcome) for one in sorted(outcomes, key=lambda one: one.p_value or 0.0)))


def _acquittal(result: Result, margin: float) -> str:
    if result.ci_high is not None:
        return (
            f"{ratio(result.rate_ratio)} the drops to be expected, with 95 % limits "
            f"{limits(result.ci_low, result.ci_high)}, all below the margin of {margin:g}"
        )
    return f"nothing dropped, and the 95 % limit of every other outcome is below {margin:g} times the usual"


def _needed(result: Result) -> str:
    unit = "block" if result.design == Pattern.RANDOMISED else "week"
    known = [
        f"about {counted(count, unit)} to see a ratio of {name.removeprefix('x')}"
        for name, count in result.weeks_needed.items()
        if count is not None
    ]
    if not result.windows:
        return "no publish window is known"
    are = "is" if result.windows == 1 else "are"
    have = f"{counted(result.windows, 'window')} in {counted(result.weeks, 'week')} {are} known"
    if known:
        return f"{have}; this job needs {listed(known)}"
    return f"{have}, and from so little nobody can say how many {unit}s it needs; a weekly job needs at least three"


def _undecided(result: Result, margin: float, alpha: float) -> str:
    """The first reason that holds, in the order in which the verdict is found."""
    if result.design == Pattern.DAILY:
        return (
            "the job runs at one time of every day, and no amount of data tells it apart from that time of day: "
            "randomise its times to know"
        )
    if result.vetoes:
        return "the monitor itself may explain what it saw"
    if _standing_out(result, alpha):
        return _withheld(result, alpha)
    carried = _names([one for one in result.outcomes if one.p_value is not None and one.p_value <= alpha])
    if carried:
        return f"one window alone carries the harm in {listed(carried)}, and chance may explain the others"
    return _too_wide(result, margin)


def _withheld(result: Result, alpha: float) -> str:
    """Why harm that stands out is not blamed on the publish."""
    over_looks = result.judged_by
    if result.provisional and over_looks is not None and over_looks > alpha:
        return (
            f"at one look harm would seem to come with it ({chance(result.p_value)}), but over repeated looks "
            f"{chance(over_looks)} is more than {alpha:g}"
        )
    return "days of the same weekday without a publish show the same harm at that time"


def _too_wide(result: Result, margin: float) -> str:
    """Why what does not stand out is no acquittal either."""
    if result.rate_ratio is not None:
        return (
            f"{ratio(result.rate_ratio)} the drops to be expected, with 95 % limits "
            f"{limits(result.ci_low, result.ci_high)}; only an upper limit below {margin:g} acquits"
        )
    if result.events_in + result.events_out > 0:
        return "no ratio of drops could be found that would acquit it"
    return f"nothing dropped, and not every latency is sure to stay below {margin:g} times the usual"


# Words and numbers


def title(name: str) -> str:
    """What an outcome or a signal is called."""
    return NAMES.get(name, name.removesuffix("_seconds").replace("_", " "))


def ratio(value: float | None) -> str:
    """`x 1.50`; of a large one no decimals, which nobody could know."""
    return "no ratio" if value is None else f"x {factor(value)}"


def factor(value: float) -> str:
    """A ratio's figure alone."""
    return f"{value:.0f}" if value >= LARGE else f"{value:.2f}"


def limits(low: float | None, high: float | None) -> str:
    """`0.40 to 1.60`, and in words where one of them does not exist."""
    if low is None and high is None:
        return "without limits"
    if high is None:
        return f"from {factor(low or 0.0)}, no upper limit"
    return f"up to {factor(high)}, no lower limit" if low is None else f"{factor(low)} to {factor(high)}"


def probability(value: float | None) -> str:
    """Of a p-value the figure alone."""
    return "-" if value is None else "<0.0001" if value < LEAST_P else f"{value:.4f}"


def chance(value: float | None) -> str:
    """`p = 0.0100`."""
    told = probability(value)
    return f"p < {told[1:]}" if told.startswith("<") else f"p = {told}"


def listed(words: Sequence[str]) -> str:
    """`a, b and c`. words: at least one."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
