"""Steps of the wall clock: told by every probe's grid, and not to be taken for a pause, a restart or a busy machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.analysis.diagnosis.clock import steps
from monitor.analysis.diagnosis.episodes import NO_STRETCHES, Stretches
from monitor.facts import signals
from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S

PROBES = (
    (signals.NOTIFICATION_RTT, "heartbeat-1", 30.0, 0.0, 0.025),
    (signals.ICE_SERVERS, "signalling-1", 60.0, 7.0, 0.05),
    (signals.API, "api-1", 60.0, 21.0, 0.04),
    (signals.LOOP_LAG, "prober", 60.0, 33.0, 0.001),
    (signals.ICE_GATHERING, "gathering-1", 60.0, 48.0, 0.05),
)


def stepped(*jumps: tuple[float, float], builder: EvidenceBuilder | None = None) -> Evidence:
    """Two hours of five probes whose wall clock jumped at these times by so much."""
    builder = builder or EvidenceBuilder()
    for signal, probe, every_s, phase_s, value in PROBES:
        for n in range(round(7200 / every_s)):
            at_s = phase_s + n * every_s
            shown_s = START_S + at_s + sum(by for when, by in jumps if at_s >= when)
            length_s = 0.0 if signal == signals.LOOP_LAG else value
            builder.sample(signal, shown_s + length_s, value, site="chicago", probe=probe)
    return builder.build()


@pytest.mark.parametrize("by_s", [-40.0, -3.0, 3.0, 17.0, 45.0])
def test_a_step_is_found_with_its_size(by_s: float) -> None:
    (found,) = steps(stepped((3000.0, by_s)), NO_STRETCHES)
    assert found.by_s == pytest.approx(by_s, abs=0.1)
    assert found.at_s == pytest.approx(START_S + 3000.0, abs=120.0)


def test_there_and_back_are_two() -> None:
    assert [round(one.by_s) for one in steps(stepped((2000.0, 20.0), (5000.0, -20.0)), NO_STRETCHES)] == [20, -20]


def test_a_steady_clock_has_none() -> None:
    assert steps(stepped(), NO_STRETCHES) == []


def test_a_pause_of_whole_slots_is_none() -> None:
    whole = stepped()
    keep = {
        name: rows.where((rows.at_s < START_S + 3000) | (rows.at_s > START_S + 3185))
        for name, rows in whole.series.items()
    }
    assert steps(replace(whole, series=keep), NO_STRETCHES) == []


def test_a_monitor_that_started_anew_is_none() -> None:
    builder = EvidenceBuilder()
    builder.sample(signals.phase_signal("sasl"), START_S + 3020.0, 0.02, site="chicago", probe="synthetic-chicago")
    assert steps(stepped((3000.0, 17.0), builder=builder), NO_STRETCHES) == []


def test_slots_of_a_busy_machine_prove_nothing() -> None:
    evidence = stepped((3000.0, 17.0))
    edges = np.array([START_S + 2900]), np.array([START_S + 3100])
    lag = Stretches(*edges, np.array([evidence.code("chicago")], dtype=np.int32), np.ones(1), np.ones(1))
    assert steps(evidence, lag) == []
