"""A UDP transport for media: small reads, the kernel's time of arrival, and what the socket had to drop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from monitor.facts.clock import Clock
from monitor.facts.clock_stamps import ANCILLARY_BYTES, Arrivals, ask_for_stamps
from monitor.media.interfaces import bind_to_interface
from monitor.media.udp_readers import readers

DATAGRAM_LIMIT = 2048  # asyncio reads 256 KiB a datagram, which costs four times the CPU
DATAGRAMS_A_WAKE = 32  # then the others of this loop have their turn
BACKLOG_S = 0.015  # a datagram that waited longer than this may have others behind it: calls bring one every 20 ms
RECEIVE_BUFFER_BYTES = 1 << 18  # five seconds of one call; aioice asks for as much

P = TypeVar("P", bound=asyncio.DatagramProtocol)


class UdpTransport(asyncio.DatagramTransport):
    """In place of asyncio's own datagram transport.

    While `protocol.datagram_received` runs, `arrived_mono_s` is when that datagram reached this machine. What cannot be
    sent at once is lost, as in a full network card, and counted: waiting makes sound late.
    """

    def __init__(self, sock: socket.socket, protocol: asyncio.DatagramProtocol, clock: Clock, connected: bool) -> None:
        super().__init__()
        self._sock: socket.socket | None = sock
        self._protocol = protocol
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self.kernel_stamps = ask_for_stamps(sock)
        self._arrivals = Arrivals(clock)
        self._readers = readers()
        self.arrived_mono_s = clock.mono_s()
        self._send_drops = 0
        self._extra = {"socket": sock, "sockname": sock.getsockname()}
        if connected:
            self._extra["peername"] = sock.getpeername()
        protocol.connection_made(self)
        self._readers.add(sock.fileno(), self._readable)

    @property
    def socket_drops(self) -> int:
        """Datagrams that found this socket's buffer full: received while we did not read, or to be sent.

        Where the system does not tell of those received, only those to be sent.
        """
        return self._arrivals.socket_drops + self._send_drops

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`socket`, `sockname`, and `peername` of a connected one."""
        return self._extra.get(name, default)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send one datagram now, or lose it; other errors go to the protocol, as asyncio does."""
        if self._sock is None:
            return
        try:
            if self._connected:
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            self._send_drops += 1
        except OSError as error:
            self._protocol.error_received(error)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._sock is None

    def close(self) -> None:
        """Close the socket; the protocol hears of it in the loop's next turn. Idempotent."""
        if self._sock is None:
            return
        self._readers.remove(self._sock.fileno())
        self._sock.close()
        self._sock = None
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """As close(): nothing waits to be sent."""
        self.close()

    def _readable(self) -> None:
        self._arrivals.wake()
        protocol = self._protocol
        for _ in range(DATAGRAMS_A_WAKE):
            if self._sock is None:  # the protocol closed it
                return
            try:
                data, ancillary, _, addr = self._sock.recvmsg(DATAGRAM_LIMIT, ANCILLARY_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # ICMP
                protocol.error_received(error)
                return
            self.arrived_mono_s = self._arrivals.mono_s(ancillary)
            protocol.datagram_received(data, addr)
            if self._arrivals.now_mono_s - self.arrived_mono_s < BACKLOG_S:
                return  # nearly always it was the only one, and asking costs as much as reading; epoll asks again


async def open_udp(
    protocol_factory: Callable[[], P],
    local_addr: tuple[str, int] | None,
    clock: Clock,
    *,
    remote_addr: tuple[str, int] | None = None,
    interface: str | None = None,
) -> tuple[UdpTransport, P]:
    """In place of `loop.create_datagram_endpoint`; bound to one interface if asked, connected if `remote_addr` is set.

    Addresses are numeric. Raises OSError as binding and connecting do.
    """
    host = (local_addr or remote_addr or ("", 0))[0]
    version = 6 if ":" in host else 4
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if local_addr is not None:
            sock.bind(local_addr)
        elif interface is not None:
            bind_to_interface(sock, interface, version)
        if remote_addr is not None:
            sock.connect(remote_addr)
        protocol = protocol_factory()
        return UdpTransport(sock, protocol, clock, remote_addr is not None), protocol
    except BaseException:
        sock.close()
        raise
