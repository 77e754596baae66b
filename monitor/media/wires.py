"""How STUN messages travel: a connected UDP socket with kernel arrival times, TCP, or TLS; each bounded in memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from monitor.facts.clock import Clock
from monitor.facts.clock_stamps import ANCILLARY_BYTES, Arrivals, ask_for_stamps
from monitor.media.interfaces import bind_to_interface
from monitor.media.resolver import Address

MESSAGE_LIMIT = 2048  # a STUN message fits the path MTU (RFC 8489 section 6.1); ours and theirs are far smaller
HEADER_BYTES = 20
MAGIC_COOKIE = b"\x21\x12\xa4\x42"


class TlsError(Exception):
    """The TLS handshake did not succeed; the text says why."""


class NotStunError(Exception):
    """The stream carries something else, and there is no way to find the next message in it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message and the monotonic time it reached this machine."""

    data: bytes
    at_mono_s: float


class Wire(Protocol):
    """One way to one server. Methods raise OSError for what the network says."""

    @property
    def unreliable(self) -> bool:
        """Whether requests have to be retransmitted."""
        ...

    def send(self, data: bytes) -> None:
        """Send one message."""
        ...

    async def receive(self) -> Arrival:
        """The next message, whatever it is."""
        ...

    async def close(self) -> None:
        """Close the socket. Idempotent."""
        ...


class UdpWire:
    """A connected UDP socket, so that only its server is heard and ICMP errors arrive as OSError."""

    unreliable = True

    def __init__(self, address: Address, interface: str | None, clock: Clock) -> None:
        self._arrivals = Arrivals(clock)
        self._sock = socket.socket(address.family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            ask_for_stamps(self._sock)
            _bind(self._sock, interface)
            self._sock.connect(address.sockaddr)
        except BaseException:
            self._sock.close()
            raise

    def send(self, data: bytes) -> None:
        """Send one datagram; a full socket buffer loses it, as the network may."""
        with contextlib.suppress(BlockingIOError):
            self._sock.send(data)

    async def receive(self) -> Arrival:
        """The next datagram, by the kernel's time of arrival where it tells, so that own lag does not count."""
        while True:
            self._arrivals.wake()
            try:
                data, ancillary, _, _ = self._sock.recvmsg(MESSAGE_LIMIT, ANCILLARY_BYTES)
            except BlockingIOError:
                await self._readable()
                continue
            return Arrival(data, self._arrivals.mono_s(ancillary))

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._sock)

    async def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class StreamWire:
    """STUN over TCP or TLS: messages framed by their own length field (RFC 8489 section 6.2.2)."""

    unreliable = False

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock

    def send(self, data: bytes) -> None:
        """Send one message."""
        self._writer.write(data)

    async def receive(self) -> Arrival:
        """The next message. Raises NotStunError, and ConnectionResetError when the server closes."""
        try:
            header = await self._reader.readexactly(HEADER_BYTES)
            length = int.from_bytes(header[2:4], "big")
            if header[0] & 0xC0 or header[4:8] != MAGIC_COOKIE or length % 4 or length > MESSAGE_LIMIT:
                raise NotStunError("the answer is not STUN")
            return Arrival(header + await self._reader.readexactly(length), self._clock.mono_s())
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("closed by the server") from None

    async def close(self) -> None:
        """Drop the connection at once: nothing is left to be said."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, TlsError):
            await self._writer.wait_closed()


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS: the name that the certificate must be for, and whom to trust."""

    hostname: str
    context: ssl.SSLContext


@cache
def trusting_the_system() -> ssl.SSLContext:
    """A context for Tls; made once, and to be asked for before the clock runs: it takes tens of milliseconds."""
    return ssl.create_default_context()


async def open_stream(address: Address, *, interface: str | None, tls: Tls | None, clock: Clock) -> StreamWire:
    """A TCP connection, or TLS over it. Raises OSError or TlsError."""
    sock = await connected_socket(address, interface)
    if tls is None:
        reader, writer = await asyncio.open_connection(sock=sock, limit=MESSAGE_LIMIT)
        return StreamWire(reader, writer, clock)
    with tls_errors():
        reader, writer = await asyncio.open_connection(
            sock=sock, limit=MESSAGE_LIMIT, ssl=tls.context, server_hostname=tls.hostname
        )
    return StreamWire(reader, writer, clock)


async def connected_socket(address: Address, interface: str | None) -> socket.socket:
    """A TCP socket connected to `address`. Raises OSError."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _bind(sock, interface)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


@contextlib.contextmanager
def tls_errors() -> Iterator[None]:
    """Raise what goes wrong in a TLS handshake as TlsError; running out of time stays TimeoutError."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, ssl.CertificateError) as error:  # ssl.SSLError is an OSError
        raise TlsError(_words(error)) from None


def _bind(sock: socket.socket, interface: str | None) -> None:
    if interface is not None:
        bind_to_interface(sock, interface, 4 if sock.family == socket.AF_INET else 6)


def _words(error: Exception) -> str:
    verify_message = getattr(error, "verify_message", "")
    return verify_message or getattr(error, "reason", None) or str(error) or type(error).__name__
