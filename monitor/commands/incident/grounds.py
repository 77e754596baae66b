"""What speaks for and against the publish, what moved first, which cause, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor.analysis.timeline.measures import LeftOut
from monitor.analysis.verdict.decide import stands_out
from monitor.analysis.verdict.result import OutcomeResult, Result, Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.commands.incident.document import Block, Bullets, Section, Table, Text
from monitor.commands.incident.statement import DROPS, NONE_FAILED_WORDS, whole_outcomes
from monitor.commands.incident.wording import capital
from monitor.commands.verdict_sentence import chance, limits, ratio, title
from monitor.commands.verdict_text import (
    CAUSE_WORDS,
    EVERY_SITE,
    MOST_CAUSES,
    NOT_TESTED,
    OUTCOME_COLUMNS,
    dose_words,
    exposure_words,
    missing_words,
    onset_words,
    order_words,
    outcome_row,
    scored,
    untested,
)
from monitor.facts import signals
from monitor.facts.evidence import Evidence
from monitor.facts.words import counted

WANTED: Final = {
    signals.WS_RTT: "the softphone's ping round trip",
    signals.NOTIFICATION_RTT: "the ping on the notification channel",
    signals.EDGE_RTT: "the edge's own ping, which tells path from platform",
    signals.ICE_SERVERS: "the ICE-server fetch",
    signals.ICE_GATHERING: "ICE gathering",
    signals.STUN_RTT: "STUN servers",
    signals.API: "REST calls of our own",
    signals.MEDIA_RTT: "media",
    signals.LOOP_LAG: "the monitor's own lag",
}
NO_HEADS: Final = "how many agents were connected: exposure counts one agent a site"
TOLD_HEADS: Final = "how many agents were connected: exposure goes by the number that was told"
NOT_ESTABLISHED: Final = (
    "Order not established. An order is claimed only where the intervals in which signals left their usual range do "
    "not overlap; how often each was measured decides how wide they are."
)
TOO_FEW: Final = "too few attempts in the windows or around them for a ratio: it speaks neither for nor against"
NO_ORDER: Final = (
    "Not told: the publish is acquitted, so there is no harm to put in an order. The timeline shows the windows beside "
    "the same time of other days."
)


def order_section(result: Result) -> Section:
    """What moves first."""
    if result.verdict is Verdict.NOT_ASSOCIATED:
        blocks: list[Block] = [Text(NO_ORDER)]
    elif result.order is not None:
        blocks = [Text(f"{capital(one)}.", strong=True) for one in order_words(result)]
    elif result.onsets:
        blocks = [Text(NOT_ESTABLISHED, strong=True)]
        blocks.append(Bullets("When each left its usual range", tuple(map(onset_words, result.onsets))))
    else:
        blocks = [Text(f"{capital(one)}.", strong=True) for one in order_words(result)]
    return Section("order", "What moves first", tuple(blocks))


def evidence_section(result: Result, rules: Rules) -> Section:
    """For and against, then every outcome at every site."""
    speaks_for, against = tuple(_for(result, rules)), tuple(_against(result, rules))
    nothing = (f"Not judged: {NOT_TESTED}.",) if untested(result) else ("Nothing that was tested.",)
    blocks: list[Block] = [
        Bullets("For the suspicion", speaks_for or nothing, "for"),
        Bullets("Against it, or not enough for it", against or nothing, "against"),
    ]
    if result.vetoes:
        blocks.append(Bullets("What forbids blame, whatever the figures say", result.vetoes, "against"))
    if result.outcomes:
        rows = tuple(outcome_row(one) for one in result.outcomes)
        blocks.append(Table("Outcomes, tested together", OUTCOME_COLUMNS, rows, (4, 5, 6)))
    return Section("evidence", "Evidence and counter-evidence", tuple(blocks))


def _for(result: Result, rules: Rules) -> Iterator[str]:
    for one in whole_outcomes(result):
        if stands_out(one, rules):
            yield (
                f"{_named(one)}: {_size(one)}, {chance(one.p_value)}; still {chance(one.p_left_out)} with any one "
                f"window left out; in excess in {one.windows_in_excess} of {counted(result.windows, 'window')}."
            )
    if result.dose_response is not None and result.dose_response.p_value <= rules.alpha:
        yield from (f"More load, more harm: {one}." for one in dose_words(result))
    exposure = (signals.API_RATE, signals.API)
    if result.first_mover in exposure and result.verdict in (Verdict.ASSOCIATED, Verdict.CAUSED):
        yield f"What moves first is the publish's own side: {title(result.first_mover or '')}."


def _against(result: Result, rules: Rules) -> Iterator[str]:
    for one in whole_outcomes(result):
        if stands_out(one, rules) or one.p_value is None:
            continue
        if one.none_failed:
            yield f"{_named(one)}: {NONE_FAILED_WORDS}. There is no ratio."
            continue
        if one.ratio is None and not one.censored and one.outcome != DROPS:
            yield f"{_named(one)}: {TOO_FEW}."
            continue
        if one.p_value <= rules.alpha:
            yield f"{_named(one)}: {_size(one)}, {chance(one.p_value)}, but {_alone(one)}."
        else:
            little = result.verdict is Verdict.INSUFFICIENT_DATA
            why = "too little data to tell it from chance" if little else "no more than chance explains"
            yield f"{_named(one)}: {_size(one)}, {chance(one.p_value)}: {why}."
    if result.dose_response is not None and result.dose_response.p_value > rules.alpha:
        yield from (f"No more harm with more load: {one}." for one in dose_words(result))
    yield from (f"{onset_words(one)}: before the publish." for one in result.onsets if one.onset_high_s < 0)
    looks = result.p_anytime if result.provisional else None
    if looks is not None and looks > rules.alpha >= (result.p_value or 0.0):
        yield f"Over all looks {chance(looks)} is more than {rules.alpha:g}."


def _left_out(one: LeftOut) -> str:
    name = WANTED.get(one.signal, title(one.signal))
    return f"{name}: {one.suspect} of {counted(one.samples, 'sample')} left out as suspect"


def _alone(one: OutcomeResult) -> str:
    """Why an excess beyond chance is not counted."""
    if one.p_left_out is None:
        return "one window alone may carry it"
    return f"{chance(one.p_left_out)} with one of the windows left out: that one may carry it alone"


def _named(one: OutcomeResult) -> str:
    return f"{capital(title(one.outcome))} ({one.site or EVERY_SITE})"


def _size(one: OutcomeResult) -> str:
    if one.censored:
        return "so much timed out that no ratio exists"
    known = "" if one.ratio is None else f", 95 % limits {limits(one.ci_low, one.ci_high)}"
    return f"{ratio(one.ratio)}{known}"


def diagnosis_section(result: Result) -> Section:
    """The cause, apart from the publish; the next best; what would tell them apart."""
    found = result.diagnosis
    named = found.cause not in CAUSE_WORDS
    runner_up = f" Next best: {found.runner_up}." if found.runner_up else " No other cause comes near." * named
    blocks: list[Block] = [
        Text(f"Cause: {found.cause}{CAUSE_WORDS.get(found.cause, '')}.{runner_up}", strong=True),
        Text("Found by measurements alone, apart from the question whether the publish is to blame (docs/causes.md)."),
    ]
    blocks += [Bullets(scored(one), one.evidence) for one in found.causes[:MOST_CAUSES] if one.evidence]
    missing = tuple(missing_words(found, WANTED))
    if missing:
        together = found.runner_up is not None
        blocks.append(Bullets("To tell them apart, measure" if together else "Worth measuring", missing))
    return Section("diagnosis", "Diagnosis", tuple(blocks))


def unmeasured_section(
    result: Result, rules: Rules, evidence: Evidence, left: Sequence[LeftOut], missed: Sequence[str]
) -> Section:
    """What nobody measured, what was left out, and what the source has to say.

    left: samples that may not be trusted, by signal. missed: signals without an attempt near any window.
    """
    absent = [words for name, words in WANTED.items() if name not in evidence.series]
    absent += [
        f"{WANTED.get(name, title(name))}: no attempt that may be trusted lies in a window or its tail"
        for name in missed
    ]
    unseen = [] if len(evidence.heads.at_s) else [NO_HEADS if rules.agents is None else TOLD_HEADS]
    blocks: list[Block] = [
        Bullets("Not measured", (*absent, *unseen) or ("Every signal that the verdict and the diagnosis use was.",)),
        Bullets("Observed and left out", (*exposure_words(result), *map(_left_out, left)) or ("Nothing was tested.",)),
        Bullets("Cannot be told apart by this design", result.not_separable or ("Nothing was tested.",)),
    ]
    if result.warnings:
        blocks.append(Bullets("Warnings", result.warnings))
    return Section("unmeasured", "What was not measured", tuple(blocks))
