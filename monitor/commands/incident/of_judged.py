"""The report of a verdict on journals or a server: everything it says, as a Document."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.analysis.timeline.days import overview
from monitor.analysis.timeline.places import Places, places_of
from monitor.analysis.timeline.runs import RunFigures, raw_of, run_figures, worst
from monitor.analysis.timeline.sites import site_figures
from monitor.analysis.timeline.stacked import stacked
from monitor.commands.incident.appendix import appendix_section
from monitor.commands.incident.document import Block, Document, Section, Text
from monitor.commands.incident.figures import overview_figure, raw_figure, stack_figure, stack_table
from monitor.commands.incident.grounds import (
    diagnosis_section,
    evidence_section,
    order_section,
    unmeasured_section,
)
from monitor.commands.incident.statement import HEADLINES, QUESTION, TONES, confidence, not_said
from monitor.commands.incident.tables import method_section, runs_section, sites_section, strategies_section
from monitor.commands.incident.wording import exact_text
from monitor.commands.judging import Judged
from monitor.commands.verdict_sentence import listed, sentence
from monitor.facts.evidence import Window
from monitor.facts.words import counted


def document_of(found: Judged, made_s: float) -> Document:
    """What the report of a verdict says. made_s: Unix seconds, when it was made."""
    result, rules, evidence = found.result, found.rules, found.evidence
    places = places_of(evidence, rules)
    runs = run_figures(evidence, places)
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
            _timeline(found, places, runs),
            order_section(result),
            evidence_section(result, rules),
            diagnosis_section(result),
            unmeasured_section(result, rules, evidence),
            sites_section(result, site_figures(evidence, places)),
            runs_section(runs, rules),
            strategies_section(result),
            method_section(result, rules, found.words),
            appendix_section(evidence),
        ),
    )


def _facts(found: Judged, sites: list[str], made_s: float) -> Iterator[tuple[str, str]]:
    zone, span = found.rules.zone, found.evidence.span
    yield "site" if len(sites) == 1 else "sites", listed(sites) if sites else "not named"
    if span is not None:
        yield "observed", f"{exact_text(span[0], zone)} to {exact_text(span[1], zone)} ({zone})"
    windows = f"{counted(found.result.windows, 'window')} in {counted(found.result.weeks, 'week')}"
    yield "publish", f"{windows}{f', {found.result.design}' if found.result.design else ''}"
    yield "made", f"{exact_text(made_s, zone)} ({zone})"
    if found.result.simulated:
        yield "data", "SIMULATED: measured on a simulated platform, not on a real one"


def _timeline(found: Judged, places: Places, runs: tuple[RunFigures, ...]) -> Section:
    evidence, rules = found.evidence, found.rules
    whole, stack, chosen = overview(evidence, rules, places), stacked(evidence, places), worst(runs)
    blocks: list[Block] = [] if whole is None else [overview_figure(whole)]
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
