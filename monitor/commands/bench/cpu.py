"""Bench section: processor time of a talking peer beside stock aiortc and beside the floor, run by run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench import floor
from monitor.commands.bench.calls import delivered, held, ms_per_peer_second
from monitor.commands.bench.figures import ratios, summary

UNSATURATED = 0.98  # share of packets that must have come, or the figure says how fast it fails, not what it costs


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it."""

    runs: int = 5
    peers: int = 150
    stock: int = 10
    seconds: float = 8.0


FULL, QUICK = Size(), Size(runs=1, peers=20, stock=4, seconds=2.0)


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    lean, far, stock, least, came = [], [], [], [], []
    for run in range(1, size.runs + 1):
        progress(f"cpu: run {run} of {size.runs}, {size.peers} of our peers")
        near, other, _ = await held("peers", size.peers, size.seconds)
        lean.append(ms_per_peer_second(near))
        far.append(ms_per_peer_second(other))
        progress(f"cpu: run {run} of {size.runs}, {size.stock} of stock aiortc")
        usual, _, _ = await held("stock", size.stock, size.seconds)
        stock.append(ms_per_peer_second(usual))
        came.append({"lean": delivered(near), "stock": delivered(usual)})
        least.append(await asyncio.to_thread(floor.ms_per_peer_second))
    told: dict[str, Any] = {"unit": "ms", "peers": size.peers, "stock_peers": size.stock, "seconds": size.seconds}
    told |= {"lean": summary(lean), "lean_far_end": summary(far), "stock": summary(stock), "floor": summary(least)}
    told |= {"stock_over_lean": summary(ratios(stock, lean)), "lean_over_floor": summary(ratios(lean, least))}
    return told | {
        "packets_delivered": {kind: summary([one[kind] for one in came]) for kind in ("lean", "stock")},
        "unsaturated": min(min(one.values()) for one in came) >= UNSATURATED,
    }


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Processor milliseconds for one end of one simulated call and second, at 50 packets/s both ways.

    lean: the monitor's peers. stock: aiortc with Opus encoded and decoded, so few calls that nothing is late. floor:
    SRTP and the socket alone. Every ratio is taken within one run; medians of all runs.
    """
    return {"cpu_ms_per_peer_second": asyncio.run(measured(progress, QUICK if quick else FULL))}
