"""What tshark makes of the RTP on one port: captured by dumpcap on loopback, told its clock rate by an SDP of ours."""

from __future__ import annotations

import asyncio
import re
import signal
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from system_programs import require_program

INSTALL = "apt-get install tshark"
START_LIMIT_S = 20.0
PAYLOAD_TYPE = 96  # of Opus in aiortc's offers
SIP_PORT = 5060  # only a number in a file: nothing is sent there
PCAP_HEADER_BYTES = 24
RECORD = struct.Struct("<IIII")  # of a little-endian pcap file: seconds, microseconds, bytes kept, bytes on the wire


@dataclass(frozen=True)
class Stream:
    """One line of `tshark -z rtp,streams`: jitter in seconds over all packets of the capture."""

    packets: int
    lost: int
    jitter_mean_s: float
    jitter_max_s: float


@dataclass(frozen=True)
class Packet:
    """One RTP header of the capture. at_s: Unix seconds of its arrival."""

    ssrc: int
    sequence: int
    timestamp: int
    at_s: float


def require_tshark() -> None:
    """Skip, or fail where everything is required, without tshark and its dumpcap."""
    for program in ("tshark", "dumpcap"):
        require_program(program, INSTALL)


@asynccontextmanager
async def captured(path: Path, source_port: int) -> AsyncIterator[None]:
    """Capture what is sent from one UDP port on loopback, into `path`."""
    dumpcap = require_program("dumpcap", INSTALL)
    arguments = ("-i", "lo", "-f", f"udp src port {source_port}", "-P", "-w", str(path), "-q")
    process = await asyncio.create_subprocess_exec(dumpcap, *arguments, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while b"File:" not in (said := await process.stderr.readline()):
                assert said, "dumpcap has ended: it needs the right to capture (root, or CAP_NET_RAW)"
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


def streams(path: Path, host: str, port: int) -> list[Stream]:
    """The RTP streams that tshark finds in a capture of packets to `host` and `port`.

    STUN is switched off: after its first message tshark would take all that follows for it.
    """
    told = path.with_suffix(".told.pcap")
    _with_description(path, told, host, port)
    table = _tshark(told, "--disable-protocol", "stun", "-d", f"udp.port=={port},rtp", "-q", "-z", "rtp,streams")
    return [stream for line in table.splitlines() if (stream := _stream(line)) is not None]


def packets(path: Path, port: int) -> list[Packet]:
    """The RTP headers of a capture, as tshark reads them."""
    names = ("rtp.ssrc", "rtp.seq", "rtp.timestamp", "frame.time_epoch")
    fields = [word for name in names for word in ("-e", name)]
    lines = _tshark(path, "-d", f"udp.port=={port},rtp", "-Y", "rtp.ssrc", "-T", "fields", *fields).splitlines()
    rows = (line.split("\t") for line in lines)
    return [Packet(int(ssrc, 16), int(seq), int(timestamp), float(at)) for ssrc, seq, timestamp, at in rows]


def _tshark(path: Path, *arguments: str) -> str:
    command = (require_program("tshark", INSTALL), "-r", str(path), *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


_STREAM = re.compile(r"\s+0x[0-9A-Fa-f]+\s.*?\s(\d+)\s+(-?\d+) \(-?[\d.]+%\)\s+(.*)")


def _stream(line: str) -> Stream | None:
    """A line of the table: ... packets, lost (share), then min, mean and max of delta and of jitter in ms."""
    match = _STREAM.search(line)
    if match is None:
        return None
    figures = [float(word) for word in match[3].split()[:6]]
    return Stream(int(match[1]), int(match[2]), figures[4] / 1e3, figures[5] / 1e3)


def _with_description(path: Path, told: Path, host: str, port: int) -> None:
    """The capture with a SIP INVITE in front: tshark knows the clock rate of a dynamic payload type only by an SDP."""
    data = path.read_bytes()
    seconds, microseconds, _, _ = RECORD.unpack_from(data, PCAP_HEADER_BYTES)
    invite = _frame(host, _invite(host, port).encode())
    record = RECORD.pack(seconds, microseconds, len(invite), len(invite)) + invite
    told.write_bytes(data[:PCAP_HEADER_BYTES] + record + data[PCAP_HEADER_BYTES:])


def _frame(host: str, payload: bytes) -> bytes:
    """Ethernet, IPv4 and UDP around it, from the host to itself; the checksums stay 0."""
    address = bytes(int(part) for part in host.split("."))
    udp = struct.pack("!HHHH", SIP_PORT, SIP_PORT, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address + address
    return bytes(12) + b"\x08\x00" + ip + udp


def _invite(host: str, port: int) -> str:
    sdp = (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} opus/48000/2\r\n"
    )
    head = (
        f"INVITE sip:a@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{SIP_PORT};branch=z9hG4bK1\r\n"
        f"From: <sip:b@{host}>;tag=1\r\n"
        f"To: <sip:a@{host}>\r\nCall-ID: 1@{host}\r\nCSeq: 1 INVITE\r\nContact: <sip:b@{host}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n"
    )
    return head + sdp
