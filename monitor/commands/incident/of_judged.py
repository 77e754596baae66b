"""The report of a verdict on journals or a server: everything it says, as a Document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from monitor.analysis.timeline.days import overview
from monitor.analysis.timeline.drop_kinds import drop_kinds
from monitor.analysis.timeline.measures import left_out
from monitor.analysis.timeline.places import Places, places_of
from monitor.analysis.timeline.runs import RunFigures, raw_of, run_figures, worst
from monitor.analysis.timeline.sites import site_figures
from monitor.analysis.timeline.stacked import Stack, missed, stacked
from monitor.commands.incident.appendix import NO_WINDOW, WHOLE, appendix_section
from monitor.commands.incident.document import Block, Document, Section, Text
from monitor.commands.incident.figures import overview_figure, raw_figure, stack_figure, stack_table
from monitor.commands.incident.grounds import (
    diagnosis_section,
    evidence_section,
    order_section,
    unmeasured_section,
)
from monitor.commands.incident.statement import HEADLINES, QUESTION, TONES, confidence, not_said
from monitor.commands.incident.tables import (
    drop_kinds_section,
    method_section,
    runs_section,
    sites_section,
    strategies_section,
)
from monitor.commands.incident.wording import exact_text
from monitor.commands.judging import Judged
from monitor.commands.verdict_sentence import listed, sentence
from monitor.commands.verdict_text import runs_words
from monitor.facts.evidence import Evidence, Window

TOLD_APART_S: Final = 3600.0


def document_of(found: Judged, made_s: float) -> Document:
    """What the report of a verdict says. made_s: Unix seconds, when it was made."""
    result, rules, evidence = found.result, found.rules, found.evidence
    places = places_of(evidence, rules)
    runs = run_figures(evidence, places)
    stack = stacked(evidence, places)
    near = () if stack is None else missed(evidence, stack)
    named = [site for site in evidence.sites if site]
    return Document(
        title=f"Incident report: {listed(named) if named else 'softphone connections'}",
        simulated=result.simulated,
        facts=tuple(_facts(found, named, made_s)),
        question=QUESTION,
        word=result.verdict.value,
        headline=HEADLINES[result.verdict],
        tone=TONES.get(result.verdict, "open"),
        sentence=sentence(result, rules.margin, rules.alpha),
        confidence=tuple(confidence(result, rules)),
        not_said=tuple(not_said(result, rules)),
        sections=(
            _timeline(found, places, runs, stack),
            order_section(result),
            evidence_section(result, rules),
            diagnosis_section(result),
            unmeasured_section(result, rules, evidence, tuple(left_out(evidence)), near),
            sites_section(result, site_figures(evidence, rules)),
            drop_kinds_section(drop_kinds(evidence)),
            runs_section(runs, rules),
            strategies_section(result, evidence.windows),
            method_section(result, rules, found.words, evidence.windows),
            appendix_section(evidence, WHOLE if evidence.windows else NO_WINDOW),
        ),
    )


def _facts(found: Judged, sites: list[str], made_s: float) -> Iterator[tuple[str, str]]:
    zone, span = found.rules.zone, found.evidence.span
    yield "site" if len(sites) == 1 else "sites", listed(sites) if sites else "not named"
    if span is not None:
        yield "observed", f"{exact_text(span[0], zone)} to {exact_text(span[1], zone)} ({zone})"
    yield from _measured(found.evidence, zone)
    yield "publish", runs_words(found.result)
    yield "made", f"{exact_text(made_s, zone)} ({zone})"
    if found.result.simulated:
        yield "data", "SIMULATED: measured on a simulated platform, not on a real one"


def _measured(evidence: Evidence, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """The first and the last measurement or drop, where the observed period is longer than that."""
    columns = (evidence.drops.noticed_s, *(one.at_s for one in evidence.series.values()))
    known = [column for column in columns if len(column)]
    if evidence.span is None or not known:
        return
    first_s, last_s = min(float(one[0]) for one in known), max(float(one[-1]) for one in known)
    if first_s - evidence.span[0] >= TOLD_APART_S or evidence.span[1] - last_s >= TOLD_APART_S:
        yield "measured", f"from {exact_text(first_s, zone)} to {exact_text(last_s, zone)}"


def _timeline(found: Judged, places: Places, runs: tuple[RunFigures, ...], stack: Stack | None) -> Section:
    evidence, rules = found.evidence, found.rules
    whole, chosen = overview(evidence, rules, places), worst(runs)
    counts = found.result.events_in + found.result.events_out
    blocks: list[Block] = [] if whole is None else [overview_figure(whole, counts)]
    if stack is not None:
        blocks += [stack_figure(stack), stack_table(stack)]
    if chosen is not None:
        raw = raw_of(evidence, chosen.window, rules.tail_s)
        blocks.append(raw_figure(raw, rules.zone, _batches_s(found, chosen.window)))
    nothing = Text("No publish window is known in this period: there is nothing to lay over one another.")
    return Section("timeline", "Timeline", tuple(blocks if stack is not None else [*blocks, nothing]))


def _batches_s(found: Judged, window: Window) -> tuple[float, ...]:
    """When the batches of a window's run were done."""
    same = [run for run in found.runs if (run.job, run.run_id) == (window.job, window.run_id)]
    return tuple(batch.at_wall_s for run in same for batch in run.batches)
