"""The contract with the pinned aiortc and aioice: each private name we use exists and acts as we rely on."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import time
from types import ModuleType, SimpleNamespace

import aioice.ice
import aioice.stun
import aioice.turn
import aiortc.rtcicetransport
import pylibsrtp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import RTCRtpSender

from monitor.media import ice_connection, peer, private_names
from monitor.media.ice_connection import IceConnection
from monitor.media.impairment import impair
from monitor.media.private_names import (
    CONNECTION_ATTRIBUTES,
    CONNECTION_METHODS,
    Outlet,
    Srtp,
    before_rtp,
    close_turn,
    connect_turn,
    connection_of,
    datagrams_of,
    missing_connection_names,
    missing_names,
    own_media,
)


@pytest.mark.parametrize("name", sorted(CONNECTION_ATTRIBUTES))
async def test_attributes_of_a_connection(name: str) -> None:
    assert hasattr(aioice.Connection(ice_controlling=True), name)


@pytest.mark.parametrize(("method", "parameters"), CONNECTION_METHODS.items())
def test_methods_we_override_or_call(method: str, parameters: tuple[str, ...]) -> None:
    assert tuple(inspect.signature(getattr(aioice.Connection, method)).parameters) == ("self", *parameters)
    source = inspect.getsource(aioice.ice)
    assert method == "close" or f"self.{method}(" in source or f".receiver.{method}(" in source


async def test_the_agent_uses_no_other_names_of_aioice() -> None:
    """All that it names on itself is its own, public, or in the lists."""
    tree = ast.parse(inspect.getsource(ice_connection))
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("self", "super()")
        and hasattr(aioice.Connection(ice_controlling=True), node.attr)
    }
    replaced = {name for name in vars(IceConnection) if hasattr(aioice.Connection, name)}
    used = {name for name in named | replaced if not name.startswith("__")}
    assert used == CONNECTION_ATTRIBUTES | set(CONNECTION_METHODS)


class Checked(aioice.Connection):
    """A connection that still waits for candidates of its own."""

    expected = True

    def _remote_candidates_expected(self) -> bool:
        return self.expected


async def test_checks_do_not_fail_while_more_candidates_are_expected() -> None:
    agent = Checked(ice_controlling=True)
    agent._check_list_maybe_fail()
    assert not agent._check_list_done
    agent.expected = False
    agent._check_list_maybe_fail()
    assert agent._check_list_done
    assert agent._check_list_state.get_nowait() == aioice.ice.ICE_FAILED
    assert not agent._early_checks_done  # which connect() sets once it has begun


async def test_a_late_socket_is_paired_with_the_remote_candidates_that_are_known() -> None:
    agent = aioice.Connection(ice_controlling=True)
    remote, local = (aioice.Candidate.from_sdp(f"1 1 udp 1 192.0.2.{host} 9 typ host") for host in (1, 2))
    agent._remote_candidates.append(remote)
    late = aioice.ice.StunProtocol(agent)
    late.local_candidate = local
    agent._protocols.append(late)
    for _ in range(2):
        agent._pair_remote_candidate(remote)
    agent.sort_check_list()
    assert [(pair.protocol, pair.remote_candidate) for pair in agent._check_list] == [(late, remote)]


async def test_answers_are_told_by_the_table_of_transactions() -> None:
    protocol = aioice.ice.StunProtocol(aioice.Connection(ice_controlling=True))
    request = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST)
    told: list[object] = []
    protocol.transactions[request.transaction_id] = SimpleNamespace(  # type: ignore[assignment]
        response_received=lambda message, addr: told.append((message.transaction_id, addr))
    )
    answer = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.RESPONSE, request.transaction_id)
    protocol.datagram_received(bytes(answer), ("192.0.2.1", 9))
    assert told == [(request.transaction_id, ("192.0.2.1", 9))]


async def test_an_allocation_is_made_and_given_up() -> None:
    client = aioice.turn.TurnClientUdpProtocol(("192.0.2.1", 3478), None, None, 600, 500)
    assert client.refresh_task is None
    close_turn(client)  # nothing had begun

    async def connect() -> tuple[str, int]:
        client.refresh_task = asyncio.create_task(client.refresh(600))
        return ("192.0.2.9", 9)

    assert "self.refresh_task = " in inspect.getsource(client.connect)
    client.connect = connect  # type: ignore[method-assign]
    protocol = aioice.ice.StunProtocol(aioice.Connection(ice_controlling=True))
    relay = aioice.turn.TurnTransport(client)
    await connect_turn(relay, protocol)
    assert (protocol.transport, client.receiver) == (relay, protocol)
    assert relay.get_extra_info("sockname") == ("192.0.2.9", 9)
    close_turn(client)
    assert client.refresh_task is not None
    await asyncio.wait([client.refresh_task])
    assert client.refresh_task.cancelled()


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


async def test_the_names_of_our_own_media() -> None:
    assert {"send", "stop"} <= set(dir(RTCRtpSender))
    assert {"receive", "stop"} <= set(dir(RTCRtpReceiver))
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = pc.addTransceiver("audio")
    connection = connection_of(transceiver.receiver.transport.transport)
    assert isinstance(connection, IceConnection)
    assert missing_names(transceiver) == ()
    assert missing_connection_names(aiortc.rtcicetransport) == ()
    source = inspect.getsource(RTCPeerConnection._RTCPeerConnection__connect)  # type: ignore[attr-defined]
    assert "await transceiver.sender.send(self.__localRtp(transceiver))" in source
    assert "await transceiver.receiver.receive(" in source
    called: list[object] = []
    own_media(
        transceiver,
        send=lambda kind, cname: called.append((kind, cname)),
        receive=called.append,
        stop=lambda: called.append("stop"),
    )
    await transceiver.sender.send(
        RTCRtpSendParameters([RTCRtpCodecParameters("audio/opus", 48000, 2, 96)], rtcp=RTCRtcpParameters("me"))
    )
    await transceiver.receiver.receive(RTCRtpReceiveParameters([RTCRtpCodecParameters("audio/opus", 48000, 2, 96)]))
    assert called == [(96, "me"), frozenset({96})]
    await pc.close()
    assert called[2:] == ["stop", "stop"]


def loaded_again() -> ModuleType:
    """The file as a process would load it in which a library lacks a name; it remembers what it has looked for."""
    spec = importlib.util.spec_from_file_location("private_names_again", private_names.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("owner", "name", "told"),
    [
        (pylibsrtp, "_binding", "pylibsrtp._binding"),
        (RTCRtpSender, "stop", "RTCRtpSender.stop"),
        (aioice.turn.TurnClientUdpProtocol, "_send", "TurnClientUdpProtocol._send"),
    ],
)
async def test_a_name_that_sound_needs_and_is_gone_is_told_and_keeps_nothing_from_starting(
    owner: object, name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = pc.addTransceiver("audio")
    with monkeypatch.context() as gone:
        gone.delattr(owner, name)
        assert loaded_again().missing_names(transceiver) == (told,)
    await pc.close()


async def test_names_that_instances_have_are_looked_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pylibsrtp, "Session", object)
    monkeypatch.setattr(aioice.turn, "TurnTransport", lambda client: client)
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    assert loaded_again().missing_names(pc.addTransceiver("audio")) == (
        "object._srtp",
        "TurnClientUdpProtocol._TurnTransport__inner_protocol",
    )
    await pc.close()


async def test_a_name_that_the_ice_agent_needs_and_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aioice.Connection, "query_consent")
    assert loaded_again().missing_connection_names(aiortc.rtcicetransport) == ("Connection.query_consent",)


def test_srtp_with_our_own_buffer_is_that_of_pylibsrtp() -> None:
    key = bytes(range(44))
    profile = pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    sending, stock, receiving = (
        pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=kind, srtp_profile=profile))
        for kind in (*[pylibsrtp.Policy.SSRC_ANY_OUTBOUND] * 2, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    )
    srtp = Srtp(SimpleNamespace(_tx_srtp=sending, _rx_srtp=receiving))
    packet = b"\x80\x60" + bytes(10) + b"sound"
    protected = srtp.protect(packet)
    assert protected == stock.protect(packet)
    assert protected is not None
    assert srtp.unprotect(protected[:-1] + b"x") is None  # forged
    assert srtp.unprotect(protected) == packet
    assert srtp.unprotect(protected) is None  # repeated
    report = b"\x81\xc9\x00\x01" + bytes(4)
    assert srtp.unprotect_rtcp(srtp.protect_rtcp(report) or b"") == report
    assert srtp.protect(packet + bytes(2048)) is None
    assert srtp.unprotect(b"") is None


async def test_sound_leaves_through_a_turn_channel_without_a_task() -> None:
    sent: list[bytes] = []
    relayed: list[bytes] = []
    turn = aioice.turn.TurnClientUdpProtocol(("192.0.2.1", 3478), None, None, 600, 500)
    turn._send = sent.append  # type: ignore[method-assign]
    turn.transport = SimpleNamespace(is_closing=lambda: False)  # type: ignore[assignment]
    transport = aioice.turn.TurnTransport(turn)
    transport.sendto = lambda data, addr: relayed.append(data)  # type: ignore[method-assign]
    address = ("192.0.2.2", 9)
    pair = SimpleNamespace(protocol=SimpleNamespace(transport=transport), remote_addr=address)
    nominated: dict[int, object] = {}
    outlet = Outlet(SimpleNamespace(_nominated=nominated))
    assert not outlet.send(b"nobody")
    nominated[1] = pair
    assert outlet.send(b"first")
    assert relayed == [b"first"]  # aioice binds the channel
    turn.peer_to_channel[address] = 0x4000
    turn.channel_refresh_at[0x4000] = time.time() + 60
    assert outlet.send(b"sound")
    assert sent == [b"\x40\x00\x00\x05sound"]
    turn.channel_refresh_at[0x4000] = 0
    outlet.send(b"refresh")
    assert relayed == [b"first", b"refresh"]
    assert datagrams_of(pair.protocol) is turn.transport
    impair(pair.protocol, lambda data: None)
    outlet.send(b"lost")
    assert (len(sent), len(relayed)) == (1, 2)
    assert datagrams_of(pair.protocol) is turn.transport
