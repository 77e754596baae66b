"""What the kernel knows of a TCP connection: its round trip, and whether what we sent is acknowledged (Linux)."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass

# struct tcp_info of linux/tcp.h: where the fields are that we read
_RETRANSMITS = 2  # u8: repeats of the oldest segment in flight, so far in vain
_UNACKED = 24  # u32: segments in flight
_RTT = 68  # u32: smoothed round trip, microseconds
_SIZE = _RTT + 4
REPEATED = 2  # one repeat is an ordinary lost segment


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """One look. retransmits: how often the oldest unacknowledged segment was repeated; unacked: segments in flight."""

    rtt_s: float
    unacked: int
    retransmits: int

    def silent_at(self) -> str:
        """Where a silence is: `path` when what we sent is repeated in vain, `server` when all of it arrived, or ""."""
        if self.unacked == 0:
            return "server"
        return "path" if self.retransmits >= REPEATED else ""


def read_tcp_info(sock: socket.socket | None) -> TcpInfo | None:
    """Ask the kernel; None where it does not tell, or the socket is gone."""
    if sock is None or not sys.platform.startswith("linux"):
        return None
    try:
        return parse_tcp_info(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE))
    except OSError:
        return None


def parse_tcp_info(info: bytes) -> TcpInfo | None:
    """The fields of a struct tcp_info; None when the kernel's is shorter."""
    if len(info) < _SIZE:
        return None
    unacked, rtt_us = (int(struct.unpack_from("=I", info, at)[0]) for at in (_UNACKED, _RTT))
    return TcpInfo(rtt_us / 1e6, unacked, info[_RETRANSMITS])
