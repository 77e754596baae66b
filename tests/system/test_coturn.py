"""Gathering and relayed calls against a real coturn; nothing here is mocked but the time a retransmission takes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aioice.stun
import pytest
from aioice import Candidate, TransportPolicy
from certificates import make_certificate
from system.coturn import Coturn, free_port, running_coturn

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Layer
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, Signature
from monitor.media import ice_turn, stun
from monitor.media.gathering import Gathering, gather
from monitor.media.ice_connection import IceConnection
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


@asynccontextmanager
async def call_with(turn: IceServer) -> AsyncIterator[None]:
    """Somebody else's call that holds its relay all the while."""
    agent = IceConnection(ice_controlling=False, transport_policy=TransportPolicy.RELAY)
    agent.servers = [turn]
    await agent.gather_candidates()
    try:
        assert [one.type for one in agent.local_candidates] == ["relay"]
        yield
    finally:
        await agent.close()


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
    async with running_coturn(tmp_path, options=["--user-quota=1"]) as coturn, call_with(server(coturn, "turn")):
        gathering = await gather([server(coturn, "turn"), server(coturn, "turn", "tcp")])
        assert outcomes(gathering) == [ServerOutcome.REFUSED] * 2
        assert all("486" in one.detail for one in gathering.results)


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
            "gathered",
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
    gathered, lost = events[:2]
    assert [one.outcome for one in gathered.servers] == [ServerOutcome.AUTH]
    assert (lost.layer, lost.reason) == (Layer.ICE, "no_candidates")
    await asyncio.gather(phone.close(), far.close())


Row = tuple[str, list[IceServer], list[ServerOutcome]]


@asynccontextmanager
async def silent_stream() -> AsyncIterator[int]:
    """A TCP port that accepts and says nothing."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def rows(coturn: Coturn, dead: int, silent: int) -> list[Row]:
    """What a gathering meets, and the outcome of each server."""
    ok, timeout, refused, auth, tls = (
        ServerOutcome.OK,
        ServerOutcome.TIMEOUT,
        ServerOutcome.REFUSED,
        ServerOutcome.AUTH,
        ServerOutcome.TLS,
    )
    closed, user = free_port(), ("user", "secret")
    stun_ok, turn_ok, tcp_ok = server(coturn, "stun"), server(coturn, "turn"), server(coturn, "turn", "tcp")
    wrong_udp = server(coturn, "turn", "udp", password="wrong")
    wrong_tcp = server(coturn, "turn", "tcp", password="wrong")
    hole = IceServer(f"stun:127.0.0.1:{dead}")
    return [
        ("no servers", [], []),
        ("STUN", [stun_ok], [ok]),
        ("STUN black hole", [hole], [timeout]),
        ("STUN closed port", [IceServer(f"stun:127.0.0.1:{closed}")], [refused]),
        ("STUN unknown name", [IceServer("stun:nosuch.invalid")], [ServerOutcome.DNS]),
        ("dead first, good second", [hole, stun_ok], [timeout, ok]),
        ("good first, dead second", [stun_ok, hole], [ok, timeout]),
        ("stuns, self-signed", [server(coturn, "stuns")], [tls]),
        ("STUN at an IPv6 literal", [IceServer(f"stun:[::1]:{coturn.port}")], [ok]),
        ("IPv6 literal, closed port", [IceServer(f"turn:[::1]:{closed}", *user)], [refused]),
        ("malformed", [IceServer("stun:::1:3478")], [ServerOutcome.UNSUPPORTED]),
        ("TURN udp, tcp", [turn_ok, tcp_ok], [ok, ok]),
        ("TURN tls, self-signed", [server(coturn, "turns")], [tls]),
        ("wrong password, udp and tcp", [wrong_udp, wrong_tcp], [auth, auth]),
        ("TURN udp black hole", [IceServer(f"turn:127.0.0.1:{dead}", *user)], [timeout]),
        ("TURN udp closed port", [IceServer(f"turn:127.0.0.1:{closed}", *user)], [refused]),
        ("TURN tcp refused", [IceServer(f"turn:127.0.0.1:{closed}?transport=tcp", *user)], [refused]),
        ("TURN tcp silent", [IceServer(f"turn:127.0.0.1:{silent}?transport=tcp", *user)], [timeout]),
        ("a whole list", [stun_ok, turn_ok, tcp_ok, server(coturn, "turns")], [ok, ok, ok, tls]),
    ]


async def agent_outcomes(servers: list[IceServer], *, relay_only: bool = False) -> list[ServerOutcome]:
    """The same by a call's own ICE agent, which ends in time and leaves nothing open."""
    policy = TransportPolicy.RELAY if relay_only else TransportPolicy.ALL
    agent = IceConnection(ice_controlling=False, transport_policy=policy)
    agent.servers, agent.gather_timeout_s, agent.gather_cap_s = servers, 5.0, 1.0
    lines: list[str] = []
    agent.on_candidate = lines.append
    await agent.gather_candidates()
    assert len(lines) == len(agent.local_candidates)
    relays = sum("typ relay" in line for line in lines)
    assert relays == sum(one.scheme.startswith("turn") and one.outcome is ServerOutcome.OK for one in agent.results)
    assert all((one.seconds is not None) == (one.outcome is ServerOutcome.OK) for one in agent.results)
    await agent.close()
    return [result.outcome for result in agent.results]


async def test_probe_and_call_tell_the_same_of_every_kind_of_server(tmp_path: Path, dead_port: int) -> None:
    certificate, key = make_certificate(tmp_path)
    options = ["--listening-ip=::1"]  # beside the other
    async with (
        running_coturn(tmp_path, certificate=certificate, key=key, options=options) as coturn,
        silent_stream() as silent,
    ):
        table = rows(coturn, dead_port, silent)
        probed, called = await asyncio.gather(
            asyncio.gather(*(gather(servers, timeout_s=1) for _, servers, _ in table)),
            asyncio.gather(*(agent_outcomes(servers) for _, servers, _ in table)),
        )
        expected = {name: outcomes for name, _, outcomes in table}
        assert {name: outcomes(one) for (name, _, _), one in zip(table, probed, strict=True)} == expected
        assert dict(zip(expected, called, strict=True)) == expected


async def test_a_calls_relay_over_tls_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setattr(ice_turn, "trusting_the_system", lambda: ssl.create_default_context(cafile=certificate))
    async with running_coturn(tmp_path, certificate=certificate, key=key) as coturn:
        assert await agent_outcomes([server(coturn, "turns")], relay_only=True) == [ServerOutcome.OK]


async def test_a_relay_that_comes_after_the_answer_carries_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer waits no longer than it may; what comes later takes part in the checks."""
    host = host_addresses()[0].host
    make = ice_turn.Allocation.make

    async def late(*args: Any) -> Any:
        await asyncio.sleep(0.5)
        return await make(*args)

    monkeypatch.setattr(ice_turn.Allocation, "make", late)
    async with running_coturn(tmp_path, host=host) as coturn:
        phone, far = IceConnection(ice_controlling=True), IceConnection(ice_controlling=False)
        phone.servers, phone.gather_timeout_s = [server(coturn, "turn")], 0.1
        monkeypatch.setattr(phone, "_bind_hosts", lambda component: asyncio.sleep(0))
        phone._found.append(Candidate.from_sdp("1 1 udp 1 192.0.2.1 9 typ host"))  # of no use to anybody
        await asyncio.gather(phone.gather_candidates(), far.gather_candidates())
        assert phone.results == ()
        for agent, other in ((phone, far), (far, phone)):
            agent.remote_username, agent.remote_password = other.local_username, other.local_password
            for candidate in other.local_candidates:
                await agent.add_remote_candidate(candidate)
        async with asyncio.timeout(20):
            await asyncio.gather(phone.connect(), far.connect())
        assert [pair.local_candidate.type for pair in phone._nominated.values()] == ["relay"]
        await asyncio.gather(phone.close(), far.close())
