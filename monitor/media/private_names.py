"""Every private name of aiortc and aioice that we lean on, in one place; a contract test holds the pinned versions."""

from __future__ import annotations

import struct
import time
from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import Any

import aioice.turn
import pylibsrtp

from monitor.media.impairment import Impaired

SRTP_LIMIT = 2048  # a datagram as we read it
SRTP_TRAILER = 256  # more than libsrtp ever adds (SRTP_MAX_TRAILER_LEN and 4 of SRTCP)

# What IceConnection, a subclass of aioice.Connection, reads and sets of it, ...
CONNECTION_ATTRIBUTES = frozenset(
    {
        *("_check_list_done", "_closing", "_early_checks_done", "_local_candidates", "_nominated", "_protocols"),
        *("_query_consent_task", "_queue", "_remote_candidates", "_transport_policy", "remote_password"),
    }
)
# ... and calls or replaces, each with its parameters.
CONNECTION_METHODS = {
    "_check_list_maybe_fail": (),
    "_pair_remote_candidate": ("remote_candidate",),
    "_remote_candidates_expected": (),
    "build_request": ("pair", "nominate"),
    "check_complete": ("pair",),
    "check_incoming": ("message", "addr", "protocol"),
    "close": (),
    "data_received": ("data", "component"),
    "get_component_candidates": ("component", "addresses", "timeout"),
    "protocol_lost": ("protocol",),
    "query_consent": (),
    "sort_check_list": (),
}

LIBSRTP = ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp")


def use_connection_class(rtcicetransport: ModuleType, connection_class: type) -> None:
    """Make every ICE gatherer of aiortc build `connection_class` instead of aioice.Connection."""
    rtcicetransport.Connection = connection_class  # type: ignore[attr-defined]


def connection_of(ice_transport: Any) -> Any:
    """The aioice connection under an RTCIceTransport."""
    return ice_transport._connection


def before_rtp(receiver: Any, look: Callable[[Any], None]) -> None:
    """Call `look(packet)` for every RTP packet `receiver` gets, before aiortc handles it."""
    handle: Callable[..., Awaitable[None]] = receiver._handle_rtp_packet

    async def looked_at(packet: Any, arrival_time_ms: int) -> None:
        look(packet)
        await handle(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = looked_at


def stop_decoder(receiver: Any) -> None:
    """End the decoder thread of a receiver whose sound nobody hears; its RTCP reports go on."""
    receiver._handle_disconnect()


def own_media(
    transceiver: Any,
    *,
    send: Callable[[int, str], None],
    receive: Callable[[frozenset[int]], None],
    stop: Callable[[], None],
) -> None:
    """Have aiortc call us where it would start and stop its own media loops; both are told once the handshake is done.

    send: with the payload type and the CNAME, when the agreed direction lets us send. receive: with the payload types,
    when it lets us receive. stop: when the connection closes, before its close_notify.
    """
    sender, receiver = transceiver.sender, transceiver.receiver

    async def start_sending(parameters: Any) -> None:
        send(parameters.codecs[0].payloadType, parameters.rtcp.cname or "")

    async def start_receiving(parameters: Any) -> None:
        receive(frozenset(codec.payloadType for codec in parameters.codecs))

    async def stop_all() -> None:
        stop()

    sender.send, sender.stop = start_sending, stop_all
    receiver.receive, receiver.stop = start_receiving, stop_all


def missing_names(transceiver: Any) -> tuple[str, ...]:
    """Which of the names that our own sound needs this aiortc, aioice or pylibsrtp does not have."""
    return _lacking(
        (transceiver.sender, ("_ssrc", "send", "stop")),
        (transceiver.receiver, ("receive", "stop")),
        (transceiver.sender.transport, ("_rx_srtp", "_tx_srtp")),
        *_needed_of_versions(),
    )


@cache
def _needed_of_versions() -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """What no call shows before it is connected: an SRTP session, the binding below it, a TURN client."""
    client = aioice.turn.TurnClientUdpProtocol(("192.0.2.1", 0), None, None, 0, 0)
    binding = getattr(pylibsrtp, "_binding", None)
    return (
        (pylibsrtp, ("_binding",)),
        (pylibsrtp.Session(), ("_srtp",)),
        *(() if binding is None else ((binding, ("ffi", "lib")), (getattr(binding, "lib", None), LIBSRTP))),
        (aioice.turn.TurnTransport(client), ("_TurnTransport__inner_protocol",)),
        (client, ("_send", "channel_refresh_at", "peer_to_channel")),
    )


@cache
def missing_connection_names(rtcicetransport: ModuleType) -> tuple[str, ...]:
    """Which of the names that IceConnection needs this aioice or aiortc does not have. No call goes without them."""
    return _lacking(
        (aioice.Connection(ice_controlling=False), (*sorted(CONNECTION_ATTRIBUTES), *CONNECTION_METHODS)),
        (rtcicetransport, ("Connection",)),
    )


def _lacking(*needed: tuple[Any, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(
        f"{getattr(owner, '__name__', type(owner).__name__)}.{name}"
        for owner, names in needed
        for name in names
        if not hasattr(owner, name)
    )


def ssrc_of(sender: Any) -> int:
    """The SSRC that aiortc announces for what we send."""
    return int(sender._ssrc)


class Srtp:
    """The SRTP sessions of a connected RTCDtlsTransport, with one buffer for all calls of the process.

    pylibsrtp's own methods allocate and wrap so much that they cost twice as much. Each returns None for what libsrtp
    refuses: what is forged, repeated or too long.
    """

    def __init__(self, dtls: Any) -> None:
        self._sessions = dtls._rx_srtp, dtls._tx_srtp  # they own what the handles point to
        self._rx, self._tx = (session._srtp[0] for session in self._sessions)
        self._libsrtp = _libsrtp()

    def protect(self, packet: bytes) -> bytes | None:
        """RTP to SRTP."""
        return self._libsrtp.process(self._libsrtp.protect, self._tx, packet)

    def unprotect(self, packet: bytes) -> bytes | None:
        """SRTP to RTP."""
        return self._libsrtp.process(self._libsrtp.unprotect, self._rx, packet)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """RTCP to SRTCP."""
        return self._libsrtp.process(self._libsrtp.protect_rtcp, self._tx, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """SRTCP to RTCP."""
        return self._libsrtp.process(self._libsrtp.unprotect_rtcp, self._rx, packet)


class _Libsrtp:
    """The binding under pylibsrtp."""

    def __init__(self) -> None:
        lib, ffi = pylibsrtp._binding.lib, pylibsrtp._binding.ffi
        self.protect, self.unprotect, self.protect_rtcp, self.unprotect_rtcp = (getattr(lib, one) for one in LIBSRTP)
        self._memory = ffi.new("char[]", SRTP_LIMIT + SRTP_TRAILER)
        self._buffer = ffi.buffer(self._memory)
        self._length = ffi.new("int *")

    def process(self, function: Callable[..., int], handle: Any, packet: bytes) -> bytes | None:
        size = len(packet)
        if size > SRTP_LIMIT:
            return None
        self._buffer[0:size] = packet
        self._length[0] = size
        if function(handle, self._memory, self._length):
            return None
        return bytes(self._buffer[0 : self._length[0]])


@cache
def _libsrtp() -> _Libsrtp:
    """The process's one, loaded when the first call talks: a pylibsrtp without it must keep no shard from starting."""
    return _Libsrtp()


def divert(connection: Any, wanted: Callable[[bytes], bool], take: Callable[[bytes, Any], None]) -> None:
    """From now on hand each datagram that is `wanted` to `take(data, socket transport)` instead of aiortc."""
    for protocol in connection._protocols:
        _divert(protocol, wanted, take)


def _divert(protocol: Any, wanted: Callable[[bytes], bool], take: Callable[[bytes, Any], None]) -> None:
    others = protocol.datagram_received
    datagrams = datagrams_of(protocol)

    def received(data: bytes, addr: Any) -> None:
        if wanted(data):
            take(data, datagrams)
        else:
            others(data, addr)

    protocol.datagram_received = received


def datagrams_of(protocol: Any) -> Any:
    """The socket's transport under an ICE protocol: its own, or that of the TURN allocation."""
    transport = protocol.transport
    transport = transport.inner if isinstance(transport, Impaired) else transport
    turn = getattr(transport, "_TurnTransport__inner_protocol", None)
    return transport if turn is None else turn.transport


def sockets_of(connection: Any) -> list[Any]:
    """The transports of all sockets of a connection."""
    return [datagrams_of(protocol) for protocol in connection._protocols]


def nominated_socket(connection: Any) -> Any:
    """The transport of the socket under the nominated pair, or None."""
    pair = connection._nominated.get(1)
    return None if pair is None else datagrams_of(pair.protocol)


class Outlet:
    """Sends on the nominated pair at once: no task a packet, through a TURN channel neither."""

    def __init__(self, connection: Any) -> None:
        self._nominated = connection._nominated
        self._pair: Any = None
        self._transport: Any = None
        self._addr: Any = None
        self._channel: _Channel | None = None

    def send(self, data: bytes) -> bool:
        """Send one datagram; False when no pair is nominated (any more)."""
        pair = self._nominated.get(1)
        if pair is None:
            return False
        if pair is not self._pair or pair.protocol.transport is not self._transport:
            self._pair, self._transport, self._addr = pair, pair.protocol.transport, pair.remote_addr
            self._channel = _channel(self._transport, self._addr)
        if self._channel is None or not self._channel.send(data):
            self._transport.sendto(data, self._addr)
        return True


def _channel(transport: Any, addr: Any) -> _Channel | None:
    turn = None if isinstance(transport, Impaired) else getattr(transport, "_TurnTransport__inner_protocol", None)
    return None if turn is None else _Channel(turn, addr)


class _Channel:
    """A TURN channel (RFC 8656 section 12) that is bound already; aioice keeps it bound, and knows until when."""

    def __init__(self, turn: Any, addr: Any) -> None:
        self._turn = turn
        self._addr = addr

    def send(self, data: bytes) -> bool:
        """Send as ChannelData; False when the channel has to be bound or refreshed first."""
        turn = self._turn
        channel = turn.peer_to_channel.get(self._addr)
        if channel is None or turn.transport.is_closing() or time.time() > turn.channel_refresh_at[channel]:
            return False
        turn._send(struct.pack("!HH", channel, len(data)) + data)
        return True


async def connect_turn(relay: Any, protocol: Any) -> None:
    """Make the allocation of an aioice TurnTransport, whose datagrams go to `protocol` then."""
    await relay._connect(protocol)


def close_turn(client: Any) -> None:
    """Give up what an aioice TURN client has begun: its refresh, when the allocation was made all the same."""
    if client.refresh_task is not None:
        client.refresh_task.cancel()
