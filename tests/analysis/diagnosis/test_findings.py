"""What is out of order: trouble is told, chance is not."""

from __future__ import annotations

from monitor.analysis.diagnosis.findings import findings, measured, troubled
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import Window
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S, agents, between, drop_all, regular, well


def signs(builder: EvidenceBuilder) -> Signs:
    return Signs(builder.build(), Rules())


def quiet(builder: EvidenceBuilder) -> EvidenceBuilder:
    builder.heads(START_S, 150, site="chicago")
    regular(builder, signals.WS_RTT, well(0.025))
    return builder


def test_some_drops_of_some_agents_are_chance() -> None:
    builder = quiet(EvidenceBuilder())
    drop_all(builder, agents(9), 300.0, apart_s=2.0, reason="reset")
    drop_all(builder, agents(3), 2000.0, apart_s=9.0, reason="ping_timeout", silent_s=58.0)
    assert findings(signs(builder)) == []


def test_many_of_them_within_two_minutes_are_not() -> None:
    builder = quiet(EvidenceBuilder())
    drop_all(builder, agents(60), 300.0, apart_s=1.0, reason="ping_timeout")
    assert findings(signs(builder)) == ["60 connections were lost within 120 s"]


def test_far_too_many_over_hours_are_not() -> None:
    builder = quiet(EvidenceBuilder())
    for n in range(90):
        drop_all(builder, [f"a{n}"], 40.0 * n, reason="reset")
    assert findings(signs(builder)) == ["90 connections were lost in 2 hours with at most 150 agents"]


def test_trouble_of_a_signal_is_told_with_its_figures() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (None, "timeout"), 0.025))
    assert findings(signs(builder)) == ["application ping: 6 of 6 attempts failed, in 1 stretch of trouble"]


def test_when_a_signal_was_in_trouble_is_known() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(600, 780, (None, "timeout"), 0.025))
    ((start_s, end_s),) = troubled(signs(builder))
    assert 590 <= start_s - START_S <= 640
    assert 740 <= end_s - START_S <= 790
    assert troubled(signs(quiet(EvidenceBuilder()))) == []


def test_calls_lost_together_are_told() -> None:
    builder = quiet(EvidenceBuilder())
    drop_all(builder, agents(7), 300.0, layer="ice", reason="checks_failed")
    assert findings(signs(builder)) == ["7 calls were lost within 300 s"]


def test_drops_alone_are_no_measurement() -> None:
    builder = EvidenceBuilder()
    drop_all(builder, agents(5), 0.0)
    assert not measured(signs(builder))
    assert measured(signs(quiet(EvidenceBuilder())))


def with_windows(builder: EvidenceBuilder, drops_in_each: int) -> EvidenceBuilder:
    """Four publish windows a day apart, with a drop every twenty minutes around them."""
    for day in range(4):
        at_s = 86_400.0 * day
        builder.windows.append(Window(start_s=START_S + at_s, end_s=START_S + at_s + 60))
        drop_all(builder, agents(drops_in_each), at_s + 20.0, apart_s=9.0, reason="ping_timeout")
        for n in range(-5, 6):
            drop_all(builder, [f"b{n}"], at_s + 1200.0 * n + 600.0, reason="reset")
    return builder


def test_drops_in_window_after_window_are_told() -> None:
    (told,) = findings(signs(with_windows(EvidenceBuilder(), 8)))
    assert told.startswith("32 connections were lost in 4 publish windows")


def test_one_drop_in_a_window_is_chance() -> None:
    assert findings(signs(with_windows(EvidenceBuilder(), 1))) == []
