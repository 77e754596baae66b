"""A peer's jitter and loss beside tshark's, on the same packets: by the same formula, and in a live call."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from capture import Packet, captured, packets, require_tshark, streams

from monitor.commands.bench.accuracy import connect_through
from monitor.commands.bench.accuracy_judging import errors
from monitor.commands.bench.line_truth import Moment
from monitor.commands.bench.workers import worker
from monitor.media.opus_sample import SAMPLE_RATE
from monitor.media.reception import Reception

LINE = {"host": "0.0.0.0", "lines": 1, "delay_s": 0.01, "jitter_s": 0.01, "loss": 0.1, "seed": 1}
SECONDS = 5.0
FORGOTTEN = 100  # packets after which the estimate no longer knows how it began (0.94 to the 100th)
EDGE_PACKETS = 5  # the capture begins a little before the sampling, and ends a little after it
ROUNDING_S = 2e-6  # tshark prints whole microseconds
JITTER_ERROR_S = 0.0003

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="captures on Linux' loopback interface `lo`"),
]


async def call_captured(path: Path) -> tuple[dict[str, Any], list[Packet], Any]:
    """What a peer tells of a call over a bad line, and what tshark tells of the packets that it heard."""
    require_tshark()
    ends = worker("accuracy_ends"), worker("accuracy_ends")
    async with worker("delay_line", json.dumps(LINE)) as line, ends[0] as near, ends[1] as far:
        (hop,) = await connect_through(line, near, far, "measured", 1)
        async with captured(path, hop.door):
            told = await near.ask("sample", group="measured", seconds=SECONDS, stall_s=0.03)
    (stream,) = streams(path, hop.host, hop.port)
    return told["flows"][0], packets(path, hop.port), stream


def replayed(heard: list[Packet]) -> tuple[Reception, list[Moment]]:
    """Our own receiver, given the captured headers and arrival times; and its jitter after each packet."""
    reception, jitter = Reception(SAMPLE_RATE), []
    for packet in heard:
        reception.packet(packet.ssrc, packet.sequence, packet.timestamp, packet.at_s)
        jitter.append((packet.at_s, reception.jitter_s or 0.0))
    return reception, jitter


async def test_jitter_and_loss_agree_with_tshark_on_the_same_capture(tmp_path: Path) -> None:
    flow, heard, stream = await call_captured(tmp_path / "call.pcap")
    reception, jitter = replayed(heard)
    assert len(heard) == stream.packets > 150
    assert reception.packets_lost == stream.lost > 0
    assert abs(max(value for _, value in jitter) - stream.jitter_max_s) <= ROUNDING_S
    assert abs(statistics.mean(value for _, value in jitter[1:]) - stream.jitter_mean_s) <= ROUNDING_S
    assert stream.jitter_mean_s > LINE["jitter_s"] / 6  # the line was as bad as it was to be

    # The live peer, whose loop is stalled on purpose: kernel arrival times are those of the capture.
    assert abs(flow["lost"] - stream.lost) <= EDGE_PACKETS
    wall_s = time.time() - time.monotonic()
    live = [(at_mono_s + wall_s, value) for at_mono_s, value in flow["jitter"]]
    pairs = errors(live[FORGOTTEN:], jitter)
    assert len(pairs) > 50
    assert statistics.median(abs(value - captured_s) for value, captured_s in pairs) <= JITTER_ERROR_S
