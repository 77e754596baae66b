"""What a report says: the parts in order, never more than the verdict, and what is not known as not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from verdict_results import ON_NOTHING

from monitor.analysis.verdict.result import StrategyResult, Verdict
from monitor.commands.incident.document import Bullets, Code, Document, Figure, Section, Table, Text
from monitor.commands.incident.of_judged import document_of
from monitor.commands.incident.statement import HEADLINES, HOW_OFTEN_BLAMED, TONES, confidence, not_said
from monitor.commands.incident.tables import strategies_section
from monitor.commands.judging import Judged
from monitor.facts import signals
from monitor.facts.evidence import Window
from monitor.facts.runs import Batch, Run
from tests.commands.incident.judged_weeks import judge, judged_weeks

ROOT = Path(__file__).parents[3]
MADE_S = 1_790_000_000.0


def section(document: Document, anchor: str) -> Section:
    return next(one for one in document.sections if one.anchor == anchor)


def words_of(document: Document) -> str:
    parts = [document.headline, document.sentence, *document.confidence, *document.not_said]
    return " ".join(parts)


@pytest.fixture(scope="module")
def guilty() -> Judged:
    return judged_weeks("effect_one_site")


def test_the_parts_come_in_order(guilty: Judged) -> None:
    document = document_of(guilty, MADE_S)
    anchors = [one.anchor for one in document.sections]
    assert anchors == [
        *("timeline", "order", "evidence", "diagnosis", "unmeasured", "sites", "drops", "runs", "strategies", "method"),
        "data",
    ]
    figures = [block for block in section(document, "timeline").blocks if isinstance(block, Figure)]
    assert len(figures) == 3
    assert all(figure.text for figure in figures)


def test_blame_is_not_called_proof(guilty: Judged) -> None:
    document = document_of(guilty, MADE_S)
    assert (document.word, document.tone) == ("associated", "blamed")
    said = words_of(document)
    assert "no proof" in said
    assert "is the cause" not in said.replace("that the publish is the cause", "")
    assert HOW_OFTEN_BLAMED in document.confidence


def test_an_acquittal_says_what_can_still_hide() -> None:
    acquitted = judged_weeks("null_daily_peak")
    outcomes = acquitted.result.outcomes
    result = replace(
        acquitted.result,
        verdict=Verdict.NOT_ASSOCIATED,
        rate_ratio=0.8,
        ci_low=0.4,
        ci_high=1.5,
        events_in=40.0,
        windows=5,
        outcomes=tuple(replace(one, ci_high=1.5 if one.outcome == "drops" else None) for one in outcomes),
    )
    said = " ".join(confidence(result, acquitted.rules))
    assert "the upper 95 % limit is x 1.50 the usual, below the margin of x 2" in said
    assert "ruled out;" not in said
    assert "up to about 5 more drops a window" in said
    assert "No such limit exists for ping round trip" in said
    assert "not that the publish does nothing at all" in " ".join(not_said(result, acquitted.rules))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_words(guilty: Judged, verdict: Verdict) -> None:
    found = replace(guilty, result=replace(guilty.result, verdict=verdict))
    document = document_of(found, MADE_S)
    assert document.headline == HEADLINES[verdict]
    assert document.not_said
    if verdict not in (Verdict.ASSOCIATED, Verdict.CAUSED):
        assert document.tone != "blamed"
        assert "comes with the publish" not in document.headline
    assert set(TONES.values()) == {"blamed", "acquitted"}


def test_the_counted_figures_are_those_of_the_documentation() -> None:
    told = (ROOT / "docs" / "verdict.md").read_text()
    assert "| **all** | 0.4 % | 2.2 % |" in told
    assert "| tuesday_peak | 56 % |" in told
    assert all(figure in HOW_OFTEN_BLAMED for figure in ("0.4 %", "2.2 %", "56 %"))


def test_evidence_is_sorted_into_for_and_against(guilty: Judged) -> None:
    lists = [one for one in section(document_of(guilty, MADE_S), "evidence").blocks if isinstance(one, Bullets)]
    speaks_for, against = (next(one for one in lists if one.sign == sign) for sign in ("for", "against"))
    assert any(item.startswith("ICE-server fetch") for item in speaks_for.items)
    assert any(item.startswith("Failed ICE gatherings") and "no attempt failed" in item for item in against.items)
    assert not any("limits 1.00 to 1.00" in item for item in against.items)
    by_chance = replace(guilty.result.outcomes[0], p_value=0.4, p_left_out=0.6)
    other = replace(guilty, result=replace(guilty.result, outcomes=(by_chance,)))
    assert any("no more than chance explains" in item for item in _against(other))
    little = replace(other, result=replace(other.result, verdict=Verdict.INSUFFICIENT_DATA))
    assert any("too little data to tell it from chance" in item for item in _against(little))


def _against(found: Judged) -> tuple[str, ...]:
    blocks = section(document_of(found, MADE_S), "evidence").blocks
    return next(one.items for one in blocks if isinstance(one, Bullets) and one.sign == "against")


def test_nothing_tested_is_not_told_as_nothing_found(guilty: Judged) -> None:
    bare = replace(guilty, result=replace(guilty.result, verdict=Verdict.INSUFFICIENT_DATA, outcomes=(), onsets=()))
    document = document_of(replace(bare, result=replace(bare.result, order=None)), MADE_S)
    blocks = section(document, "evidence").blocks
    told = [one.items for one in blocks if isinstance(one, Bullets) and one.sign]
    assert told == [("Not judged: no window could be tested.",)] * 2
    (order,) = section(document, "order").blocks
    assert isinstance(order, Text)
    assert order.text == "Order not judged: no window could be tested."


def test_an_acquittal_has_no_order(guilty: Judged) -> None:
    acquitted = replace(guilty, result=replace(guilty.result, verdict=Verdict.NOT_ASSOCIATED))
    (order,) = section(document_of(acquitted, MADE_S), "order").blocks
    assert isinstance(order, Text)
    assert order.text.startswith("Not told: the publish is acquitted")


@pytest.mark.parametrize(
    ("dealt", "design", "words"),
    [
        ((False, False), "weekly", "as they came, not dealt by chance"),
        ((True, False), "weekly", "1 of 2 windows were dealt by chance"),
        ((True, True), "weekly", "Dealt by chance, but this verdict's design could not use that"),
        ((True, True), "randomised", "Dealt by chance. The verdict compares publishing with not publishing"),
    ],
)
def test_ways_say_whether_chance_dealt_them(guilty: Judged, dealt: tuple[bool, bool], design: str, words: str) -> None:
    ways = (StrategyResult("a", 1, 3.0, 2.0), StrategyResult("b", 1, 0.0, None))
    windows = [
        Window(start_s=n, end_s=n + 1.0, strategy=way.strategy, randomised=chance)
        for n, (way, chance) in enumerate(zip(ways, dealt, strict=True))
    ]
    text, table = strategies_section(replace(guilty.result, strategies=ways, design=design), windows).blocks
    assert isinstance(text, Text)
    assert words in text.text
    assert isinstance(table, Table)
    assert table.rows[1][-1] == "no ratio"


def test_samples_left_out_as_suspect_are_counted(guilty: Judged) -> None:
    series = dict(guilty.evidence.series)
    pings = series[signals.WS_RTT]
    series[signals.WS_RTT] = replace(pings, suspect=np.ones(len(pings), dtype=np.bool_))
    found = judge(replace(guilty.evidence, series=series), "effect_one_site")
    document = document_of(found, MADE_S)
    lists = [one for one in section(document, "unmeasured").blocks if isinstance(one, Bullets)]
    assert (
        "the softphone's ping round trip: no attempt that may be trusted lies in a window or its tail" in lists[0].items
    )
    count = f"{len(pings)} of {len(pings)} samples"
    assert f"the softphone's ping round trip: {count} left out as suspect" in lists[1].items
    figures = [one for one in section(document, "timeline").blocks if isinstance(one, Figure)]
    assert all(panel.title != "ping round trip" for figure in figures for panel in figure.chart.panels)


def test_figures_of_one_report_agree(guilty: Judged) -> None:
    document = document_of(guilty, MADE_S)
    (table,) = (one for one in section(document, "sites").blocks if isinstance(one, Table))
    sums = [sum(int(row[column]) for row in table.rows) for column in (2, 3)]
    assert sums == [guilty.result.events_in, guilty.result.events_out]


def test_what_was_not_measured_is_told(guilty: Judged) -> None:
    bare = judge(replace(guilty.evidence, series={}), "effect_one_site")
    lists = [one for one in section(document_of(bare, MADE_S), "unmeasured").blocks if isinstance(one, Bullets)]
    assert {"media", "STUN servers", "the ICE-server fetch"} <= set(lists[0].items)
    (table,) = (one for one in section(document_of(bare, MADE_S), "runs").blocks if isinstance(one, Table))
    assert {row[7:] for row in table.rows} == {("-", "-", "-")}


def test_without_a_window_there_is_a_report_all_the_same(guilty: Judged) -> None:
    none = judge(replace(guilty.evidence, windows=()), "effect_one_site")
    document = document_of(none, MADE_S)
    assert document.word == "insufficient_data"
    assert sum(isinstance(block, Figure) for block in section(document, "timeline").blocks) == 1
    assert not any(isinstance(block, Table) for block in section(document, "runs").blocks)
    assert ("publish", "no window known") in document.facts
    assert not any(isinstance(block, Code) for block in section(document, "method").blocks)


def test_batches_of_the_drawn_window_are_marked(guilty: Judged) -> None:
    runs = tuple(
        Run(
            job=window.job,
            run_id=window.run_id,
            start_wall_s=window.start_s,
            start_min_wall_s=None,
            start_max_wall_s=None,
            end_wall_s=window.end_s,
            end_min_wall_s=None,
            end_max_wall_s=None,
            outcome="ok",
            batches=(Batch(at_wall_s=window.start_s + 90.0, size=5, outcome="ok"),),
        )
        for window in guilty.evidence.windows
    )
    document = document_of(replace(guilty, runs=runs), MADE_S)
    raw = [block for block in section(document, "timeline").blocks if isinstance(block, Figure)][-1]
    assert raw.chart.cuts == (1.5,)
    assert "1 batch" in raw.text


def test_nothing_known_at_all_is_a_report_too() -> None:
    base = judged_weeks("effect_one_site")
    bare = replace(base.evidence, series={}, windows=(), span=None, drops=base.evidence.drops.where(slice(0, 0)))  # type: ignore[arg-type]
    document = document_of(replace(base, evidence=bare, result=ON_NOTHING), MADE_S)
    assert document.tone == "open"
