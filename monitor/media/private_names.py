"""Every private name of aiortc and aioice that we lean on, in one place; a contract test holds the pinned versions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

DATAGRAM_LIMIT = 2048  # asyncio reads 256 KiB a datagram, which costs four times the CPU


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


def limit_receive_buffer(transport: Any) -> None:
    """Read at most DATAGRAM_LIMIT bytes a datagram from `transport`, or from the UDP socket under a TURN transport."""
    inner = getattr(transport, "_TurnTransport__inner_protocol", None)
    datagrams = transport if inner is None else inner.transport
    if hasattr(datagrams, "max_size"):
        datagrams.max_size = DATAGRAM_LIMIT


def impair(protocol: Any, fate: Callable[[bytes], float | None]) -> None:
    """Ask `fate` about every datagram that one ICE socket is to send: seconds to hold it back, None to lose it."""

    def send(data: bytes, addr: tuple[str, int]) -> None:
        delay_s = fate(data)
        if delay_s is not None and delay_s <= 0:
            protocol.transport.sendto(data, addr)
        elif delay_s is not None:
            asyncio.get_running_loop().call_later(delay_s, _send_if_open, protocol.transport, data, addr)

    async def send_data(data: bytes, addr: tuple[str, int]) -> None:
        send(data, addr)

    protocol.send_stun = lambda message, addr: send(bytes(message), addr)
    protocol.send_data = send_data


def _send_if_open(transport: Any, data: bytes, addr: tuple[str, int]) -> None:
    if not transport.is_closing():
        transport.sendto(data, addr)


def fall_silent(protocol: Any) -> None:
    """Let one ICE socket neither hear nor say anything more; it stays open, so that not even ICMP tells of it."""

    async def say_nothing(data: bytes, addr: tuple[str, int]) -> None:
        """In place of send_data."""

    protocol.datagram_received = lambda data, addr: None
    protocol.send_stun = lambda message, addr: None
    protocol.send_data = say_nothing
