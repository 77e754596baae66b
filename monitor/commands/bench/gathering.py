"""A part of the section `scale`: how late the loop runs that takes measured gatherings, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.commands.bench.figures import summary
from monitor.commands.bench.workers import worker
from monitor.simulator.ice.stun_responder import StunResponder

GATHERINGS = 100


async def measured(progress: Callable[[str], None], runs: int) -> dict[str, Any]:
    """Seconds of lag, and of a gathering, in runs of 100 that a simulated STUN server on loopback answers."""
    responder = await StunResponder.start("127.0.0.1")
    wish = {"server": f"stun:127.0.0.1:{responder.port}", "count": GATHERINGS}
    found = []
    try:
        async with worker("gather_end") as end:
            for run in range(1, runs + 1):
                progress(f"scale: run {run} of {runs}, {GATHERINGS} gatherings")
                found.append(await end.ask("gather", **wish))
    finally:
        await responder.close()
    told: dict[str, Any] = {"unit": "s", "gatherings": GATHERINGS, "failed": sum(one["failed"] for one in found)}
    for what in ("took", "lag"):
        for name in ("p50", "p99", "max"):
            values = [one[f"{what}_s"][name] for one in found]
            told[f"{what}_{name}"] = summary([value for value in values if value is not None])
    return told
