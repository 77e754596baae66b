"""Calls led through a delay line by their candidates, and one short real measurement."""

from __future__ import annotations

import json

import pytest

from monitor.commands.bench import accuracy
from monitor.commands.bench.accuracy import Line, connect_through, measure_media, through
from monitor.commands.bench.workers import worker

SDP = (
    "v=0\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 111\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host\r\n"
    "a=candidate:2 1 udp 2130706431 198.51.100.7 40001 typ host\r\n"
    "a=end-of-candidates\r\n"
)


def test_the_only_candidate_left_is_the_line() -> None:
    moved, address = through(SDP, "127.0.0.1", 5)
    assert address == ("192.0.2.7", 40000)
    assert [line for line in moved.splitlines() if "candidate:" in line] == [
        "a=candidate:1 1 udp 2130706431 127.0.0.1 5 typ host"
    ]
    assert moved.endswith("a=end-of-candidates\r\n")


def test_a_description_without_a_usable_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="no IPv4 host candidate"):
        through("v=0\r\na=candidate:1 1 udp 1 2001:db8::1 4 typ host\r\n", "127.0.0.1", 5)


async def test_a_call_through_a_lossy_line_of_20_ms_knows_its_round_trip_and_every_loss() -> None:
    wish = {"host": "0.0.0.0", "lines": 1, "delay_s": 0.01, "loss": 0.2}
    ends = worker("accuracy_ends"), worker("accuracy_ends")
    async with worker("delay_line", json.dumps(wish)) as line, ends[0] as near, ends[1] as far:
        await connect_through(line, near, far, "measured", 1)
        told = (await near.ask("sample", group="measured", seconds=1.5, stall_s=0))["flows"][0]
        truth = (await line.ask("tell"))["flows"][0]
    assert truth["forth"]["mean_s"] >= 0.01
    assert truth["back"]["lost"] > 0
    assert told["lost"] > 0
    assert len(truth["stun"]) > 0
    assert all(rtt_s >= 0.02 for _, rtt_s in truth["stun"])


async def test_rows_of_a_short_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "SETTLE_S", 0.2)
    async with worker("accuracy_ends") as near, worker("accuracy_ends") as far:
        (row,) = await measure_media(near, far, Line(0.005), 1.0, (0.0,))
    assert row["round_trip"] == 0.01
    assert row["jitter"]["samples"] > 0
    assert row["line"]["forth"]["mean"] >= 0.005
