"""Drops: silences that are constants, bursts, and reasons."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.diagnosis.drops import bursts, constant_silence, of_reasons, signalling
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import agents, drop_all


def everything(builder: EvidenceBuilder) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(builder.build().drops), dtype=np.bool_)


def test_many_drops_after_the_same_silence_show_a_constant() -> None:
    builder = EvidenceBuilder()
    for n in range(8):
        drop_all(builder, [f"a{n}"], 100.0 * n, silent_s=60.0 + 0.2 * n, reason="reset")
    for n in range(3):
        drop_all(builder, [f"b{n}"], 50.0 + 100.0 * n, silent_s=25.0 + 15.0 * n, reason="reset")
    drop_all(builder, agents(20), 900.0, silent_s=5.0, reason="reset")  # no silence worth the name
    found = constant_silence(builder.build(), everything(builder))
    assert found is not None
    assert (found.count, found.silence_s) == (8, pytest.approx(60.7, abs=0.5))
    assert found.share == pytest.approx(8 / 11)


def test_the_interval_of_a_scrape_is_no_silence() -> None:
    builder = EvidenceBuilder()
    for n in range(8):
        drop_all(builder, [""], 100.0 * n, silent_s=60.0)
    assert constant_silence(builder.build(), everything(builder)) is None


def test_a_burst_is_told_once() -> None:
    builder = EvidenceBuilder()
    drop_all(builder, agents(12), 100.0, apart_s=5.0)
    drop_all(builder, agents(3), 1000.0)
    evidence = builder.build()
    found = bursts(evidence, signalling(evidence), 120.0, 10)
    assert [count for _, _, count in found] == [12]


def test_reasons_and_layers() -> None:
    builder = EvidenceBuilder()
    drop_all(builder, agents(2), 0.0, reason="auth")
    drop_all(builder, agents(1), 10.0, layer="media", reason="silence")
    drop_all(builder, agents(1), 20.0, layer="", reason="")
    evidence = builder.build()
    assert of_reasons(evidence, ("auth",)).sum() == 2
    assert signalling(evidence).tolist() == [True, True, False, True]
