"""The contract with the pinned aiortc and aioice: each private name we use exists and acts as we rely on."""

from __future__ import annotations

import asyncio
import inspect

import aioice.ice
import aioice.stun
import aioice.turn
import aiortc.rtcicetransport
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from monitor.media import peer
from monitor.media.ice_connection import IceConnection
from monitor.media.private_names import DATAGRAM_LIMIT, before_rtp, connection_of, limit_receive_buffer


@pytest.mark.parametrize(
    "name",
    [
        "_check_list",
        "_closing",
        "_nominated",
        "_protocols",
        "_query_consent_task",
        "_transport_policy",
        "local_candidates",
        "remote_password",
    ],
)
async def test_attributes_of_a_connection(name: str) -> None:
    assert hasattr(aioice.Connection(ice_controlling=True), name)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("get_component_candidates", ["self", "component", "addresses", "timeout"]),
        ("build_request", ["self", "pair", "nominate"]),
        ("check_incoming", ["self", "message", "addr", "protocol"]),
        ("check_complete", ["self", "pair"]),
        ("protocol_lost", ["self", "protocol"]),
        ("query_consent", ["self"]),
        ("close", ["self"]),
    ],
)
def test_methods_we_override_or_call(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(aioice.Connection, method)).parameters) == parameters
    source = inspect.getsource(aioice.ice)
    assert method == "close" or f".{method}(" in source or f"{method}(pair)" in source  # aioice calls it on self


def test_requests_and_pairs() -> None:
    parameters = inspect.signature(aioice.ice.StunProtocol.request).parameters
    assert {"request", "addr", "integrity_key", "retransmissions"} <= set(parameters)
    assert list(inspect.signature(aioice.ice.StunProtocol.send_stun).parameters) == ["self", "message", "addr"]
    assert aioice.ice.CandidatePair.State.IN_PROGRESS
    pair = aioice.ice.CandidatePair(None, None)  # type: ignore[arg-type]
    assert hash(pair)
    assert hasattr(pair, "task")
    assert {"remote_addr", "component"} <= set(dir(pair))


async def test_every_connection_of_aiortc_is_ours() -> None:
    assert peer.IceConnection is IceConnection
    assert aiortc.rtcicetransport.Connection is IceConnection
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("audio")
    connection = connection_of(pc.getTransceivers()[0].receiver.transport.transport)
    assert isinstance(connection, IceConnection)
    await pc.close()


async def test_packets_can_be_looked_at_and_the_decoder_stopped() -> None:
    assert list(inspect.signature(RTCRtpReceiver._handle_rtp_packet).parameters) == [
        "self",
        "packet",
        "arrival_time_ms",
    ]
    assert "__stop_decoder" in inspect.getsource(RTCRtpReceiver._handle_disconnect)
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = pc.addTransceiver("audio").receiver
    seen: list[object] = []
    before_rtp(receiver, seen.append)
    receiver._enabled = False  # aiortc itself then discards the packet
    await receiver._handle_rtp_packet("packet", arrival_time_ms=1)
    assert seen == ["packet"]
    await pc.close()


def test_receive_buffers() -> None:
    class Datagrams:
        max_size = 256 * 1024

    class InnerProtocol:
        transport = Datagrams()

    plain = Datagrams()
    limit_receive_buffer(plain)
    assert plain.max_size == DATAGRAM_LIMIT
    relayed = aioice.turn.TurnTransport(InnerProtocol())  # type: ignore[arg-type]
    limit_receive_buffer(relayed)
    assert InnerProtocol.transport.max_size == DATAGRAM_LIMIT


async def test_the_loops_own_datagram_transport_has_the_size_we_set() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    assert transport.max_size > DATAGRAM_LIMIT  # type: ignore[attr-defined]
    transport.close()
    await asyncio.sleep(0)
