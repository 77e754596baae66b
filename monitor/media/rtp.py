"""RTP headers as bytes (RFC 3550 section 5.1), and what a datagram is (RFC 7983). Pure; the bytes are hostile."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!BBHII")  # version and flags, marker and payload type, sequence, timestamp, SSRC
VERSION_2 = 0x80
MARKER = 0x80
PADDING = 0x20
EXTENSION = 0x10
CSRC_COUNT = 0x0F
RTCP_TYPES = range(192, 224)  # the second byte, RFC 5761 section 4


def is_media(datagram: bytes) -> bool:
    """Whether it is RTP or RTCP, long enough for either's header: first byte 128 to 191 (RFC 7983 section 7)."""
    return len(datagram) >= HEADER.size and 127 < datagram[0] < 192


def is_rtcp(datagram: bytes) -> bool:
    """Whether media is RTCP."""
    return datagram[1] in RTCP_TYPES


def payload_bytes(packet: bytes) -> int | None:
    """How many bytes of payload an RTP packet carries, without header and padding; None when its lengths lie."""
    first = packet[0]
    if first == VERSION_2:
        return len(packet) - HEADER.size
    begin = HEADER.size + 4 * (first & CSRC_COUNT)
    if first & EXTENSION:
        if len(packet) < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    padding = packet[-1] if first & PADDING else 0
    if first & PADDING and not padding:  # the count includes itself
        return None
    size = len(packet) - begin - padding
    return size if size >= 0 else None
