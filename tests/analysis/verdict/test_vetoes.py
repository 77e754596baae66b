"""What forbids blame: own lag, the loopback control, suspect time; and that STUN does not."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.analysis.verdict.observed import observe
from monitor.analysis.verdict.placed import place
from monitor.analysis.verdict.rules import Rules
from monitor.analysis.verdict.vetoes import vetoes
from monitor.facts import signals
from monitor.facts.evidence import Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder

RULES = Rules()
CALENDAR = LocalCalendar(RULES, frozenset(range(7)))
SPAN = 0.0, 20_000.0
WINDOW = Window(start_s=10_000.0, end_s=10_600.0)


def forbidden(builder: EvidenceBuilder, *harmed: str) -> list[str]:
    placed = place([WINDOW], CALENDAR, 300.0)
    observed = observe(builder.build(SPAN), RULES, CALENDAR.work_days(*SPAN), SPAN, placed.tested)
    return list(vetoes(observed, placed.tested, harmed))


def moved(signal: str, usual: float, inside: float, builder: EvidenceBuilder | None = None) -> EvidenceBuilder:
    builder = builder or EvidenceBuilder()
    for at_s in np.arange(6000.0, 14_000.0, 20.0):
        builder.sample(signal, float(at_s), inside if 10_000.0 <= at_s < 10_900.0 else usual)
    return builder


@pytest.mark.parametrize("signal", [signals.LOOP_LAG, signals.LOOPBACK_RTT])
def test_our_own_trouble_in_the_windows_forbids_blame(signal: str) -> None:
    assert len(forbidden(moved(signal, 0.001, 0.2))) == 1
    assert forbidden(moved(signal, 0.2, 0.2)) == []
    assert forbidden(moved(signal, 0.001, 0.005)) == []


def test_lag_that_explains_little_of_a_slow_ping_forbids_nothing() -> None:
    slow = moved(signals.WS_RTT, 0.02, 2.0)
    assert forbidden(moved(signals.LOOP_LAG, 0.001, 0.2, slow), signals.WS_RTT) == []
    assert len(forbidden(moved(signals.LOOP_LAG, 0.001, 0.9, slow), signals.WS_RTT)) == 1


def test_a_server_that_moves_redirects_and_forbids_nothing() -> None:
    assert forbidden(moved(signals.STUN_RTT, 0.02, 3.0)) == []


def test_suspect_time_and_suspect_samples_forbid_blame() -> None:
    builder = EvidenceBuilder()
    builder.drop(1.0, 1.0)
    builder.suspects.append(Stretch(10_000.0, 10_300.0))
    assert forbidden(builder) == ["33% of the windows' time is suspect of the monitor's own trouble"]
    builder = EvidenceBuilder()
    for n in range(20):
        builder.sample(signals.WS_RTT, 10_000.0 + 20 * n, 0.02, suspect=n % 2 == 0)
    assert forbidden(builder) == ["10 of 20 samples in the windows are suspect of own lag"]
