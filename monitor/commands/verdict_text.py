"""A verdict in words and figures, as `analyze` and `report` print it: the verdict first, then what it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final

from monitor.analysis.diagnosis.result import NONE, UNKNOWN, CauseFound, Diagnosis
from monitor.analysis.verdict.result import Onset, OutcomeResult, Result, StrategyResult, Verdict
from monitor.analysis.verdict.rules import ALPHA, MARGIN
from monitor.commands.verdict_sentence import chance, limits, listed, probability, ratio, sentence, title
from monitor.facts.words import counted

WIDTH: Final = 100
SIMULATED: Final = "SIMULATED"
UNNAMED: Final = "(unnamed)"
EVERY_SITE: Final = "all sites"
MOST_CAUSES: Final = 2
NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
MANY: Final = 1000
TENS: Final = 10
NONE_FAILED: Final = "none failed"
NOT_TESTED: Final = "no window could be tested"
CAUSE_WORDS: Final = {NONE: " (nothing is wrong)", UNKNOWN: " (no cause can be named)"}
OUTCOME_COLUMNS: Final = ("outcome", "site", "ratio", "95 % limits", "p", "one left out", "windows in excess")
UNMEASURED: Final = " was not measured"


def verdict_lines(result: Result, *, margin: float = MARGIN, alpha: float = ALPHA, zone: tzinfo = UTC) -> list[str]:
    """The lines to print, none longer than WIDTH where its words allow. margin, alpha, zone: those it was judged by."""
    return [line for text in _texts(result, margin, alpha, zone) for line in _wrapped(text)]


def _texts(result: Result, margin: float, alpha: float, zone: tzinfo) -> Iterator[str]:
    label = f"{SIMULATED} " if result.simulated else ""
    yield f"{label}verdict: {result.verdict.value}: {sentence(result, margin, alpha)}"
    yield from _figures(result, zone)
    yield from _outcomes(result)
    yield from _sites(result)
    yield from order_words(result)
    yield from dose_words(result)
    yield from _cause(result)
    yield from _strategies(result.strategies)
    yield from exposure_words(result)
    yield from (f"cannot be told apart: {one}" for one in result.not_separable)
    yield from (f"veto: {one}" for one in result.vetoes)
    yield from (f"warning: {one}" for one in result.warnings)
    if result.provisional:
        yield "provisional: this verdict may be looked at again and again, and changes as weeks come in"
    if result.method:
        yield f"method: {result.method}"


# The figures


def _figures(result: Result, zone: tzinfo) -> Iterator[str]:
    if result.span is not None:
        first, last = (local_time(edge, zone) for edge in result.span)
        yield f"observed: {first} to {last} ({zone})"
    yield f"publish: {runs_words(result)}"
    if result.rate_ratio is not None:
        known = limits(result.ci_low, result.ci_high)
        yield f"drops in windows against those to be expected: {ratio(result.rate_ratio)}, 95 % {known}"
    yield (
        f"drops: {amount(result.events_in)} in windows, {amount(result.events_out)} outside; incidents (drops of one "
        f"site within 60 s): {result.incidents_in} in, {result.incidents_out} outside"
    )


def runs_words(result: Result) -> str:
    """How many windows in how many weeks, and their design."""
    if not result.windows:
        return "no window known"
    runs = f"{counted(result.windows, 'window')} in {counted(result.weeks, 'week')}"
    return f"{runs}{f', {result.design}' if result.design else ''}"


def _outcomes(result: Result) -> Iterator[str]:
    if not result.outcomes:
        return
    rows: list[tuple[str, ...]] = [OUTCOME_COLUMNS]
    rows += [outcome_row(one) for one in result.outcomes]
    yield from table_lines("outcomes, tested together:", rows)


def outcome_row(one: OutcomeResult) -> tuple[str, ...]:
    """The cells of one outcome, as OUTCOME_COLUMNS names them."""
    times = "timed out" if one.censored else NONE_FAILED if one.none_failed else ratio(one.ratio)
    known = "-" if one.ci_low is None and one.ci_high is None else limits(one.ci_low, one.ci_high)
    site = one.site or EVERY_SITE
    return (
        title(one.outcome),
        site,
        times,
        known,
        probability(one.p_value),
        probability(one.p_left_out),
        str(one.windows_in_excess),
    )


def _sites(result: Result) -> Iterator[str]:
    if len(result.sites) > 1:
        rows = [("site", "drops", "smallest p")]
        rows += [(one.site or UNNAMED, ratio(one.rate_ratio), probability(one.p_value)) for one in result.sites]
        yield from table_lines("sites:", rows)


def order_words(result: Result) -> Iterator[str]:
    """What moves first, or that it is not established, or not judged; nothing of an acquittal.

    Signals can move at the publish's time of day without it: an order would read as if the publish set them off.
    """
    if result.verdict is Verdict.NOT_ASSOCIATED:
        return
    if result.order is not None:
        yield f"what moves first: {', then '.join(map(onset_words, result.order))}"
    elif result.onsets:
        yield f"order not established: {'; '.join(map(onset_words, result.onsets))}"
    elif untested(result):
        yield f"order not judged: {NOT_TESTED}"
    elif result.verdict is Verdict.INSUFFICIENT_DATA:
        yield "order not established: too little data to see what moves with the windows"
    else:
        yield "order not established: no signal is seen to move with the windows"


def untested(result: Result) -> bool:
    """Whether no outcome could be put to a test, so that silence about harm says nothing."""
    return all(one.p_value is None for one in result.outcomes)


def onset_words(one: Onset) -> str:
    """One signal with the interval in which it left its usual range."""
    low_s, high_s = round(one.onset_low_s), round(one.onset_high_s)
    if high_s < 0:
        return f"{title(one.signal)} {-high_s} to {-low_s} s before the start"
    before = " (it may have begun before it)" if low_s < 0 else ""
    return f"{title(one.signal)} {low_s} to {high_s} s after the start{before}"


def dose_words(result: Result) -> Iterator[str]:
    """How harm changes with API load, where it was known."""
    dose = result.dose_response
    if dose is not None:
        grows = f"a factor of {2.718281828**dose.slope:.2f} for each doubling of API calls a second"
        yield f"dose: harm changes by {grows}, {chance(dose.p_value)}"


def _cause(result: Result) -> Iterator[str]:
    diagnosis = result.diagnosis
    yield f"cause: {diagnosis.cause}{CAUSE_WORDS.get(diagnosis.cause, '')}"
    for found in diagnosis.causes[:MOST_CAUSES]:
        if found.evidence:
            yield f"  {scored(found)}: {'; '.join(found.evidence)}"
    if diagnosis.runner_up is not None:
        yield f"next best cause: {diagnosis.runner_up}"
    wanted = "worth measuring" if diagnosis.runner_up is None else "to tell them apart, measure"
    yield from (f"  {wanted}: {one}" for one in missing_words(diagnosis))


def missing_words(diagnosis: Diagnosis, names: Mapping[str, str] = NO_NAMES) -> Iterator[str]:
    """What to measure to tell the best cause and the next best apart: the signals in one line, then one line each.

    names: what signals are called for people, where not as the metrics are.
    """
    absent = [one.removesuffix(UNMEASURED) for one in diagnosis.missing if _is_name(one.removesuffix(UNMEASURED))]
    if absent:
        yield listed([names.get(one, one) for one in absent])
    yield from (one for one in diagnosis.missing if one.removesuffix(UNMEASURED) not in absent)


def scored(found: CauseFound) -> str:
    """A cause with its score."""
    return found.cause if found.cause == UNKNOWN else f"{found.cause}, score {found.score:.2f}"


def _is_name(text: str) -> bool:
    """Whether a text names a measurement and says no more of it."""
    return " " not in text


def _strategies(strategies: Sequence[StrategyResult]) -> Iterator[str]:
    if any(one.strategy for one in strategies):
        rows = [("strategy", "windows", "drops", "against expected")]
        rows += [
            (one.strategy or UNNAMED, str(one.windows), amount(one.events_in), ratio(one.rate_ratio))
            for one in strategies
        ]
        yield from table_lines("ways of publishing:", rows)


def exposure_words(result: Result) -> Iterator[str]:
    """How much was observed, and what was left out."""
    exposure = result.exposure
    if exposure is None:
        return
    inside, outside = hours(exposure.agent_hours_in), hours(exposure.agent_hours_out)
    yield (
        f"exposure: {inside} agent-hours in windows, {outside} outside; left "
        f"out: gaps {hours(exposure.gap_hours)} h, suspect time {hours(exposure.suspect_hours)} h"
    )
    if exposure.windows_unobserved:
        yield f"windows hardly observed: {exposure.windows_unobserved}"
    if exposure.windows_outside_hours:
        them = "it" if exposure.windows_outside_hours == 1 else "them"
        drops = f"{amount(exposure.events_outside_hours)} drop{'s' * (exposure.events_outside_hours != 1)} in {them}"
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


def table_lines(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table for a terminal: its title, then a line a row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield title
    for row in rows:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  | {cells.rstrip()}"


def local_time(moment: str, zone: tzinfo) -> str:
    """An RFC 3339 time as the clocks of a zone show it."""
    return datetime.fromisoformat(moment).astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def hours(value: float) -> str:
    """Hours to a hundredth where they are few, which is 36 s."""
    return amount(round(value, 2 if value < TENS else 1))


def amount(value: float) -> str:
    """Drops or hours: whole where they are many."""
    return f"{value:.0f}" if value >= MANY else f"{value:.4g}"
