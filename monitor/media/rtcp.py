"""RTCP packets as bytes: reports, CNAME and BYE written, reports and BYE read (RFC 3550 section 6). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, BYE = 200, 201, 202, 203
NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
LOST_LIMIT = 0x7FFFFF  # 24 bits, signed

_HEADER = struct.Struct("!BBHI")  # version and count, type, length in words minus one, SSRC
_SENDER = struct.Struct("!QIII")  # NTP time, RTP time, packets, octets
_BLOCK = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one stream. jitter in RTP units, lsr the middle of an NTP time, dlsr in 1/65536 s."""

    ssrc: int
    fraction_lost: int  # of 256
    packets_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender says about its stream; ntp in 1/2**32 s since 1900."""

    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report, or a receiver report when `sender` is None."""

    ssrc: int
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """These streams have ended."""

    ssrcs: tuple[int, ...]


def ntp_time(wall_s: float) -> int:
    """Unix seconds as a 64-bit NTP time."""
    return int((wall_s + NTP_EPOCH_S) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits, as LSR repeats them."""
    return ntp >> 16 & 0xFFFFFFFF


def write_report(report: Report) -> bytes:
    """A report with at most 31 blocks, which is what its count can say."""
    info = report.sender
    body = b"" if info is None else _SENDER.pack(info.ntp, info.rtp_timestamp, info.packets, info.octets)
    body += b"".join(_written(block) for block in report.blocks)
    return _packet(RECEIVER_REPORT if info is None else SENDER_REPORT, len(report.blocks), report.ssrc, body)


def write_description(ssrc: int, cname: str) -> bytes:
    """A source description with the CNAME alone, which every compound packet carries (section 6.1)."""
    name = cname.encode()[:255]
    items = bytes((1, len(name))) + name
    return _packet(SOURCE_DESCRIPTION, 1, ssrc, items + bytes(4 - len(items) % 4))


def write_bye(ssrc: int) -> bytes:
    """The end of our stream."""
    return _packet(BYE, 1, ssrc, b"")


def read_compound(data: bytes) -> tuple[Report | Bye, ...]:
    """The reports and goodbyes of a compound packet, up to where it makes no sense; other kinds are passed over."""
    found: list[Report | Bye] = []
    at = 0
    while len(data) - at >= 4 and data[at] & 0xC0 == 0x80:
        size = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if at + size > len(data):
            break
        packet = _read(data[at : at + size])
        if packet is not None:
            found.append(packet)
        at += size
    return tuple(found)


def _read(packet: bytes) -> Report | Bye | None:
    count, kind = packet[0] & 0x1F, packet[1]
    if kind == BYE and len(packet) >= 4 + 4 * count:
        return Bye(struct.unpack_from(f"!{count}I", packet, 4))
    begin = {SENDER_REPORT: 8 + _SENDER.size, RECEIVER_REPORT: 8}.get(kind)
    if begin is None or len(packet) < begin + count * _BLOCK.size:
        return None
    sender = SenderInfo(*_SENDER.unpack_from(packet, 8)) if kind == SENDER_REPORT else None
    blocks = tuple(_block(packet, begin + index * _BLOCK.size) for index in range(count))
    return Report(int.from_bytes(packet[4:8], "big"), sender, blocks)


def _block(packet: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(packet, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(ssrc, loss >> 24, lost - (1 << 24) if lost > LOST_LIMIT else lost, highest, jitter, lsr, dlsr)


def _written(block: ReportBlock) -> bytes:
    lost = max(-LOST_LIMIT - 1, min(block.packets_lost, LOST_LIMIT)) & 0xFFFFFF
    loss = block.fraction_lost << 24 | lost
    return _BLOCK.pack(block.ssrc, loss, block.highest_sequence, block.jitter, block.lsr, block.dlsr)


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, 1 + len(body) // 4, ssrc) + body
