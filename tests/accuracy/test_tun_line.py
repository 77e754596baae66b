"""A call over a delay line made of two TUN devices: what it measures is what the line and an ICMP echo say."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tun_rig import tun_line

from monitor.commands.bench.accuracy import connect
from monitor.commands.bench.workers import worker

DELAY_S, JITTER_S, LOSS = 0.01, 0.01, 0.05
SPARE_S = 0.010  # what a busy machine may add to the best of many round trips
EDGE_PACKETS = 3  # lost before the first one that was heard, or after the last

pytestmark = pytest.mark.system


async def test_a_call_over_a_tun_line_measures_what_the_line_did(tmp_path: Path) -> None:
    shape = {"delay_s": DELAY_S, "jitter_s": JITTER_S, "loss": LOSS}
    async with (
        tun_line(tmp_path, **shape, seed=1) as rig,
        worker("accuracy_ends", before=rig.near) as near,
        worker("accuracy_ends", before=rig.far) as far,
    ):
        echoes = rig.ping(50)
        await connect(near, far, "measured", 1)
        told = (await near.ask("sample", group="measured", seconds=5.0, stall_s=0))["flows"][0]
        line = await rig.line.ask("tell")

    floor_s = line["forth"]["min_s"] + line["back"]["min_s"]
    assert line["forth"]["min_s"] >= DELAY_S
    assert floor_s <= min(echoes) <= floor_s + SPARE_S

    assert min(seconds for _, seconds in told["stun"]) >= floor_s
    assert abs(min(seconds for _, seconds in told["stun"]) - min(echoes)) <= SPARE_S
    # RFC 3550 section 6.4.1: the mean difference of two uniform draws is a third of their width
    assert statistics.mean(seconds for _, seconds in told["jitter"][50:]) >= JITTER_S / 3 / 2
    assert line["back"]["lost_rtp"] > 0
    assert abs(told["lost_in_all"] - line["back"]["lost_rtp"]) <= EDGE_PACKETS


async def test_websocket_pings_and_tcp_info_over_a_tun_line_are_what_the_line_did(tmp_path: Path) -> None:
    async with tun_line(tmp_path, delay_s=DELAY_S, jitter_s=0.0, loss=0.0, seed=1) as rig:
        pings = await rig.ping_websocket(30)
        line = await rig.line.ask("tell")
    floor_s = line["forth"]["min_s"] + line["back"]["min_s"]
    for round_trips in zip(*pings, strict=True):
        assert floor_s <= min(round_trips) <= floor_s + SPARE_S
