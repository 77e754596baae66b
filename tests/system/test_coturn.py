"""Gathering and relayed calls against a real coturn; nothing here is mocked but the time a retransmission takes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aioice.stun
import pytest
from certificates import make_certificate
from system.coturn import Coturn, free_port, running_coturn

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Layer
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, Signature
from monitor.media import stun
from monitor.media.gathering import Gathering, gather
from monitor.media.interfaces import host_addresses
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerOptions

pytestmark = pytest.mark.system

HOST, SRFLX, RELAY = CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY


@pytest.fixture
async def coturn(tmp_path: Path) -> AsyncIterator[Coturn]:
    async with running_coturn(tmp_path) as server:
        yield server


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A bound UDP port that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def server(coturn: Coturn, scheme: str, transport: str = "", password: str | None = None) -> IceServer:
    return IceServer(coturn.url(scheme, transport), coturn.username, password or coturn.password)


def outcomes(gathering: Gathering) -> list[ServerOutcome]:
    return [result.outcome for result in gathering.results]


async def test_srflx_and_relay_with_their_times_over_udp_and_tcp(coturn: Coturn) -> None:
    servers = [server(coturn, "stun"), server(coturn, "turn"), server(coturn, "turn", "tcp")]
    gathering = await gather(servers)
    assert (gathering.signature, gathering.obtained) == (Signature.OK, {HOST, SRFLX, RELAY})
    assert [(result.scheme, result.transport) for result in gathering.results] == [
        ("stun", "udp"),
        ("turn", "udp"),
        ("turn", "tcp"),
    ]
    assert all((result.seconds or 0.0) > 0 and result.address.startswith("127.") for result in gathering.results)
    assert (gathering.seconds or 0.0) >= max(result.seconds or 0.0 for result in gathering.results)


async def test_allocations_are_given_back(tmp_path: Path) -> None:
    """coturn counts a released one against the quota for about a second more, and one not released for ten minutes."""
    async with running_coturn(tmp_path, options=["--user-quota=1"]) as coturn, asyncio.timeout(30):
        assert outcomes(await gather([server(coturn, "turn")])) == [ServerOutcome.OK]
        while outcomes(await gather([server(coturn, "turn")])) != [ServerOutcome.OK]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_a_turn_server_that_is_full_refuses(tmp_path: Path) -> None:
    async with running_coturn(tmp_path, options=["--user-quota=1"]) as coturn:
        gathering = await gather([server(coturn, "turn"), server(coturn, "turn", "tcp")])
        assert sorted(outcomes(gathering)) == [ServerOutcome.OK, ServerOutcome.REFUSED]
        assert "486" in next(one.detail for one in gathering.results if one.detail)


async def test_a_wrong_turn_password(coturn: Coturn) -> None:
    gathering = await gather([server(coturn, "stun"), server(coturn, "turn", password="wrong")])
    assert (gathering.signature, outcomes(gathering)) == (
        Signature.NO_RELAY,
        [ServerOutcome.OK, ServerOutcome.AUTH],
    )
    assert gathering.results[1].seconds is None
    assert "401" in gathering.results[1].detail
    assert "wrong" not in repr(gathering)


async def test_a_dead_stun_server(coturn: Coturn, dead_port: int) -> None:
    dead = IceServer(f"stun:127.0.0.1:{dead_port}")
    gathering = await gather([dead, server(coturn, "turn")], timeout_s=1)
    assert (gathering.signature, outcomes(gathering)) == (
        Signature.NO_SRFLX,
        [ServerOutcome.TIMEOUT, ServerOutcome.OK],
    )
    assert gathering.seconds is None
    alone = await gather([dead], timeout_s=0.5)
    assert (alone.signature, alone.obtained) == (Signature.HOST_ONLY, {HOST})


async def test_an_unresolvable_name(coturn: Coturn) -> None:
    gathering = await gather([IceServer("stun:nosuch.invalid"), server(coturn, "turn")])
    assert (gathering.signature, outcomes(gathering)) == (Signature.NO_SRFLX, [ServerOutcome.DNS, ServerOutcome.OK])


async def test_a_refused_port(coturn: Coturn) -> None:
    port = free_port()
    urls = [f"stun:127.0.0.1:{port}", f"turn:127.0.0.1:{port}?transport=udp", f"turn:127.0.0.1:{port}?transport=tcp"]
    gathering = await gather([IceServer(url, "user", "secret") for url in urls])
    assert (gathering.signature, outcomes(gathering)) == (Signature.HOST_ONLY, [ServerOutcome.REFUSED] * 3)
    assert gathering.seconds is not None  # a refusal is quick and no timeout


async def test_tls_with_a_certificate_nobody_vouches_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    async with running_coturn(tmp_path, certificate=certificate, key=key) as coturn:
        servers = [server(coturn, "turns"), server(coturn, "stuns")]
        gathering = await gather(servers)
        assert (gathering.signature, outcomes(gathering)) == (Signature.HOST_ONLY, [ServerOutcome.TLS] * 2)
        assert gathering.results[0].transport == "tls"
        assert "self-signed" in gathering.results[0].detail
        monkeypatch.setattr(stun, "trusting_the_system", lambda: ssl.create_default_context(cafile=certificate))
        trusted = await gather(servers)
        assert (trusted.signature, trusted.obtained) == (Signature.OK, {HOST, SRFLX, RELAY})


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_relayed_call_has_no_retransmission_in_its_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """TURN drops what comes before its permission; a check lost so must not wait for its retransmission timer."""
    host = host_addresses()[0].host
    async with running_coturn(tmp_path, host=host) as coturn:
        events: list[PeerEvent] = []
        phone = Peer(
            ice_servers=[server(coturn, "turn", transport)],
            on_event=events.append,
            clock=SystemClock(),
            options=PeerOptions(relay_only=True),
        )
        far = Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock())
        monkeypatch.setattr(aioice.stun, "RETRY_RTO", 60.0)
        offer = await phone.offer()  # the harder way round: the far end's first check comes before the permission
        assert isinstance(offer, str)
        assert "typ relay" in offer
        assert "typ host" not in offer
        answer = await far.answer(offer)
        assert isinstance(answer, str)
        assert await phone.accept_answer(answer) is None
        async with asyncio.timeout(20):
            while phone.stats().packets_received < 50:  # noqa: ASYNC110 - half a second of sound
                await asyncio.sleep(0.02)
        assert [event.kind.value for event in events] == [
            "ice_checking",
            "ice_completed",
            "dtls_connected",
            "first_media",
        ]
        await asyncio.gather(phone.close(), far.close())


async def test_a_call_with_a_wrong_turn_password_has_no_candidates(coturn: Coturn) -> None:
    events: list[PeerEvent] = []
    far = Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock())
    phone = Peer(
        ice_servers=[server(coturn, "turn", password="wrong")],
        on_event=events.append,
        clock=SystemClock(),
        options=PeerOptions(relay_only=True),
    )
    offer = await far.offer()
    assert isinstance(offer, str)
    assert isinstance(await phone.answer(offer), str)
    assert [(event.layer, event.reason) for event in events][:1] == [(Layer.ICE, "no_candidates")]
    await asyncio.gather(phone.close(), far.close())
