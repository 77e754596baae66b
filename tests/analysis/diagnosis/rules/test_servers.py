"""STUN and TURN: which neighbour of a cause does not fit."""

from __future__ import annotations

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import Diagnosis
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import Attempt, between, drop_all, regular, well

LOST: Attempt = (None, "timeout")
FINE: Attempt = (0.03, "ok")
TROUBLE = (1200.0, 1800.0)


def told(
    stun: Attempt, turn: Attempt = FINE, *, dallas: Attempt = FINE, probe: Attempt | None = None, calls: int = 0
) -> Diagnosis:
    """Ten minutes of trouble at Chicago. dallas: STUN and TURN there; probe: a second probe's STUN at Chicago."""
    builder = EvidenceBuilder()
    for site, of_stun, of_turn in (("chicago", stun, turn), ("dallas", dallas, dallas)):
        regular(builder, signals.STUN_RTT, between(*TROUBLE, of_stun, 0.03), target="stun/udp", site=site)
        regular(builder, signals.TURN_ALLOCATE, between(*TROUBLE, of_turn, 0.03), target="turn/udp", site=site)
        regular(builder, signals.WS_RTT, well(0.025), phase_s=7.0, site=site)
    if probe is not None:
        regular(builder, signals.STUN_RTT, between(*TROUBLE, probe, 0.03), target="stun/udp", probe="other")
    for n in range(calls):
        drop_all(builder, [f"a{n}"], 1230.0 + n, layer="ice", reason="consent_expired", silent_s=16.0)
    return diagnose(builder.build(), Rules())


def test_stun_dead_at_one_site_and_turn_well_is_the_firewall() -> None:
    found = told(LOST)
    assert found.cause == "stun_unreachable"
    assert any("one site alone points to its firewall" in sentence for sentence in found.causes[0].evidence)
    assert any("port 443" in words for words in found.missing)


def test_stun_and_turn_dead_and_calls_lost_at_one_site_is_its_path() -> None:
    assert told(LOST, LOST, calls=6).cause == "network_path_lost"


def test_without_a_call_in_progress_it_may_be_either() -> None:
    found = told(LOST, LOST)
    assert found.cause in ("unknown", "stun_unreachable")
    assert found.missing


def test_one_way_dead_and_another_well_is_the_interface() -> None:
    assert told(LOST, probe=FINE).cause == "vpn_split_tunnel"


def test_dead_and_slow_differ() -> None:
    assert told((0.3, "ok"), dallas=(0.3, "ok")).cause == "stun_overloaded"
    assert told((0.3, "ok")).cause == "unknown"  # one site alone: its path, or an overloaded server near it


def test_refused_and_silent_turn_differ() -> None:
    assert told(FINE, (None, "auth")).cause == "turn_credentials_expired"
    assert told(FINE, LOST).cause == "turn_unreachable"


def test_a_name_that_does_not_resolve() -> None:
    assert told((None, "dns"), (None, "dns")).cause == "dns_failure"
