"""The platform's ICE side: an embedded STUN responder, and the ICE servers that an extdisco answer hands out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import struct
from dataclasses import dataclass, field
from typing import Final, Protocol

MAGIC_COOKIE: Final = 0x2112A442  # RFC 8489 section 5
HEADER: Final = struct.Struct("!HHI12s")  # type, length, cookie, transaction id
BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111
XOR_MAPPED_ADDRESS: Final = 0x0020
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
# Comprehension-required attributes (below 0x8000) that a Binding request may carry without our having to act on them:
# USERNAME, MESSAGE-INTEGRITY, its SHA256 form, REALM, NONCE, and PRIORITY and USE-CANDIDATE of RFC 8445.
UNDERSTOOD: Final = frozenset({0x0006, 0x0008, 0x001C, 0x0014, 0x0015, 0x0024, 0x0025})
MAX_DATAGRAM: Final = 2048
CREDENTIAL_LIFETIME_S: Final = 86_400  # what a real capture shows: the username expires a day after it was issued


class TurnSettings(Protocol):
    """A real TURN server to hand out; a scenario's `turn` is one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def transports(self) -> tuple[str, ...]: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str | None: ...
    @property
    def secret(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class IceService:
    """One <service/> of an extdisco answer (XEP-0215)."""

    type: str  # stun or turn
    host: str
    port: int
    transport: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def turn_credentials(username: str, secret: str, wall_s: float) -> tuple[str, str]:
    """Username `{expiry}:{username}` and its base64 HMAC-SHA1: what coturn's use-auth-secret accepts until expiry."""
    timed = f"{int(wall_s) + CREDENTIAL_LIFETIME_S}:{username}"
    digest = hmac.new(secret.encode(), timed.encode(), hashlib.sha1).digest()
    return timed, base64.b64encode(digest).decode()


def turn_services(turn: TurnSettings | None, wall_s: float) -> tuple[IceService, ...]:
    """The TURN services to hand out now, one for each transport; none without a TURN server."""
    if turn is None:
        return ()
    username, password = turn.username, turn.password
    if turn.secret is not None:
        username, password = turn_credentials(turn.username, turn.secret, wall_s)
    return tuple(IceService("turn", turn.host, turn.port, way, username, password) for way in turn.transports)


def binding_response(datagram: bytes, source: tuple[str, int]) -> bytes | None:
    """The answer to one datagram from `source`, or None when it is not a STUN Binding request. Never raises.

    RFC 8489 section 6.3.1: unknown comprehension-required attributes get a 420 error that names them.
    """
    if not HEADER.size <= len(datagram) <= MAX_DATAGRAM:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(datagram)
    if kind != BINDING_REQUEST or cookie != MAGIC_COOKIE or length % 4 or length != len(datagram) - HEADER.size:
        return None
    attributes = _attribute_types(datagram[HEADER.size :])
    if attributes is None:
        return None
    unknown = [name for name in attributes if name < 0x8000 and name not in UNDERSTOOD]
    if unknown:
        return _message(BINDING_ERROR, transaction, _unknown_attributes(unknown[:16]))
    return _message(BINDING_SUCCESS, transaction, _xor_mapped_address(source, transaction))


def _attribute_types(body: bytes) -> list[int] | None:
    """The attributes' types in order, or None when their lengths do not add up."""
    types, at = [], 0
    while at < len(body):
        name, length = struct.unpack_from("!HH", body, at)
        at += 4 + length + (-length) % 4
        types.append(name)
    return types if at == len(body) else None


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    return HEADER.pack(kind, len(attributes), MAGIC_COOKIE, transaction) + attributes


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + bytes((-len(value)) % 4)


def _unknown_attributes(names: list[int]) -> bytes:
    reason = b"Unknown Attribute"
    error = _attribute(ERROR_CODE, struct.pack("!HBB", 0, 4, 20) + reason)
    return error + _attribute(UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(names)}H", *names))


def _xor_mapped_address(source: tuple[str, int], transaction: bytes) -> bytes:
    """RFC 8489 section 14.2, for either family."""
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    address = socket.inet_pton(family, source[0].partition("%")[0])
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction
    masked = bytes(a ^ b for a, b in zip(address, mask, strict=False))
    port = source[1] ^ (MAGIC_COOKIE >> 16)
    return _attribute(XOR_MAPPED_ADDRESS, struct.pack("!BBH", 0, 1 if len(address) == 4 else 2, port) + masked)


class StunResponder(asyncio.DatagramProtocol):
    """A UDP STUN server on one port: answers Binding requests, stays silent on everything else."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0
        self.ignored = 0

    @classmethod
    async def start(cls, host: str, port: int = 0) -> StunResponder:
        """Bind host:port (0 picks a port, then in `.port`). Raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        transport, responder = await loop.create_datagram_endpoint(cls, local_addr=(host, port))
        responder._transport = transport
        responder.port = transport.get_extra_info("sockname")[1]
        return responder

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer it, or count it as ignored."""
        answer = binding_response(data, addr)
        if answer is None or self._transport is None:
            self.ignored += 1
        else:
            self._transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error for an answer whose asker has gone: not ours to act on."""

    async def close(self) -> None:
        """Release the port. Idempotent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        await asyncio.sleep(0)  # asyncio closes the socket in the next turn of the loop
