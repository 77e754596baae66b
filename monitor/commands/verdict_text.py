"""A verdict in words and figures, as `analyze` and `report` print it: the verdict first, then what it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from monitor.analysis.diagnosis.result import NONE, UNKNOWN
from monitor.analysis.verdict.decide import stands_out
from monitor.analysis.verdict.result import Onset, OutcomeResult, Result, StrategyResult, Verdict
from monitor.analysis.verdict.rules import ALPHA, MARGIN, Rules
from monitor.analysis.verdict.wording import TITLES
from monitor.facts import signals

WIDTH: Final = 100
SIMULATED: Final = "SIMULATED"
UNNAMED: Final = "(unnamed)"
EVERY_SITE: Final = "all sites"
MOST_CAUSES: Final = 2
LEAST_P: Final = 0.0001
MANY: Final = 1000
NAMES: Final = {**TITLES, signals.API: "REST calls of the monitor", signals.RECONNECT: "reconnects"}


def verdict_lines(result: Result, *, margin: float = MARGIN, alpha: float = ALPHA) -> list[str]:
    """The lines to print, none longer than WIDTH where its words allow. margin, alpha: those it was judged by."""
    return [line for text in _texts(result, margin, alpha) for line in _wrapped(text)]


def _texts(result: Result, margin: float, alpha: float) -> Iterator[str]:
    label = f"{SIMULATED} " if result.simulated else ""
    yield f"{label}verdict: {result.verdict.value}: {_sentence(result, margin, alpha)}"
    yield from _figures(result)
    yield from _outcomes(result)
    yield from _sites(result)
    yield from _order(result)
    yield from _dose(result)
    yield from _cause(result)
    yield from _strategies(result.strategies)
    yield from _exposure(result)
    yield from (f"cannot be told apart: {one}" for one in result.not_separable)
    yield from (f"veto: {one}" for one in result.vetoes)
    yield from (f"warning: {one}" for one in result.warnings)
    if result.provisional:
        yield "provisional: this verdict may be looked at again and again, and changes as weeks come in"
    if result.method:
        yield f"method: {result.method}"


# The sentence


def _sentence(result: Result, margin: float, alpha: float) -> str:
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
        return f"no harm worth the name comes with the publish: {_acquittal(result, margin)}."
    if result.verdict is Verdict.INSUFFICIENT_DATA:
        return f"too little data to blame or to acquit the publish: {_needed(result)}."
    return f"the publish can neither be blamed nor acquitted{_undecided(result, margin, alpha)}."


def _harmed(result: Result, alpha: float) -> str:
    found = [one for one in result.outcomes if stands_out(one, Rules(alpha=alpha))]
    names = list(dict.fromkeys(_title(one.outcome) for one in sorted(found, key=lambda one: one.p_value or 0.0)))
    chance = [_chance(p_value) for p_value in (result.judged_by,) if p_value is not None]
    told = [*(["in " + _listed(names)] if names else []), *chance]
    return f" ({', '.join(told)})" if told else ""


def _acquittal(result: Result, margin: float) -> str:
    if result.ci_high is not None:
        return (
            f"{_ratio(result.rate_ratio)} the drops to be expected, with 95 % limits {_limits(result)}, all below the "
            f"margin of {margin:g}"
        )
    return f"nothing dropped, and every latency stays below {margin:g} times the usual with 95 % confidence"


def _needed(result: Result) -> str:
    unit = "blocks" if result.design == "randomised" else "weeks"
    known = [
        f"about {weeks} {unit} to see a ratio of {name.removeprefix('x')}"
        for name, weeks in result.weeks_needed.items()
        if weeks is not None
    ]
    have = f"{result.windows} windows in {_counted(result.weeks, 'week')} are known"
    if known:
        return f"{have}; this job needs {_listed(known)}"
    return f"{have}, and from so little nobody can say how many {unit} it needs; a weekly job needs at least three"


def _undecided(result: Result, margin: float, alpha: float) -> str:
    if result.vetoes:
        return ", as the monitor itself may explain what it saw"
    over_looks = result.judged_by
    if result.provisional and _harmed(result, alpha) and over_looks is not None and over_looks > alpha:
        return (
            f": at one look harm would seem to come with it ({_chance(result.p_value)}), but over repeated looks "
            f"{_chance(over_looks)} is more than {alpha:g}"
        )
    if result.ci_high is not None and result.rate_ratio is not None:
        return (
            f": {_ratio(result.rate_ratio)} the drops to be expected, with 95 % limits {_limits(result)} (an upper one "
            f"below {margin:g} acquits)"
        )
    return ""


# The figures


def _figures(result: Result) -> Iterator[str]:
    if result.span is not None:
        yield f"observed: {result.span[0]} to {result.span[1]}"
    runs = f"{_counted(result.windows, 'window')} in {_counted(result.weeks, 'week')}"
    yield f"publish: {runs}{f', {result.design}' if result.design else ''}"
    if result.rate_ratio is not None:
        yield f"drops in windows against those to be expected: {_ratio(result.rate_ratio)}, 95 % {_limits(result)}"
    yield (
        f"drops: {_amount(result.events_in)} in windows, {_amount(result.events_out)} outside; incidents (drops of one "
        f"site within 60 s): {result.incidents_in} in, {result.incidents_out} outside"
    )


def _outcomes(result: Result) -> Iterator[str]:
    if not result.outcomes:
        return
    rows: list[tuple[str, ...]] = [
        ("outcome", "site", "ratio", "95 % limits", "p", "one left out", "windows in excess")
    ]
    rows += [_outcome_row(one) for one in result.outcomes]
    yield from _table("outcomes, tested together:", rows)


def _outcome_row(one: OutcomeResult) -> tuple[str, ...]:
    ratio = "timed out" if one.censored else _ratio(one.ratio)
    limits = "-" if one.ci_low is None and one.ci_high is None else f"{_number(one.ci_low)} to {_number(one.ci_high)}"
    site = one.site or EVERY_SITE
    return _title(one.outcome), site, ratio, limits, _p(one.p_value), _p(one.p_left_out), str(one.windows_in_excess)


def _sites(result: Result) -> Iterator[str]:
    if len(result.sites) > 1:
        rows = [("site", "drops", "smallest p")]
        rows += [(one.site or UNNAMED, _ratio(one.rate_ratio), _p(one.p_value)) for one in result.sites]
        yield from _table("sites:", rows)


def _order(result: Result) -> Iterator[str]:
    if result.order is not None:
        yield f"what moves first: {', then '.join(map(_onset, result.order))}"
    elif result.onsets:
        yield f"order not established: {'; '.join(map(_onset, result.onsets))}"
    else:
        yield "order not established: no signal moves with the windows"


def _onset(one: Onset) -> str:
    return f"{_title(one.signal)} {one.onset_low_s:.0f} to {one.onset_high_s:.0f} s after the start"


def _dose(result: Result) -> Iterator[str]:
    dose = result.dose_response
    if dose is not None:
        grows = f"a factor of {2.718281828**dose.slope:.2f} for each doubling of API calls a second"
        yield f"dose: harm changes by {grows}, {_chance(dose.p_value)}"


def _cause(result: Result) -> Iterator[str]:
    diagnosis = result.diagnosis
    words = {NONE: " (nothing is wrong)", UNKNOWN: " (no cause stands out)"}
    yield f"cause: {diagnosis.cause}{words.get(diagnosis.cause, '')}"
    for found in diagnosis.causes[:MOST_CAUSES]:
        if found.evidence:
            yield f"  {found.cause}, score {found.score:.2f}: {'; '.join(found.evidence)}"
    if diagnosis.runner_up is not None:
        yield f"next best cause: {diagnosis.runner_up}"
    wanted = "worth measuring" if diagnosis.runner_up is None else "to tell them apart, measure"
    yield from (f"  {wanted}: {one}" for one in diagnosis.missing)


def _strategies(strategies: Sequence[StrategyResult]) -> Iterator[str]:
    if any(one.strategy for one in strategies):
        rows = [("strategy", "windows", "drops", "against expected")]
        rows += [
            (one.strategy or UNNAMED, str(one.windows), _amount(one.events_in), _ratio(one.rate_ratio))
            for one in strategies
        ]
        yield from _table("ways of publishing:", rows)


def _exposure(result: Result) -> Iterator[str]:
    exposure = result.exposure
    if exposure is None:
        return
    inside, outside = _amount(exposure.agent_hours_in), _amount(exposure.agent_hours_out)
    yield (
        f"exposure: {inside} agent-hours in windows, {outside} outside; left "
        f"out: gaps {_amount(exposure.gap_hours)} h, suspect time {_amount(exposure.suspect_hours)} h"
    )
    if exposure.windows_unobserved:
        yield f"windows hardly observed: {exposure.windows_unobserved}"
    if exposure.windows_outside_hours:
        drops = f"{_amount(exposure.events_outside_hours)} drops in them"
        yield f"windows outside the working hours, never tested: {exposure.windows_outside_hours}, {drops}"


# Words and numbers


def _wrapped(text: str) -> list[str]:
    """A text that is no row of a table in lines of WIDTH, those after the first indented."""
    indent = len(text) - len(text.lstrip())
    if text.startswith("  | "):
        return [text.replace("  | ", "  ", 1)]
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=" " * (indent + 2), break_long_words=False, break_on_hyphens=False
    )


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield title
    for row in rows:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  | {cells.rstrip()}"


def _title(name: str) -> str:
    return NAMES.get(name, name.removesuffix("_seconds").replace("_", " "))


def _ratio(value: float | None) -> str:
    return "no ratio" if value is None else f"x {value:.2f}"


def _limits(result: Result) -> str:
    return f"{_number(result.ci_low)} to {_number(result.ci_high)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.0001" if value < LEAST_P else f"{value:.4f}"


def _chance(value: float | None) -> str:
    told = _p(value)
    return f"p < {told[1:]}" if told.startswith("<") else f"p = {told}"


def _amount(value: float) -> str:
    """Drops or hours: whole where they are many."""
    return f"{value:.0f}" if value >= MANY else f"{value:.4g}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
