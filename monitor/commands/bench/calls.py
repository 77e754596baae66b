"""Simulated calls between two processes of this machine: brings them up, and measures both ends over the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench.workers import Worker, WorkerError, worker

AT_ONCE = 10  # more of them at once make each slower
BATCHES = 2  # one end answers while the other offers
UP_LIMIT_S = 60.0
SETTLE_S = 1.0  # what setting up left behind is done by then
PACKETS_PER_S = 50


@dataclass(frozen=True, slots=True)
class Ends:
    """near: answers, as a softphone does; the end that is measured. far: what it talks to."""

    near: Worker
    far: Worker


@asynccontextmanager
async def two_ends(kind: str = "peers") -> AsyncIterator[Ends]:
    """Two processes without calls yet. kind: `peers` (the monitor's) or `stock` (aiortc's own)."""
    async with AsyncExitStack() as stack:
        near, far = [await stack.enter_async_context(worker(kind)) for _ in range(2)]
        yield Ends(near, far)


async def connect(ends: Ends, count: int, media: str = "talk") -> None:
    """Bring `count` calls up, and wait until each end hears sound (idle: is connected). Raises WorkerError."""
    turns = asyncio.Semaphore(BATCHES)
    sizes = [min(AT_ONCE, count - first) for first in range(0, count, AT_ONCE)]
    await asyncio.gather(*(_batch(ends, size, media, turns) for size in sizes))
    wish = {"count": count, "limit_s": UP_LIMIT_S, "media": media}
    for name, end in (("near", ends.near), ("far", ends.far)):
        up = (await end.ask("up", **wish))["up"]
        if up < count:
            raise WorkerError(f"{up} of {count} calls are up at the {name} end after {UP_LIMIT_S:g} s")


async def _batch(ends: Ends, size: int, media: str, turns: asyncio.Semaphore) -> None:
    async with turns:
        offered = await ends.far.ask("offer", count=size, media=media)
        answered = await ends.near.ask("answer", offers=offered["descriptions"], media=media)
        await ends.far.ask("accept", peers=offered["peers"], answers=answered["descriptions"])


async def over(ends: Ends, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both ends did and cost over so many seconds: near, far."""
    await asyncio.sleep(SETTLE_S)
    await asyncio.gather(ends.near.ask("begin"), ends.far.ask("begin"))
    await asyncio.sleep(seconds)
    near, far = await asyncio.gather(ends.near.ask("told"), ends.far.ask("told"))
    return near, far


async def held(
    kind: str, count: int, seconds: float, media: str = "talk"
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Both ends of `count` calls over so many seconds, and how long it took to bring them up from cold."""
    begun_s = time.monotonic()
    async with two_ends(kind) as ends:
        before = await ends.near.ask("told")
        await connect(ends, count, media)
        up_s = time.monotonic() - begun_s
        near, far = await over(ends, seconds)
    near["kb_per_peer"] = _grown_kb(before, near, count)
    return near, far, up_s


def ms_per_peer_second(told: dict[str, Any]) -> float:
    """Processor milliseconds for one call's end and second."""
    return float(1000 * told["cpu_s"] / told["wall_s"] / told["peers"])


def delivered(told: dict[str, Any]) -> float:
    """Packets that came, as a share of 50 a second and call."""
    return float(told["packets_received"] / (PACKETS_PER_S * told["wall_s"] * told["peers"]))


def _grown_kb(before: dict[str, Any], after: dict[str, Any], count: int) -> float | None:
    if before["pss_kb"] is None or after["pss_kb"] is None:
        return None
    return float((after["pss_kb"] - before["pss_kb"]) / count)
