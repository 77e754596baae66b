"""Strands: what counts as slow by its own usual level, what is left out, and how it is told."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.diagnosis import strands
from monitor.analysis.diagnosis.episodes import NO_STRETCHES, Stretches
from monitor.analysis.diagnosis.strands import Strand, strand
from monitor.facts import signals
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.words import seconds_text
from tests.analysis.diagnosis.made import START_S, between, regular, well


def pings(builder: EvidenceBuilder, distrusted: Stretches = NO_STRETCHES) -> Strand:
    return strand(builder.build(), strands.PINGS, distrusted)


def test_slow_is_several_times_the_usual_and_noticeably_more() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (0.5, "ok"), 0.025))
    regular(builder, signals.WS_RTT, between(600, 780, (0.2, "ok"), 0.025), site="dallas")  # 8 times, yet only 0.2 s
    found = pings(builder)
    assert found.count(found.slow) == 6
    assert found.stretches.sites() == [builder.code("chicago")]
    assert found.usual_s == pytest.approx(0.025)


def test_what_is_always_too_slow_is_slow_though_it_is_usual() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, well(3.0))
    found = pings(builder)
    assert found.slow.all()


def test_unanswered_is_bad_and_not_asked_is_nothing() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (None, "timeout"), 0.025))
    regular(builder, signals.WS_RTT, between(600, 780, (None, "not_connected"), 0.025), site="dallas")
    found = pings(builder)
    assert found.count(found.failed) == 6
    assert len(found) == 240 - 6
    assert found.share(found.bad, found.during(found.stretches)) == 1.0
    assert found.untouched(found.stretches) == 0.0


def test_each_server_has_a_level_of_its_own() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.API, well(0.05), target="users_me")
    regular(builder, signals.API, well(1.0), target="schedules")
    assert not strand(builder.build(), strands.REST, NO_STRETCHES).bad.any()


def test_what_own_lag_may_have_slowed_is_not_slow() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, well(0.025))
    for n in range(5):
        builder.sample(signals.WS_RTT, START_S + 3600 + n, 0.9, site="chicago", suspect=True)
    assert not pings(builder).bad.any()


def test_distrusted_times_are_left_out() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (None, "timeout"), 0.025))
    edges = np.array([START_S + 500]), np.array([START_S + 900])
    lag = Stretches(*edges, np.array([builder.code("chicago")], dtype=np.int32), np.ones(1), np.ones(1))
    assert not pings(builder, lag).bad.any()


def test_a_site_without_trouble_beside_one_with_it() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (None, "timeout"), 0.025))
    regular(builder, signals.WS_RTT, well(0.025), site="dallas")
    found = pings(builder)
    assert found.untouched(found.stretches) == pytest.approx(0.5)
    assert found.share(found.bad, found.elsewhere(found.stretches)) == 0.0


def test_nothing_measured_has_no_share() -> None:
    found = pings(EvidenceBuilder())
    assert len(found) == 0
    assert found.share(found.bad, found.bad) is None


def test_figures_in_words() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.ICE_SERVERS, between(600, 780, (4.2, "ok"), 0.05))
    found = strand(builder.build(), strands.FETCH, NO_STRETCHES)
    told = found.told(found.during(found.stretches))
    assert told == "ICE-server fetch: 50 ms before, 4.2 s then (p95), 0 of 6 attempts failed"
    assert (seconds_text(0.0244), seconds_text(4.2)) == ("24 ms", "4.2 s")


def test_a_strand_without_an_attempt_there_says_so() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, well(0.03))
    found = pings(builder)
    assert found.told(found.failed) == "application ping: not measured then"
