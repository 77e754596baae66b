"""The kernel's word on a TCP connection: where a silence is."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from monitor.genesys.tcp_info import TcpInfo, parse_tcp_info, read_tcp_info


def info(*, retransmits: int = 0, unacked: int = 0, rtt_us: int = 20_000) -> bytes:
    """A struct tcp_info with these fields, laid out by hand from linux/tcp.h."""
    head = struct.pack("=8B4I", 1, 0, retransmits, 0, 0, 0, 0, 0, 200_000, 40_000, 1448, 536)
    counts = struct.pack("=5I4I2I", unacked, 0, 0, 0, 0, *(1, 2, 3, 4), 1500, 65_535)
    return head + counts + struct.pack("=2I", rtt_us, 10) + bytes(100)


def test_fields_are_read_where_the_kernel_has_them() -> None:
    assert parse_tcp_info(info(retransmits=3, unacked=2, rtt_us=20_250)) == TcpInfo(0.02025, 2, 3)
    assert parse_tcp_info(b"\x01" * 71) is None


@pytest.mark.parametrize(
    ("unacked", "retransmits", "where"),
    [(0, 0, "server"), (1, 0, ""), (1, 1, ""), (1, 2, "path"), (4, 6, "path")],
)
def test_a_silence_is_placed_by_what_is_acknowledged(unacked: int, retransmits: int, where: str) -> None:
    assert TcpInfo(0.02, unacked, retransmits).silent_at() == where


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_real_connection_that_nobody_reads_is_silent_at_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")  # the kernel acknowledges, nobody has even accepted
        told = read_tcp_info(client)
        assert told is not None
        assert told.silent_at() == "server"
    assert read_tcp_info(client) is None  # closed by now
    assert read_tcp_info(None) is None
