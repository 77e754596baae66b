"""Opens a WebSocket in separately timed steps (TCP, TLS, upgrade) and measures on it: pings, the kernel's RTT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    ProtocolError,
)
from websockets.extensions.permessage_deflate import enable_client_permessage_deflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Event as ProtocolEvent
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure, reason_of_status
from monitor.genesys.events import CertificateSeen, PhaseTimed
from monitor.genesys.name_look_up import look_up
from monitor.genesys.network_errors import reason_of_os_error
from monitor.genesys.stamped_socket import StampedSocket
from monitor.genesys.tcp_info import TcpInfo, read_tcp_info
from monitor.genesys.trust import trusting_the_system

# its debug log would print frames, and with them tokens and channel ids
_LOGGER = logging.Logger("websockets.client", logging.WARNING)
CLOSE_TIMEOUT_S = 1.0  # the real client waits this long for the server's close
_IP_BOUND_IF = 25  # macOS netinet/in.h


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """Where and how to connect. url: ws[s]://host[:port]/path. limit_bytes: the largest message accepted."""

    url: str
    subprotocol: str | None = None
    interface: str | None = None
    ssl_context: ssl.SSLContext | None = None
    limit_bytes: int = 262_144
    timeout_s: float = 15.0


class MeasuredWebSocket(ClientConnection):
    """A WebSocket that knows when it last heard from the other side and matches pongs to pings by their payload.

    websockets' own keepalive is off: it would end the connection inside a measurement.
    """

    def __init__(self, protocol: ClientProtocol, sock: StampedSocket, clock: Clock) -> None:
        super().__init__(protocol, ping_interval=None, close_timeout=CLOSE_TIMEOUT_S)
        self._sock = sock
        self._clock = clock
        self.heard_mono_s = clock.mono_s()
        self.on_pong: Callable[[bytes, float], None] | None = None  # payload, when it reached this machine
        self.on_next_write: Callable[[float], None] | None = None  # told once: when the next bytes go out

    def data_received(self, data: bytes) -> None:
        """Bytes came in: the last good evidence, whatever they hold."""
        self.heard_mono_s = self._clock.mono_s()
        super().data_received(data)

    def send_data(self) -> None:
        """Hand what is framed to the kernel."""
        told, self.on_next_write = self.on_next_write, None
        if told is not None:
            told(self._clock.mono_s())
        super().send_data()

    def process_event(self, event: ProtocolEvent) -> None:
        """Look at pongs on their way, since websockets lets a later pong acknowledge earlier pings too."""
        if isinstance(event, Frame) and event.opcode is Opcode.PONG and self.on_pong is not None:
            self.on_pong(bytes(event.data), self._sock.arrived_mono_s or self._clock.mono_s())
        super().process_event(event)

    def tcp_rtt_s(self) -> float | None:
        """The kernel's smoothed TCP round trip in seconds; None where the system does not tell (Linux does)."""
        info = self._tcp_info()
        return None if info is None else info.rtt_s

    def silent_at(self) -> str:
        """Where a silence is, by what TCP has acknowledged: `path`, `server`, or "" where that cannot be told."""
        info = self._tcp_info()
        return "" if info is None else info.silent_at()

    def _tcp_info(self) -> TcpInfo | None:
        return read_tcp_info(self.transport.get_extra_info("socket"))


async def open_websocket(
    options: SocketOptions, clock: Clock, on_event: Callable[[PhaseTimed | CertificateSeen], None]
) -> MeasuredWebSocket | Failure:
    """Connect once within `timeout_s`. Each step that was reached is told to `on_event`: tcp, tls (wss only), upgrade.

    So is the certificate. The name's look-up is in no phase; when it fails, phase tcp fails with operation dns.
    """
    phases = _Phases(clock, on_event)
    try:
        async with asyncio.timeout(options.timeout_s):
            return await _open(options, clock, phases, on_event)
    except TimeoutError:
        return phases.fail(Reason.TIMEOUT, f"not done within {options.timeout_s:g} s of the attempt")
    except InvalidStatus as error:
        status = error.response.status_code
        return phases.fail(reason_of_status(status), f"HTTP {status}")
    except (InvalidHandshake, ProtocolError) as error:
        cause = error.__cause__
        gone = isinstance(error, InvalidMessage) and isinstance(cause, EOFError | OSError)
        return phases.fail(Reason.RESET if gone else Reason.MALFORMED, f"{type(error).__name__}: {error}")
    except OSError as error:
        return phases.fail(reason_of_os_error(error), str(error) or type(error).__name__)
    except (InvalidURI, ValueError):  # their words quote the URL, which holds the channel's id
        return phases.fail(Reason.MALFORMED, "not a WebSocket URL")


class _Phases:
    """Which step is on, since when."""

    def __init__(self, clock: Clock, on_phase: Callable[[PhaseTimed], None]) -> None:
        self._clock = clock
        self._on_phase = on_phase
        self._phase, self._operation = "tcp", "dns"
        self._started_s = clock.mono_s()

    def begin(self, phase: str) -> None:
        self._phase = self._operation = phase
        self._started_s = self._clock.mono_s()

    def done(self) -> None:
        self._on_phase(PhaseTimed(self._phase, self._clock.mono_s() - self._started_s))

    def fail(self, reason: Reason, words: object) -> Failure:
        failed = failure(self._operation, reason, words)
        self._on_phase(PhaseTimed(self._phase, None, failed))
        return failed


async def _open(
    options: SocketOptions, clock: Clock, phases: _Phases, on_certificate: Callable[[CertificateSeen], None]
) -> MeasuredWebSocket | Failure:
    parts = urlsplit(options.url)
    secure = parts.scheme == "wss"
    tls = options.ssl_context or trusting_the_system() if secure else None
    addresses = await look_up(parts.hostname or "", parts.port or (443 if secure else 80))
    phases.begin("tcp")
    sock = await _connect(addresses, options.interface, clock)
    phases.done()
    try:
        if secure:
            phases.begin("tls")
        websocket = await _start(options, clock, sock, tls, parts.hostname)
    except BaseException:
        sock.close()
        raise
    if secure:
        phases.done()
        expires_wall_s = _certificate_expiry(websocket)
        if expires_wall_s is not None:
            on_certificate(CertificateSeen(expires_wall_s))
    phases.begin("upgrade")
    return await _upgrade(websocket, options, phases)


async def _connect(addresses: list[Any], interface: str | None, clock: Clock) -> StampedSocket:
    """The first address that accepts; the last error when none does."""
    loop = asyncio.get_running_loop()
    error: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        sock = StampedSocket(family, kind, protocol, clock)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if interface is not None:
                _bind_interface(sock, interface)
            await loop.sock_connect(sock, address)
        except OSError as refused:
            sock.close()
            error = refused
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


def _bind_interface(sock: socket.socket, interface: str) -> None:
    """Bind to one network interface. Raises OSError when there is none of that name."""
    if sys.platform.startswith("linux"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BOUND_IF, socket.if_nametoindex(interface))


async def _start(
    options: SocketOptions, clock: Clock, sock: StampedSocket, tls: ssl.SSLContext | None, host: str | None
) -> MeasuredWebSocket:
    """Hand the connected socket to the WebSocket protocol, through TLS where the URL says so."""
    protocol = ClientProtocol(
        parse_uri(options.url),
        extensions=enable_client_permessage_deflate(None),
        subprotocols=[Subprotocol(options.subprotocol)] if options.subprotocol else None,
        max_size=options.limit_bytes,
        logger=_LOGGER,
    )
    _, websocket = await asyncio.get_running_loop().create_connection(
        lambda: MeasuredWebSocket(protocol, sock, clock), sock=sock, ssl=tls, server_hostname=host if tls else None
    )
    return websocket


def _certificate_expiry(websocket: MeasuredWebSocket) -> float | None:
    """Unix time at which the verified certificate ends; None where it was not verified or names no readable time."""
    certificate = websocket.transport.get_extra_info("peercert") or {}
    try:
        return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))
    except (KeyError, ValueError):
        return None


async def _upgrade(
    websocket: MeasuredWebSocket, options: SocketOptions, phases: _Phases
) -> MeasuredWebSocket | Failure:
    try:
        await websocket.handshake(user_agent_header="softphone-monitor")
    except BaseException:
        websocket.transport.abort()
        raise
    if websocket.subprotocol != options.subprotocol:  # RFC 6455 section 4.1: a browser would fail the connection
        await close_quietly(websocket)
        return phases.fail(Reason.UNSUPPORTED, f"subprotocol {options.subprotocol} not echoed")
    phases.done()
    return websocket


async def close_quietly(websocket: MeasuredWebSocket, code: int = 1000) -> None:
    """Close with a deadline of CLOSE_TIMEOUT_S for the other side; an unsendable close becomes an abort."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S + 0.5):
            await websocket.close(code)
            return
    websocket.transport.abort()


@dataclass(frozen=True, slots=True)
class SocketEnd:
    """How a WebSocket ended. kind: closed (by the server's close frame), reset (without one), malformed, too_large."""

    kind: str
    code: int | None
    words: str


def socket_end(closed: ConnectionClosed) -> SocketEnd:
    """What websockets' exception means. The close codes that websockets sends itself tell what it could not accept."""
    if closed.rcvd is not None and not (closed.sent is not None and closed.rcvd_then_sent is False):
        return SocketEnd("closed", closed.rcvd.code, closed.rcvd.reason)
    if closed.sent is not None and closed.sent.code in (1002, 1003, 1007, 1009):
        return SocketEnd("too_large" if closed.sent.code == 1009 else "malformed", None, closed.sent.reason)
    return SocketEnd("reset", None, str(closed.__cause__ or ""))
