"""The report of a live randomised experiment on the simulator: its blocks, its verdict, its minutes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final

from monitor.analysis.experiment.blocks import PUBLISH, Cell
from monitor.analysis.experiment.randomised import PRIMARY_SIGNALS, ExperimentResult, SignalResult
from monitor.analysis.timeline.measures import SHARES, harm, measures
from monitor.analysis.verdict.result import Verdict
from monitor.commands.demo_text import TITLES, sentence
from monitor.commands.incident.appendix import appendix_section
from monitor.commands.incident.document import (
    Bars,
    Block,
    Bullets,
    Chart,
    Code,
    Document,
    Dots,
    Figure,
    Look,
    Panel,
    Section,
    Shade,
    Table,
    Text,
)
from monitor.commands.incident.statement import HEADLINES, TONES
from monitor.commands.incident.tables import versions_table
from monitor.commands.incident.wording import capital, exact_text, seconds_of
from monitor.commands.verdict_sentence import chance, limits, ratio, title
from monitor.facts.evidence import Evidence
from monitor.facts.words import counted
from monitor.publish.load import LoadResult

QUESTION: Final = "Does API load, as a publish makes it, slow the softphones' signalling on this simulated platform?"
LOAD_HEADLINES: Final = {
    Verdict.CAUSED: "Caused by the API load, or by what was switched on with it",
    Verdict.NOT_ASSOCIATED: "The API load is acquitted",
}
BUCKET_S: Final = 2.0  # of the drops
MARGIN_S: Final = 2.0  # shown before the first and after the last block
NO_FILE: Final = (
    "What the monitor measured, as the files that analyze reads. The experiment itself is judged by its blocks, not by "
    "these windows: to do it again, run the command above."
)


def document_of_experiment(
    result: ExperimentResult,
    loads: Mapping[int, LoadResult],
    evidence: Evidence,
    scenario: str,
    seed: int,
    made_s: float,
) -> Document:
    """What the report of an experiment says. loads: by block index. made_s: Unix seconds."""
    return Document(
        title=f"Experiment report: {scenario}",
        simulated=True,
        facts=tuple(_facts(result, scenario, seed, made_s)),
        question=QUESTION,
        word=result.verdict.value,
        headline=_headline(result.verdict),
        tone=TONES.get(result.verdict, "open"),
        sentence=sentence(result, ": all upper 95 % limits are below it."),
        confidence=tuple(_confidence(result)),
        not_said=tuple(_not_said(result)),
        sections=(
            Section("timeline", "Timeline", (_figure(result, evidence), _blocks_table(result, loads))),
            _evidence_section(result),
            _method_section(result, scenario, seed),
            appendix_section(evidence, whole=NO_FILE),
        ),
    )


def _headline(verdict: Verdict) -> str:
    return LOAD_HEADLINES.get(verdict, HEADLINES[verdict])


def _facts(result: ExperimentResult, scenario: str, seed: int, made_s: float) -> Iterator[tuple[str, str]]:
    loaded = sum(row.block.arm == PUBLISH for row in result.blocks)
    yield "scenario", scenario
    yield "blocks", f"{len(result.blocks)}, of which chance (seed {seed}) gave load to {loaded}"
    if result.blocks:
        first, last = result.blocks[0].block.start_wall_s, result.blocks[-1].block.end_wall_s
        yield "observed", f"{exact_text(first, UTC)} to {exact_text(last, UTC)} (UTC)"
    yield "made", f"{exact_text(made_s, UTC)} (UTC)"
    yield "data", "SIMULATED: measured on a simulated platform, not on a real one"


def _confidence(result: ExperimentResult) -> Iterator[str]:
    yield from (f"{capital(TITLES[one.signal])}: {_size(one)}." for one in result.signals)
    if result.p_value is not None:
        yield f"A slow-down like this by chance alone: {chance(result.p_value)}; the limit is {result.rules.alpha:g}."


def _not_said(result: ExperimentResult) -> Iterator[str]:
    yield "Anything about a real platform: everything here was measured on a simulator."
    if result.verdict is Verdict.NOT_ASSOCIATED:
        yield (
            "Not that the API load does nothing at all: only that, at 95 % confidence, it does less than the limits "
            "above."
        )
    yield "Whether connections drop: drops are shown, and untested at this length."
    yield from (f"It cannot tell apart: {one}." for one in result.not_separable)


def _evidence_section(result: ExperimentResult) -> Section:
    alpha = result.rules.alpha
    speaks_for = tuple(_told(one) for one in result.signals if one.p_value <= alpha)
    against = tuple(_told(one) for one in result.signals if one.p_value > alpha)
    drops = ", ".join(f"{count} in {arm} blocks" for arm, count in result.drops.items())
    blocks: list[Block] = [
        Bullets("For the suspicion", speaks_for or ("Nothing.",), "for"),
        Bullets("Against it, or not enough for it", (*against, *result.vetoes) or ("Nothing.",), "against"),
        Text(f"Drops: {drops}, {result.drops_elsewhere} elsewhere; untested at this length."),
    ]
    if result.warnings:
        blocks.append(Bullets("Warnings", result.warnings))
    return Section("evidence", "Evidence and counter-evidence", tuple(blocks))


def _told(one: SignalResult) -> str:
    left_out = "" if one.p_left_out is None else f"; {chance(one.p_left_out)} with any one block left out"
    return f"{capital(TITLES[one.signal])}: {_size(one)}{left_out}."


def _method_section(result: ExperimentResult, scenario: str, seed: int) -> Section:
    command = f"softphone-monitor demo --scenario {scenario} --seed {seed}{_seconds(result)}"
    again = Code("To do it again (live, so figures differ by what the machine adds)", command)
    return Section("method", "Method", (Text(result.method), versions_table(), again))


def _seconds(result: ExperimentResult) -> str:
    """The option that makes as many blocks of the same length: they begin at even distances."""
    blocks = [row.block for row in result.blocks]
    if len(blocks) < 2:
        return ""
    step_s = (blocks[-1].start_wall_s - blocks[0].start_wall_s) / (len(blocks) - 1)
    return f" --seconds {step_s * len(blocks):.0f}"


def _blocks_table(result: ExperimentResult, loads: Mapping[int, LoadResult]) -> Table | Text:
    """What was done in each block and what was seen: the figure in words."""
    columns = ("block", "arm", *(f"{TITLES[signal]}, median" for signal in PRIMARY_SIGNALS), "drops", "API calls")
    rows = tuple(
        (
            str(row.block.index),
            row.block.arm,
            *(_cell(row.cells[signal]) for signal in PRIMARY_SIGNALS),
            str(row.drops),
            _calls(loads.get(row.block.index)),
        )
        for row in result.blocks
    )
    return Table("Block by block", columns, rows, (0, 2, 3, 4)) if rows else Text("No block was measured.")


def _size(one: SignalResult) -> str:
    if one.ratio is None:
        return f"so much timed out that no ratio exists, {chance(one.p_value)}"
    known = "" if one.ci_low is None and one.ci_high is None else f", 95 % limits {limits(one.ci_low, one.ci_high)}"
    return (
        f"{ratio(one.ratio)} under load{known} ({seconds_of(one.publish_s)} against {seconds_of(one.none_s)}), "
        f"{chance(one.p_value)}"
    )


def _cell(cell: Cell) -> str:
    return seconds_of(math.inf if cell.censored else cell.median_s)


def _calls(load: LoadResult | None) -> str:
    return "none" if load is None else ", ".join(f"{status}: {count}" for status, count in load.statuses.items())


def _figure(result: ExperimentResult, evidence: Evidence) -> Figure:
    """The minutes of the experiment, blocks with load shaded."""
    begin_s = result.blocks[0].block.start_wall_s if result.blocks else 0.0
    end_s = result.blocks[-1].block.end_wall_s if result.blocks else 1.0
    start, end = -MARGIN_S, end_s - begin_s + MARGIN_S
    shades = tuple(
        Shade(row.block.start_wall_s - begin_s, row.block.end_wall_s - begin_s, f"load {row.block.index}")
        for row in result.blocks
        if row.block.arm == PUBLISH
    )
    step = 10 if end <= 150 else 60
    ticks = tuple((float(second), str(second)) for second in range(0, int(end) + 1, step))
    panels = (_drops(evidence, begin_s, start, end), *_samples(evidence, begin_s, start, end))
    chart = Chart(start, end, ticks, "seconds after the start of the first block", panels, shades)
    text = (
        f"{counted(len(result.blocks), 'block')}; those with API load are shaded. Every sample is a dot, a cross at "
        "the top is one that failed or timed out. The figures are in the table below."
    )
    return Figure("The experiment as measured", text, chart)


def _drops(evidence: Evidence, begin_s: float, start: float, end: float) -> Panel:
    count = max(1, math.ceil((end - start) / BUCKET_S))
    edges = tuple(start + place * BUCKET_S for place in range(count + 1))
    counts = [0.0] * count
    for noticed_s in harm(evidence).noticed_s.tolist():
        if start <= noticed_s - begin_s < end:
            counts[min(count - 1, int((noticed_s - begin_s - start) / BUCKET_S))] += 1
    return Panel("drops (noticed)", "count", (Bars(Look.MAIN, edges, tuple(counts)),))


def _samples(evidence: Evidence, begin_s: float, start: float, end: float) -> Iterator[Panel]:
    for one in measures(evidence):
        near = one.between(begin_s + start, begin_s + end)
        if one.signal not in SHARES and len(near.at_s):
            dots = Dots(Look.MAIN, tuple((near.at_s - begin_s).tolist()), tuple(near.value.tolist()))
            yield Panel(title(one.signal), "s", (dots,), logarithmic=True)
