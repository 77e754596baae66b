from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from monitor.facts.failures import Reason
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, Signature
from monitor.media import gathering
from monitor.media.gathering import gather
from monitor.media.stun import SERVERS_LIMIT
from monitor.simulator.ice.stun_responder import StunResponder

HOST, SRFLX, RELAY = CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY


@pytest.fixture
async def stun_server() -> AsyncIterator[IceServer]:
    responder = await StunResponder.start("127.0.0.1")
    yield IceServer(f"stun:127.0.0.1:{responder.port}")
    await responder.close()


@pytest.fixture
def dead_port() -> object:
    """A bound UDP port that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def test_without_servers_a_host_candidate_is_all_that_is_wanted() -> None:
    result = await gather([])
    assert (result.wanted, result.obtained, result.signature) == ({HOST}, {HOST}, Signature.OK)
    assert result.seconds is not None
    assert result.failure is None


async def test_relay_only_without_a_turn_server_is_empty_at_once(stun_server: IceServer) -> None:
    result = await gather([stun_server], relay_only=True)
    assert (result.wanted, result.obtained, result.signature) == ({RELAY}, frozenset(), Signature.EMPTY)
    assert result.results == ()  # under this policy a browser does not ask STUN servers
    assert result.seconds is not None


async def test_a_server_reflexive_candidate_is_obtained_and_timed(stun_server: IceServer) -> None:
    result = await gather([stun_server])
    assert (result.obtained, result.signature) == ({HOST, SRFLX}, Signature.OK)
    assert result.seconds is not None
    assert result.results[0].seconds is not None
    assert result.seconds >= result.results[0].seconds


async def test_a_dead_server_beside_a_good_one_is_slow_and_has_no_time(stun_server: IceServer, dead_port: int) -> None:
    result = await gather([IceServer(f"stun:127.0.0.1:{dead_port}"), stun_server], timeout_s=0.3)
    assert result.signature is Signature.SLOW
    assert [one.outcome for one in result.results] == [ServerOutcome.TIMEOUT, ServerOutcome.OK]
    assert result.seconds is None  # 0.3 s is our own constant, not a latency


async def test_a_dead_server_alone_is_host_only(dead_port: int) -> None:
    result = await gather([IceServer(f"stun:127.0.0.1:{dead_port}")], timeout_s=0.3)
    assert (result.signature, result.seconds) == (Signature.HOST_ONLY, None)


async def test_an_unknown_interface_yields_nothing(stun_server: IceServer) -> None:
    result = await gather([stun_server], interface="nosuch0")
    assert (result.signature, result.obtained) == (Signature.EMPTY, frozenset())
    assert result.results[0].outcome is ServerOutcome.UNREACHABLE


async def test_hostile_lists_are_bounded_which_is_said_and_each_bad_entry_is_a_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = await gather([IceServer("stun:")] * 1000)
    assert len(result.results) == SERVERS_LIMIT
    assert "1000 ICE servers: the first 32 are asked" in caplog.text
    assert {one.outcome for one in result.results} == {ServerOutcome.UNSUPPORTED}
    assert result.signature is Signature.HOST_ONLY


async def test_a_mistake_of_our_own_is_an_error_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(interface: str | None) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(gathering, "host_addresses", broken)
    result = await gather([])
    assert (result.signature, result.seconds) == (Signature.ERROR, None)
    assert result.failure is not None
    assert (result.failure.reason, result.failure.detail) == (Reason.ERROR, "ZeroDivisionError: boom")
