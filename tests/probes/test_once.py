"""One run told as a result: every kind of fact has its phases, and success means what it says."""

from __future__ import annotations

from monitor.facts.failures import Reason, failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.observations import ApiObserved, GatheringObserved, HeartbeatObserved, Observation, PhaseObserved
from monitor.facts.probe_result import ProbePhase
from monitor.probes.once import result_of

STAMP = {"site": "here", "probe": "p", "at_wall_s": 1_790_000_000.0}
TIMEOUT = failure("ice_servers", Reason.TIMEOUT, "15 s")


def gathering(signature: Signature, outcome: ServerOutcome, seconds: float | None) -> Observation:
    result = ServerResult("stun.example:3478", "stun", "udp", outcome, seconds)
    wanted = (CandidateType.HOST, CandidateType.SRFLX)
    return GatheringObserved(
        **STAMP, servers="p", signature=signature, wanted=wanted, obtained=wanted, results=(result,), seconds=seconds
    )


def test_a_ping_and_the_tcp_round_trip_beside_it() -> None:
    fact = HeartbeatObserved(**STAMP, channel="xmpp", outcome="ok", rtt_s=0.021, tcp_rtt_s=0.020)
    result = result_of("p", "heartbeat", [fact], 0.022)
    assert (result.target, result.module, result.success, result.duration_s) == ("p", "heartbeat", True, 0.022)
    assert result.phases == (
        ProbePhase(name="ping", seconds=0.021, outcome="ok"),
        ProbePhase(name="tcp_rtt", seconds=0.020, outcome="ok"),
    )
    assert result.log[0] == "2026-09-21T14:13:20.000Z ping: ok, 21.000 ms"


def test_a_failed_phase_is_no_success_and_says_whose_fault() -> None:
    fact = PhaseObserved(**STAMP, phase="ice_servers", seconds=None, failure=TIMEOUT)
    result = result_of("p", "signalling", [fact], 15.0)
    assert not result.success
    assert result.failure == TIMEOUT
    assert result.phases == (ProbePhase(name="ice_servers", seconds=None, outcome="timeout"),)
    assert result.log[-1].endswith("ice_servers: timeout (path) 15 s")


def test_a_missed_ping_is_no_success() -> None:
    fact = HeartbeatObserved(**STAMP, channel="xmpp", outcome="not_connected")
    assert not result_of("p", "heartbeat", [fact], 0.0).success


def test_a_rate_limited_request_shows_its_status() -> None:
    limited = failure("organizations_me", Reason.RATE_LIMITED)
    fact = ApiObserved(**STAMP, operation="organizations_me", status="429", seconds=0.01, failure=limited)
    result = result_of("p", "api", [fact], 0.01)
    assert not result.success
    assert result.phases == (ProbePhase(name="organizations_me", seconds=0.01, outcome="429"),)


def test_a_gathering_succeeds_when_every_wanted_type_came() -> None:
    slow = result_of("p", "gathering", [gathering(Signature.SLOW, ServerOutcome.OK, 0.7)], 0.7)
    assert slow.success
    assert [phase.name for phase in slow.phases] == ["stun stun.example:3478 udp", "gathering"]
    assert not result_of("p", "gathering", [gathering(Signature.NO_SRFLX, ServerOutcome.TIMEOUT, None)], 10.0).success


def test_a_run_that_measured_nothing_is_no_success() -> None:
    assert not result_of("p", "call", [], 0.0).success


def test_a_suspect_measurement_says_so() -> None:
    fact = HeartbeatObserved(**STAMP, channel="xmpp", outcome="ok", rtt_s=0.021, lag_s=0.5)
    assert "own lag of 500.000 ms" in result_of("p", "heartbeat", [fact], 0.5).log[-1]
