"""Signalling as a service: what does not fit saturation, a herd or a restart."""

from __future__ import annotations

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import Diagnosis
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S, Attempt, agents, between, drop_all, regular, well

LATE: Attempt = (3.0, "ok")
LOST: Attempt = (None, "timeout")
TROUBLE = (1200.0, 1500.0)


def told(
    *,
    fetch: Attempt = (6.0, "ok"),
    stun: Attempt = (0.022, "ok"),
    edge: Attempt = (0.02, "ok"),
    tcp: Attempt | None = None,
) -> Diagnosis:
    """Pings are late for five minutes; the rest is as given meanwhile. tcp None: the kernel does not tell."""
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, between(*TROUBLE, LATE, 0.025))
    regular(builder, signals.ICE_SERVERS, between(*TROUBLE, fetch, 0.05), phase_s=9.0)
    regular(builder, signals.STUN_RTT, between(*TROUBLE, stun, 0.022), target="stun/udp", phase_s=11.0)
    regular(builder, signals.EDGE_RTT, between(*TROUBLE, edge, 0.02), phase_s=13.0)
    if tcp is not None:
        regular(builder, signals.TCP_RTT, between(*TROUBLE, tcp, 0.018))
    return diagnose(builder.build(), Rules())


def test_pings_and_fetches_late_together_with_a_good_path() -> None:
    found = told()
    assert found.cause == "signalling_saturated"
    assert "ICE-server fetch: 50 ms before, 6.0 s then (p95), 0 of 10 attempts failed" in found.causes[0].evidence


def test_fetches_that_stay_quick_do_not_fit() -> None:
    assert told(fetch=(0.05, "ok")).cause == "unknown"


def test_a_bad_path_explains_late_pings_without_the_service() -> None:
    assert told(stun=LOST, edge=LATE).cause != "signalling_saturated"


def test_a_flat_tcp_round_trip_is_told_and_takes_nothing_away() -> None:
    found = told(tcp=(0.018, "ok"))
    assert found.cause == "signalling_saturated"
    assert found.causes[0].score == told().causes[0].score
    assert "TCP round trip: flat at 18 ms (p95), 0 of 10 attempts failed: the path itself" in found.causes[0].evidence


def test_pings_that_are_late_as_their_tcp_is_are_the_paths() -> None:
    assert told(tcp=(2.5, "ok")).cause != "signalling_saturated"


def test_stun_alone_may_have_a_trouble_of_its_own() -> None:
    found = told(stun=LOST)
    assert {found.cause, found.runner_up} == {"signalling_saturated", "stun_unreachable"}


def herd(after: Attempt) -> Diagnosis:
    """Everybody drops at once, and pings are like that afterwards."""
    builder = EvidenceBuilder()
    builder.heads(START_S, 50, site="chicago")
    drop_all(builder, agents(50), 1180.0)
    for n in range(50):
        builder.sample(signals.RECONNECT, START_S + 1186.0, 6.0, "soft", site="chicago", target=f"chicago-{n}")
    regular(builder, signals.WS_RTT, between(*TROUBLE, after, 0.025))
    regular(builder, signals.ICE_SERVERS, between(*TROUBLE, after, 0.05), phase_s=9.0)
    return diagnose(builder.build(), Rules())


def test_a_common_drop_and_all_well_again_is_a_restart() -> None:
    assert herd((0.025, "ok")).cause == "edge_restart"


def test_a_common_drop_and_late_pings_after_it_is_a_herd() -> None:
    assert herd(LATE).cause == "reconnect_herd"


def test_late_pings_long_before_the_drop_are_not_the_herds() -> None:
    builder = EvidenceBuilder()
    builder.heads(START_S, 50, site="chicago")
    drop_all(builder, agents(50), 2800.0)
    regular(builder, signals.WS_RTT, between(*TROUBLE, LATE, 0.025))
    regular(builder, signals.ICE_SERVERS, between(*TROUBLE, LATE, 0.05), phase_s=9.0)
    found = diagnose(builder.build(), Rules())
    assert {found.cause, found.runner_up} == {"signalling_saturated", "edge_restart"}


def test_quiet_hours_are_nothing() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, well(0.025))
    assert diagnose(builder.build(), Rules()).cause == "none"
