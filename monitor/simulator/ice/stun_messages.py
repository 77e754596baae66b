"""STUN messages as a server reads and writes them (RFC 8489), signatures included; pure."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

MAGIC_COOKIE: Final = 0x2112A442  # RFC 8489 section 5
HEADER: Final = struct.Struct("!HHI12s")  # type, length, cookie, transaction id
MAX_DATAGRAM: Final = 2048
BINDING, ALLOCATE, REFRESH = 0x001, 0x003, 0x004
CREATE_PERMISSION, CHANNEL_BIND = 0x008, 0x009
SUCCESS, ERROR = 0x0100, 0x0110  # the class bits of a type, over a method
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
LIFETIME, REALM, NONCE, REQUESTED_TRANSPORT = 0x000D, 0x0014, 0x0015, 0x0019
XOR_RELAYED_ADDRESS, XOR_MAPPED_ADDRESS = 0x0016, 0x0020
INTEGRITY_BYTES: Final = 4 + hashlib.sha1(usedforsecurity=False).digest_size
# Comprehension-required attributes (below 0x8000) that a Binding request may carry without our having to act on them:
# USERNAME, MESSAGE-INTEGRITY, its SHA256 form, REALM, NONCE, and PRIORITY and USE-CANDIDATE of RFC 8445.
UNDERSTOOD: Final = frozenset({0x0006, 0x0008, 0x001C, 0x0014, 0x0015, 0x0024, 0x0025})

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class StunRequest:
    """One request. attributes: the first value of each type. signed: the bytes before MESSAGE-INTEGRITY, if any."""

    method: int
    transaction: bytes
    attributes: dict[int, bytes]
    signed: bytes | None = None

    def is_signed_with(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is there and right (RFC 8489 section 14.5)."""
        if self.signed is None:
            return False
        told = self.attributes[MESSAGE_INTEGRITY]
        return hmac.compare_digest(told, _digest(self.signed, key))

    def text(self, name: int) -> str:
        """An attribute as text, empty when it is not there; what is not UTF-8 becomes U+FFFD."""
        return self.attributes.get(name, b"").decode("utf-8", "replace")


def read_request(datagram: bytes) -> StunRequest | None:
    """The request in a datagram; None for anything else. Never raises."""
    if not HEADER.size <= len(datagram) <= MAX_DATAGRAM:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(datagram)
    if kind & 0xC110 or cookie != MAGIC_COOKIE or length % 4 or length != len(datagram) - HEADER.size:
        return None
    found, signed, at = dict[int, bytes](), None, HEADER.size
    while at < len(datagram):
        name, size = struct.unpack_from("!HH", datagram, at)
        value = datagram[at + 4 : at + 4 + size]
        if name == MESSAGE_INTEGRITY and signed is None:
            signed = datagram[:at]
        if signed is None or name == MESSAGE_INTEGRITY:  # what follows the signature is to be ignored
            found.setdefault(name, value)
        at += 4 + size + (-size) % 4
    return StunRequest(kind, transaction, found, signed) if at == len(datagram) else None


def binding_response(datagram: bytes, source: Address) -> bytes | None:
    """The answer to one datagram from `source`, or None when it is not a STUN Binding request. Never raises.

    RFC 8489 section 6.3.1: unknown comprehension-required attributes get a 420 error that names them.
    """
    request = read_request(datagram)
    if request is None or request.method != BINDING:
        return None
    unknown = [name for name in request.attributes if name < 0x8000 and name not in UNDERSTOOD]
    if unknown:
        names = attribute(UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown[:16])}H", *unknown[:16]))
        return error(request, 420, "Unknown Attribute", names)
    return success(request, xor_address(XOR_MAPPED_ADDRESS, source, request.transaction))


def success(request: StunRequest, attributes: bytes, key: bytes | None = None) -> bytes:
    """The success response, signed where there is a key."""
    return _message(request.method | SUCCESS, request.transaction, attributes, key)


def error(request: StunRequest, code: int, reason: str, more: bytes = b"", key: bytes | None = None) -> bytes:
    """The error response with `code` (300..699) and more attributes, signed where there is a key."""
    told = attribute(ERROR_CODE, struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode())
    return _message(request.method | ERROR, request.transaction, told + more, key)


def attribute(name: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("!HH", name, len(value)) + value + bytes((-len(value)) % 4)


def xor_address(name: int, address: Address, transaction: bytes) -> bytes:
    """An attribute that carries an address in either family (RFC 8489 section 14.2)."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction
    masked = bytes(a ^ b for a, b in zip(packed, mask, strict=False))
    port = address[1] ^ (MAGIC_COOKIE >> 16)
    return attribute(name, struct.pack("!BBH", 0, 1 if len(packed) == 4 else 2, port) + masked)


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """The key of the long-term credential mechanism (RFC 8489 section 9.2.2)."""
    return hashlib.md5(f"{username}:{realm}:{password}".encode(), usedforsecurity=False).digest()


def _message(kind: int, transaction: bytes, attributes: bytes, key: bytes | None) -> bytes:
    message = HEADER.pack(kind, len(attributes), MAGIC_COOKIE, transaction) + attributes
    if key is None:
        return message
    signed = attribute(MESSAGE_INTEGRITY, _digest(message, key))
    return HEADER.pack(kind, len(attributes) + len(signed), MAGIC_COOKIE, transaction) + attributes + signed


def _digest(before: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 over what precedes the attribute, its header's length counting the attribute itself."""
    kind, _, cookie, transaction = HEADER.unpack_from(before)
    counted = HEADER.pack(kind, len(before) - HEADER.size + INTEGRITY_BYTES, cookie, transaction)
    return hmac.new(key, counted + before[HEADER.size :], hashlib.sha1).digest()
