"""Signatures of a gathering: the first of the table that holds."""

from __future__ import annotations

import pytest

from monitor.facts.ice import (
    CandidateType,
    IceServer,
    ServerOutcome,
    ServerResult,
    Signature,
    signature_of,
    wanted_types,
)

HOST, SRFLX, RELAY = CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY
ALL = frozenset({HOST, SRFLX, RELAY})
STUN, TURN = IceServer("stun:a:3478"), IceServer("turn:a:3478?transport=udp", "u", "c")


def result(outcome: ServerOutcome = ServerOutcome.OK, seconds: float | None = 0.02) -> ServerResult:
    """One server's answer."""
    return ServerResult("a:3478", "stun", "udp", outcome, seconds)


OK = result()
TIMED_OUT = result(ServerOutcome.TIMEOUT, None)


@pytest.mark.parametrize(
    ("wanted", "obtained", "results", "signature"),
    [
        (ALL, frozenset(), [TIMED_OUT], Signature.EMPTY),
        ({RELAY}, frozenset(), [], Signature.EMPTY),
        (ALL, {HOST}, [TIMED_OUT], Signature.HOST_ONLY),
        ({HOST, SRFLX}, {HOST}, [TIMED_OUT], Signature.HOST_ONLY),
        ({HOST}, {HOST}, [], Signature.OK),
        (ALL, {HOST, SRFLX}, [OK, TIMED_OUT], Signature.NO_RELAY),
        (ALL, {SRFLX}, [OK, TIMED_OUT], Signature.NO_RELAY),
        (ALL, {HOST, RELAY}, [OK, TIMED_OUT], Signature.NO_SRFLX),
        (ALL, ALL, [OK, result(seconds=0.51)], Signature.SLOW),
        (ALL, ALL, [OK, TIMED_OUT], Signature.SLOW),
        (ALL, ALL, [OK, result(seconds=0.5)], Signature.OK),
        (ALL, ALL, [OK], Signature.OK),
        ({RELAY}, {RELAY}, [OK], Signature.OK),
    ],
)
def test_the_first_signature_that_holds(
    wanted: set[CandidateType], obtained: set[CandidateType], results: list[ServerResult], signature: Signature
) -> None:
    assert signature_of(frozenset(wanted), frozenset(obtained), results) is signature


@pytest.mark.parametrize(
    ("servers", "relay_only", "wanted"),
    [
        ([], False, {HOST}),
        ([STUN], False, {HOST, SRFLX}),
        ([STUN, TURN], False, ALL),
        ([IceServer("turns:a:443?transport=tcp")], False, {HOST, RELAY}),
        ([IceServer("STUNS:a:5349")], False, {HOST, SRFLX}),
        ([STUN, TURN], True, {RELAY}),
        ([], True, {RELAY}),
    ],
)
def test_what_servers_should_yield(servers: list[IceServer], relay_only: bool, wanted: set[CandidateType]) -> None:
    assert wanted_types(servers, relay_only=relay_only) == wanted


def test_a_servers_credential_is_not_shown() -> None:
    assert "hunter2" not in repr(IceServer("turn:a:3478", "user", "hunter2"))
