"""A TURN allocation for the ICE agent: over UDP, TCP or TLS, and an end to it as soon as the network says no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aioice import turn
from aioice.ice import StunProtocol

from monitor.facts.clock import Clock
from monitor.facts.ice import IceServer
from monitor.media.mishaps import Mishaps
from monitor.media.private_names import close_turn, connect_turn
from monitor.media.resolver import Address
from monitor.media.server_url import ServerUrl
from monitor.media.udp_transport import open_udp
from monitor.media.wires import Tls, connected_socket, tls_errors, trusting_the_system

MISHAPS = Mishaps()


class _UdpClient(turn.TurnClientUdpProtocol):
    """aioice waits out its retransmissions when ICMP says that nobody is there."""

    broken: asyncio.Future[None]

    def error_received(self, exc: Exception) -> None:
        """The network refuses what we send."""
        _break(self.broken, exc)


class _TcpClient(turn.TurnClientTcpProtocol):
    """aioice waits out its retransmissions when the server hangs up."""

    broken: asyncio.Future[None]

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up."""
        _break(self.broken, exc or ConnectionResetError("closed by the server"))
        super().connection_lost(exc)

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        """One message of the stream. What a library stumbles over is lost: asyncio would end the connection for it."""
        try:
            super().datagram_received(data, addr)
        except Exception:
            MISHAPS.note("a message from a TURN server")


class Allocation:
    """One allocation being made; `started_mono_s` and `answered_mono_s` are its times, name resolution not in them."""

    def __init__(self, url: ServerUrl, server: IceServer, clock: Clock, interface: str | None) -> None:
        self._url = url
        self._server = server
        self._clock = clock
        self._interface = interface
        self.doing = "dns"
        self.started_mono_s = 0.0
        self.answered_mono_s = 0.0

    async def make(self, address: Address, protocol_factory: Callable[[], StunProtocol]) -> StunProtocol:
        """An ICE protocol whose transport is the allocation. Raises OSError, TlsError, stun.TransactionError."""
        tls = Tls(self._url.host, trusting_the_system()) if self._url.transport == "tls" else None
        self.started_mono_s = self._clock.mono_s()
        client, transport = await self._open(address, tls)
        try:
            self.doing = "allocate"
            return await self._allocate(client, protocol_factory)
        except BaseException:
            transport.close()
            raise

    async def _open(self, address: Address, tls: Tls | None) -> tuple[Any, asyncio.BaseTransport]:
        if self._url.transport == "udp":
            server = (address.host, address.port)
            udp, client = await open_udp(
                lambda: self._client(_UdpClient, address),
                None,
                self._clock,
                remote_addr=server,
                interface=self._interface,
            )
            return client, udp
        self.doing = "tcp and tls handshake" if tls else "tcp handshake"
        sock = await connected_socket(address, self._interface)
        with tls_errors():
            tcp, stream = await asyncio.get_running_loop().create_connection(
                lambda: self._client(_TcpClient, address),
                sock=sock,
                ssl=tls.context if tls else None,
                server_hostname=tls.hostname if tls else None,
            )
        return stream, tcp

    def _client(self, kind: type[Any], address: Address) -> Any:
        client = kind(
            (address.host, address.port),
            self._server.username,
            self._server.credential,
            lifetime=turn.DEFAULT_ALLOCATION_LIFETIME,
            channel_refresh_time=turn.DEFAULT_CHANNEL_REFRESH_TIME,
        )
        client.broken = asyncio.get_running_loop().create_future()
        client.datagram_received = self._timed(client)
        return client

    def _timed(self, client: Any) -> Callable[[bytes, Any], None]:
        """Note when each answer came: the last is the one that made the allocation."""
        receive = client.datagram_received

        def received(data: bytes, addr: Any) -> None:
            self.answered_mono_s = getattr(client.transport, "arrived_mono_s", None) or self._clock.mono_s()
            receive(data, addr)

        return received

    async def _allocate(self, client: Any, protocol_factory: Callable[[], StunProtocol]) -> StunProtocol:
        protocol = protocol_factory()
        relay = turn.TurnTransport(client)
        connecting = asyncio.create_task(connect_turn(relay, protocol), name="turn allocate")
        try:
            await asyncio.wait({connecting, client.broken}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                client.broken.result()
            await connecting
        except BaseException:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            close_turn(client)
            raise
        finally:
            client.broken.cancel()
        del client.datagram_received  # from here on it is the media's path
        return protocol


def _break(broken: asyncio.Future[None], error: Exception) -> None:
    if not broken.done():
        broken.set_exception(error)
        broken.exception()  # seen: after the allocation was made nobody asks
