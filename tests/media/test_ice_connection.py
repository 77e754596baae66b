"""Our ICE agent on real sockets of this machine."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aioice.ice
import aioice.stun
import pytest
from aioice import stun

from monitor.facts.clock import ManualClock
from monitor.media import ice_connection
from monitor.media.ice_connection import IceConnection, candidate_addresses
from monitor.media.ice_consent import Consent
from monitor.media.interfaces import HostAddress


@asynccontextmanager
async def introduced() -> AsyncIterator[tuple[IceConnection, IceConnection]]:
    """A controlling and a controlled agent that know each other's candidates."""
    offering, answering = IceConnection(ice_controlling=True), IceConnection(ice_controlling=False)
    for agent in (offering, answering):
        await agent.gather_candidates()
    for agent, other in ((offering, answering), (answering, offering)):
        agent.remote_username, agent.remote_password = other.local_username, other.local_password
        for candidate in other.local_candidates:
            await agent.add_remote_candidate(candidate)
        await agent.add_remote_candidate(None)
    try:
        yield offering, answering
    finally:
        await asyncio.gather(offering.close(), answering.close())


async def connect(*agents: IceConnection) -> None:
    async with asyncio.timeout(5):
        await asyncio.gather(*(agent.connect() for agent in agents))


async def closed(agent: IceConnection) -> None:
    async with asyncio.timeout(10):
        await agent.get_event()


async def test_both_sides_tell_the_moment_of_nomination_once() -> None:
    told: list[str] = []
    async with introduced() as (offering, answering):
        offering.on_nominated = lambda at_mono_s: told.append("offering")
        answering.on_nominated = lambda at_mono_s: told.append("answering")
        await connect(offering, answering)
        assert sorted(told) == ["answering", "offering"]
        assert offering.close_reason == ""


async def test_a_check_that_was_dropped_is_sent_again_when_the_other_sides_comes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a TURN server that has no permission yet. With aioice's own timers this would take half a minute."""
    monkeypatch.setattr(aioice.stun, "RETRY_RTO", 30.0)
    requests: list[bytes] = []
    dropped = asyncio.Event()
    async with introduced() as (offering, answering):
        receive = answering.request_received

        def drop_first(message: stun.Message, addr: tuple[str, int], protocol: Any) -> None:
            requests.append(message.transaction_id)
            if len(requests) > 1:
                receive(message, addr, protocol)
            dropped.set()

        monkeypatch.setattr(answering, "request_received", drop_first)
        checking = asyncio.create_task(connect(offering))
        await dropped.wait()
        await connect(answering)
        await checking
    assert requests[0] == requests[1]  # the same transaction, so an answer to either counts


async def test_consent_expires_when_nothing_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_connection, "CONSENT_INTERVAL_S", 0.05)
    async with introduced() as (offering, answering):
        offering.consent_timeout_s = 0.4
        await connect(offering, answering)
        for protocol in answering._protocols:
            protocol.transport.abort()
        await closed(offering)
        assert offering.close_reason == "consent_expired"
        assert answering.close_reason == "path_lost"


async def test_late_answers_keep_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip of 0.7 s loses nothing: aioice would count every check as failed after 0.5 s."""
    monkeypatch.setattr(ice_connection, "CONSENT_INTERVAL_S", 0.1)
    async with introduced() as (offering, answering):
        await connect(offering, answering)
        receive = aioice.ice.StunProtocol.datagram_received

        def late(self: Any, data: bytes, addr: tuple[str, int]) -> None:
            asyncio.get_running_loop().call_later(0.35, receive, self, data, addr)

        monkeypatch.setattr(aioice.ice.StunProtocol, "datagram_received", late)
        offering.consent_timeout_s = 1.5
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await offering.get_event()
        assert offering.close_reason == ""


async def test_the_round_trip_of_consent_begins_when_the_check_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, addr = ManualClock(), ("192.0.2.1", 9)
    sign = stun.Message.add_message_integrity

    def slowly(self: stun.Message, key: bytes) -> None:
        sign(self, key)
        clock.advance(1.0)

    monkeypatch.setattr(stun.Message, "add_message_integrity", slowly)
    sent: list[stun.Message] = []
    protocol = SimpleNamespace(transactions={}, transport=None, send_stun=lambda message, addr: sent.append(message))
    agent = IceConnection(ice_controlling=True)
    agent.clock, agent.remote_username, agent.remote_password = clock, "them", "their password"
    agent._nominated[1] = SimpleNamespace(protocol=protocol, remote_addr=addr, component=1)  # type: ignore[assignment]
    consent = Consent(30.0, clock.mono_s())
    agent._ask_consent(consent)
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, sent[0].transaction_id)
    sign(answer, b"their password")
    clock.advance(0.02)
    question = weakref.ref(protocol.transactions[answer.transaction_id])
    protocol.transactions[answer.transaction_id].response_received(answer, addr)
    assert consent.rtt_s == pytest.approx(0.02)
    assert not protocol.transactions
    assert question() is None  # gone without a collection: thousands a minute would call for long ones


def test_candidates_are_ipv4_where_there_is_any(monkeypatch: pytest.MonkeyPatch) -> None:
    four, six = HostAddress("eth0", "192.0.2.2", 4), HostAddress("eth0", "2001:db8::2", 6)
    monkeypatch.setattr(ice_connection, "host_addresses", lambda interface: (four, six))
    assert candidate_addresses(None) == (four,)
    monkeypatch.setattr(ice_connection, "host_addresses", lambda interface: (six,))
    assert candidate_addresses(None) == (six,)
