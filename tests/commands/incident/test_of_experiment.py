"""The report of the demo's experiment: its verdict as it is, every block, always SIMULATED."""

from __future__ import annotations

import pytest

from monitor.analysis.experiment.blocks import NONE, PUBLISH, Block, Drop, Sample, Timeout
from monitor.analysis.experiment.randomised import ExperimentResult, judge
from monitor.commands.incident.document import Code, Document, Figure, Table
from monitor.commands.incident.of_experiment import document_of_experiment
from monitor.commands.incident.page import html
from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.publish.load import LoadResult

T0 = 1_790_000_000.0
ARMS = (PUBLISH, NONE, NONE, PUBLISH, PUBLISH, NONE, PUBLISH, NONE)
BLOCKS = [Block(n + 1, arm, T0 + 10 * n, T0 + 10 * n + 5) for n, arm in enumerate(ARMS)]
LOADS = {block.index: LoadResult(35, {"200": 30, "429": 5}, 5.0) for block in BLOCKS if block.arm == PUBLISH}


def result(slower: float, *, late: bool = False) -> ExperimentResult:
    """Pings and fetches in each block; under load slower by a factor, or all timed out."""
    samples: dict[str, list[Sample]] = {"ws_rtt_seconds": [], "ice_servers_seconds": []}
    timeouts: dict[str, list[Timeout]] = {name: [] for name in samples}
    for block in BLOCKS:
        loaded = block.arm == PUBLISH
        for name in samples:
            for n in range(8):
                at_s = block.start_wall_s + 1 + 0.4 * n
                if loaded and late:
                    timeouts[name].append(Timeout(at_s))
                else:
                    samples[name].append(Sample(at_s, (0.03 + 0.001 * n) * (slower if loaded else 1.0)))
    return judge(BLOCKS, samples, timeouts, [Drop(T0 + 1, T0 + 2)])


def evidence() -> Evidence:
    builder = EvidenceBuilder()
    for n in range(160):
        builder.sample("ws_rtt_seconds", T0 + n / 2, None if n % 40 == 0 else 0.03, "timeout" if n % 40 == 0 else "ok")
    builder.drop(T0 + 1, T0 + 2, site="demo")
    builder.simulated = True
    return builder.build()


def test_a_guilty_platform_is_blamed_and_every_block_is_there() -> None:
    document = document_of_experiment(result(20.0), LOADS, evidence(), "publish_saturates_signalling", 3, T0 + 100)
    assert (document.word, document.tone, document.simulated) == ("caused", "blamed", True)
    assert document.headline == "Caused by the API load, or by what was switched on with it"
    timeline = document.sections[0]
    figure = next(one for one in timeline.blocks if isinstance(one, Figure))
    assert [shade.label for shade in figure.chart.shades] == ["load 1", "load 4", "load 5", "load 7"]
    table = next(one for one in timeline.blocks if isinstance(one, Table))
    assert [row[1] for row in table.rows] == list(ARMS)
    assert table.rows[0][-1] == "200: 30, 429: 5"
    assert table.rows[1][-1] == "none"
    text = html(document)
    assert "SIMULATED DATA" in text
    assert "<script" not in text


def test_an_innocent_platform_is_acquitted() -> None:
    document = document_of_experiment(result(1.0), LOADS, evidence(), "publish_innocent", 3, T0 + 100)
    assert (document.word, document.tone) == ("not_associated", "acquitted")
    assert document.headline == "The API load is acquitted"
    assert document.sentence.startswith("no slow-down of x 2 or more comes with the API load")
    assert any("Not that the API load does nothing at all" in line for line in document.not_said)
    assert "softphone-monitor demo --scenario publish_innocent --seed 3 --seconds 80" in again(document)


def again(document: Document) -> str:
    """The command that does it again."""
    (method,) = (one for one in document.sections if one.anchor == "method")
    return next(one.text for one in method.blocks if isinstance(one, Code))


def test_what_timed_out_has_no_ratio_and_is_no_latency() -> None:
    document = document_of_experiment(result(1.0, late=True), LOADS, evidence(), "x", 3, T0 + 100)
    table = next(one for one in document.sections[0].blocks if isinstance(one, Table))
    assert table.rows[0][2:4] == ("failed", "failed")
    assert "so much timed out that no ratio exists" in " ".join(document.confidence)


@pytest.mark.parametrize("blocks", [0, 1])
def test_too_little_is_a_report_too(blocks: int) -> None:
    few = judge(BLOCKS[:blocks], {}, {})
    document = document_of_experiment(few, {}, EvidenceBuilder().build(), "x", 3, T0 + 100)
    assert document.word == "insufficient_data"
    assert html(document)
