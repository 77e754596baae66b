"""STUN and TURN server URIs (RFC 7064, RFC 7065) read into host, port and transport. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

DEFAULT_PORT = 3478  # RFC 8489 section 8.1
DEFAULT_TLS_PORT = 5349
MAX_URL_CHARS = 300

_SHAPE = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/?#@\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"(?:\?transport=(?P<transport>[A-Za-z0-9-]+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Where a server is and how to talk to it. transport: udp, tcp or tls (TLS over TCP)."""

    scheme: str
    host: str  # without brackets
    port: int
    transport: str

    @property
    def name(self) -> str:
        """host:port, IPv6 addresses in brackets: the `server` label of the metrics."""
        return host_port(self.host, self.port)


def read_server_url(url: str) -> ServerUrl:
    """The parts of `url`. Raises ValueError when it is malformed, or asks for what is not supported (DTLS)."""
    match = _SHAPE.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
    if match is None:
        raise ValueError("not a stun, stuns, turn or turns URI")
    scheme = match["scheme"].lower()
    secure = scheme.endswith("s")
    port = int(match["port"]) if match["port"] else (DEFAULT_TLS_PORT if secure else DEFAULT_PORT)
    if not 0 < port < 65536:
        raise ValueError(f"port {port} is out of range")
    host = match["host"].strip("[]")
    if match["host"].startswith("["):
        ipaddress.IPv6Address(host)
    return ServerUrl(scheme, host, port, _transport(secure, match["transport"]))


def host_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _transport(secure: bool, asked: str | None) -> str:
    """The transport of a URI; `stun:` with transport=tcp is not in RFC 7064, but servers speak it (RFC 8489 6.2.2)."""
    transport = (asked or ("tcp" if secure else "udp")).lower()
    if secure and transport == "tcp":
        return "tls"
    if secure or transport not in ("udp", "tcp"):
        raise ValueError(f"transport {transport} {'over TLS ' if secure else ''}is not supported")
    return transport
