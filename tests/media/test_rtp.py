"""RTP headers, against aiortc's own reading of the same bytes."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from monitor.media.rtp import HEADER, is_media, is_rtcp, payload_bytes


@pytest.mark.parametrize(
    ("first", "rest", "size"),
    [
        (0x80, b"sound", 5),
        (0x82, bytes(8) + b"sound", 5),
        (0x90, b"\xbe\xde\x00\x01abcdsound", 5),
        (0xA0, b"sound\x00\x00\x03", 5),
        (0xA0, b"\x01", 0),
        (0x8F, b"sound", None),
        (0x90, b"\xbe", None),
        (0x90, b"\xbe\xde\x00\x09abcd", None),
        (0xA0, b"sound\x00", None),
        (0xA0, b"sound\xff", None),
    ],
)
def test_payload_sizes(first: int, rest: bytes, size: int | None) -> None:
    assert payload_bytes(HEADER.pack(first, 96, 1, 2, 3) + rest) == size


@given(st.binary(min_size=12, max_size=80))
def test_as_aiortc_reads_it(rest: bytes) -> None:
    packet = bytes((0x80 | rest[0] & 0x3F,)) + rest[1:]
    size = payload_bytes(packet)
    try:
        theirs = len(RtpPacket.parse(packet).payload)
    except ValueError:
        return  # it looks into extensions too, which we do not need
    assert size == theirs


@pytest.mark.parametrize(
    ("datagram", "media"),
    [(b"", False), (b"\x80" * 11, False), (b"\x80" * 12, True), (b"\x16" * 40, False), (b"\xc0" * 40, False)],
)
def test_what_is_media(datagram: bytes, media: bool) -> None:
    assert is_media(datagram) is media


def test_what_is_rtcp() -> None:
    assert is_rtcp(b"\x80\xc8" + bytes(10))
    assert not is_rtcp(b"\x80\xe0" + bytes(10))  # payload type 96 with the marker
    assert not is_rtcp(b"\x80\x60" + bytes(10))
