"""Bench section, an hour long and run only when it is named: does a process of talking peers grow?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench.calls import connect, delivered, two_ends
from monitor.commands.bench.figures import slope

Seen = list[tuple[float, float]]  # seconds since the calls came up, KB of memory of its own


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. every_s: how often memory is read."""

    peers: int = 50
    seconds: float = 3600.0
    every_s: float = 60.0


FULL, QUICK = Size(), Size(peers=4, seconds=20.0, every_s=1.0)


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    async with two_ends() as ends:
        progress(f"soak: {size.peers} talking peers for {size.seconds:g} s")
        await connect(ends, size.peers)
        both = {"near": ends.near, "far": ends.far}
        await asyncio.gather(*(end.ask("begin") for end in both.values()))
        begun_s = time.monotonic()
        seen: dict[str, Seen] = {name: [] for name in both}
        while (passed_s := time.monotonic() - begun_s) < size.seconds:
            await asyncio.sleep(min(size.every_s, size.seconds - passed_s))
            told = {name: await end.ask("told") for name, end in both.items()}
            for name, one in told.items():
                if one["own_kb"] is not None:
                    seen[name].append((time.monotonic() - begun_s, one["own_kb"]))
    rows = [row(name, seen[name], one) for name, one in told.items()]
    return {"unit": "KB/s", "peers": size.peers, "seconds": size.seconds, "every_s": size.every_s, "rows": rows}


def row(name: str, seen: Seen, told: dict[str, Any]) -> dict[str, Any]:
    """One process: its memory over time, the growth of the second half, and whether its calls went on."""
    half = seen[len(seen) // 2 :]
    return {
        "process": name,
        "kb_per_s": slope(half),
        "first_kb": seen[0][1] if seen else None,
        "last_kb": seen[-1][1] if seen else None,
        "delivered": delivered(told),
        "losses": told["losses"],
        "own_kb": [(round(at_s, 1), kb) for at_s, kb in seen],
    }


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """KB/s by which each end's process grows: a least-squares line over the second half, when nothing is new any more.

    The calls are SIMULATED, and both of their ends on this machine, in a process each.
    """
    return {"memory_growth": asyncio.run(measured(progress, QUICK if quick else FULL))}
