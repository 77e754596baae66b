"""Which attempts tell something, which failed, and when each may have begun."""

from __future__ import annotations

import math

import pytest

from monitor.analysis.verdict.attempts import attempts_of, drop_events, reconnect_events
from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder


def test_failures_of_our_own_and_pings_on_a_dead_connection_tell_nothing() -> None:
    builder = EvidenceBuilder()
    for n, (value, outcome) in enumerate(
        [(0.03, "ok"), (None, "timeout"), (None, "late"), (None, "not_connected"), (None, "error"), (None, "reset")]
    ):
        builder.sample(signals.WS_RTT, float(n), value, outcome)
    evidence = builder.build()
    found = attempts_of(signals.WS_RTT, evidence.series[signals.WS_RTT], evidence)
    assert found.at_s.tolist() == [0.0, 1.0, 5.0]
    assert found.failed.tolist() == [False, True, True]
    assert found.height[0] == pytest.approx(math.log(0.03))
    assert found.begun_s.tolist() == [pytest.approx(-0.03), 1.0, 5.0]


def test_a_rest_call_that_was_refused_has_failed_however_fast() -> None:
    builder = EvidenceBuilder()
    for n, status in enumerate(("200", "429", "503", "timeout")):
        builder.sample(signals.API, float(n), None if status == "timeout" else 0.04, status)
    evidence = builder.build()
    assert attempts_of(signals.API, evidence.series[signals.API], evidence).failed.tolist() == [False, True, True, True]


def test_a_gathering_fails_by_its_signature_and_its_time_is_no_latency() -> None:
    builder = EvidenceBuilder()
    for n, signature in enumerate(("ok", "slow", "empty", "error", "no_relay")):
        builder.sample(signals.ICE_GATHERING, float(n), 5.0, signature)
    evidence = builder.build()
    found = attempts_of(signals.ICE_GATHERING, evidence.series[signals.ICE_GATHERING], evidence)
    assert found.at_s.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert found.failed.tolist() == [False, False, True, True]
    assert all(math.isnan(height) for height in found.height)


def test_rows_that_count_attempts_tell_of_all_since_the_row_before_in_their_stream() -> None:
    builder = EvidenceBuilder()
    for at_s, value, outcome, target in (
        (60.0, 0.03, "ok", "x"),
        (70.0, 0.03, "ok", "y"),
        (120.0, 0.03, "ok", "x"),
        (120.0, None, "timeout", "x"),
        (130.0, 0.03, "ok", "y"),
    ):
        builder.sample(signals.WS_RTT, at_s, value, outcome, target=target, weight=4.0)
    evidence = builder.build()
    found = attempts_of(signals.WS_RTT, evidence.series[signals.WS_RTT], evidence)
    assert found.begun_s.tolist() == [60.0, 70.0, 60.0, 60.0, 70.0]
    assert len(found.stream_site) == 2


def test_no_call_at_all_is_a_rate_and_covers_the_time_since_the_one_before() -> None:
    builder = EvidenceBuilder()
    builder.sample(signals.API_RATE, 0.0, 0.0)
    builder.sample(signals.API_RATE, 15.0, 5.0)
    evidence = builder.build()
    found = attempts_of(signals.API_RATE, evidence.series[signals.API_RATE], evidence)
    assert found.height.tolist() == [pytest.approx(math.log(0.1)), pytest.approx(math.log(5.0))]
    assert found.begun_s.tolist() == [0.0, 0.0]


def test_suspect_rows_and_suspect_periods_of_a_site_are_left_out() -> None:
    builder = EvidenceBuilder()
    for at_s in (10.0, 20.0, 30.0):
        for site in ("a", "b"):
            builder.sample(signals.WS_RTT, at_s, 0.03, site=site, suspect=at_s == 30.0)
            builder.drop(at_s - 5.0, at_s, site=site)
    builder.suspects.append(Stretch(15.0, 25.0, "b"))
    evidence = builder.build()
    found = attempts_of(signals.WS_RTT, evidence.series[signals.WS_RTT], evidence)
    assert found.at_s.tolist() == [10.0, 10.0, 20.0]
    assert drop_events(evidence.drops, evidence).at_s.tolist() == [10.0, 10.0, 20.0, 30.0, 30.0]


def test_a_drop_of_which_only_the_report_is_known_may_be_a_minute_older() -> None:
    builder = EvidenceBuilder()
    builder.drop(100.0, 100.0)
    builder.drop(180.0, 200.0)
    evidence = builder.build()
    assert drop_events(evidence.drops, evidence).begun_s.tolist() == [40.0, 180.0]


def test_a_reconnect_begins_when_the_session_was_lost() -> None:
    builder = EvidenceBuilder()
    builder.sample(signals.RECONNECT, 100.0, 8.0, "soft")
    evidence = builder.build()
    found = reconnect_events(evidence.series[signals.RECONNECT], evidence)
    assert (found.begun_s.tolist(), found.at_s.tolist()) == ([92.0], [100.0])
