"""RTCP packets, against aiortc's own writing and reading."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from monitor.media import rtcp

BLOCK = rtcp.ReportBlock(8, 64, -3, 70_000, 480, 0x11112222, 65536)
INFO = rtcp.SenderInfo(0x1111222233334444, 960, 50, 4000)


@pytest.mark.parametrize("blocks", [(), (BLOCK,), (BLOCK, BLOCK)])
@pytest.mark.parametrize("info", [None, INFO])
def test_what_is_written_is_read_again(info: rtcp.SenderInfo | None, blocks: tuple[rtcp.ReportBlock, ...]) -> None:
    report = rtcp.Report(7, info, blocks)
    compound = rtcp.write_report(report) + rtcp.write_description(7, "name") + rtcp.write_bye(7)
    assert rtcp.read_compound(compound) == (report, rtcp.Bye((7,)))


@pytest.mark.parametrize("cname", ["", "a", "ab", "abc", "abcd", "{b6a1f7f0-0000}", "n" * 400])
def test_aiortc_reads_ours(cname: str) -> None:
    compound = rtcp.write_report(rtcp.Report(7, INFO, (BLOCK,))) + rtcp.write_report(rtcp.Report(7, None, (BLOCK,)))
    compound += rtcp.write_description(7, cname) + rtcp.write_bye(7)
    sender, receiver, description, bye = RtcpPacket.parse(compound)
    assert isinstance(sender, RtcpSrPacket)
    assert isinstance(receiver, RtcpRrPacket)
    assert isinstance(description, RtcpSdesPacket)
    assert isinstance(bye, RtcpByePacket)
    assert (sender.sender_info.ntp_timestamp, sender.sender_info.packet_count) == (INFO.ntp, INFO.packets)
    theirs = receiver.reports[0]
    assert (theirs.ssrc, theirs.fraction_lost, theirs.packets_lost) == (8, 64, -3)
    assert (theirs.highest_sequence, theirs.jitter, theirs.lsr, theirs.dlsr) == (70_000, 480, 0x11112222, 65536)
    assert description.chunks[0].items == [(1, cname.encode()[:255])]
    assert bye.sources == [7]


def test_times() -> None:
    assert rtcp.ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)
    assert rtcp.middle(0x1111222233334444) == 0x22223333


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80\xc8\x00\xff" + bytes(24), b"\x9f\xc9\x00\x01" + bytes(4), b"\x9f\xcb\x00\x01" + bytes(4)],
)
def test_lengths_that_lie(data: bytes) -> None:
    assert rtcp.read_compound(data) == ()


@given(st.binary(max_size=200))
def test_no_bytes_however_odd_make_it_fail(data: bytes) -> None:
    rtcp.read_compound(b"\x81\xc8" + data)
    rtcp.read_compound(data)
