"""Bench section: how many softphone sessions the simulator holds, with their heartbeats, and what each costs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench.workers import WorkerError, worker

RTT_P99_S = 0.050  # a heartbeat that the simulator answers later says more of it than of a network


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it."""

    counts: tuple[int, ...] = (150, 300, 600, 1000)
    seconds: float = 30.0


FULL, QUICK = Size(), Size(counts=(10,), seconds=16.0)


async def one(count: int, seconds: float) -> dict[str, Any]:
    """So many sessions for so many seconds."""
    async with worker("platform_end", str(count)) as platform, worker("sessions_end") as client:
        where = await platform.ask("where")
        begun_s = time.monotonic()
        await client.ask("connect", **where)
        up_s = time.monotonic() - begun_s
        await asyncio.gather(platform.ask("begin"), client.ask("begin"))
        await asyncio.sleep(seconds)
        told, cost = await asyncio.gather(client.ask("told"), platform.ask("told"))
    held = told["connected"] == count and not told["failed"] and (told["rtt_s"]["p99"] or 1.0) < RTT_P99_S
    return {
        "sessions": count,
        "connected": told["connected"],
        "holds": held,
        "up_s": up_s,
        "pings": told["pings"],
        "failed": told["failed"],
        "rtt_s": told["rtt_s"],
        "simulator_cores": cost["cpu_s"] / cost["wall_s"],
        "simulator_lag_s": cost["lag_s"],
        "simulator_kb_per_session": None if cost["pss_kb"] is None else cost["pss_kb"] / count,
    }


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    rows: list[dict[str, Any]] = []
    for count in size.counts:
        progress(f"simulator: {count} sessions")
        try:
            rows.append(await one(count, size.seconds))
        except WorkerError as error:
            rows.append({"sessions": count, "holds": False, "error": str(error)})
    held = max((row["sessions"] for row in rows if row["holds"]), default=0)
    limits = "all connected, every heartbeat answered, WebSocket ping p99 < 50 ms"
    return {"held": held, "limits": limits, "seconds": size.seconds, "rows": rows}


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """The largest number of those tried that was held, and each number's figures; seconds."""
    return {"simulator_sessions": asyncio.run(measured(progress, QUICK if quick else FULL))}
