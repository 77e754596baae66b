"""Bench section: what 50, 150 and 300 talking peers cost and disturb, how many can be held; idle ones; gatherings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench import gathering
from monitor.commands.bench.calls import delivered, held, ms_per_peer_second
from monitor.commands.bench.figures import holds, largest_held, share, summary
from monitor.commands.bench.workers import WorkerError

HEADLINE = 150  # peers of a shard
DELIVERED = 0.98
LIMITS = (
    "lag p99 < 5 ms and largest < 20 ms at both ends, under 0.1 % of slots missed, 98 % of packets there, no call "
    "lost, one process an end"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. first, step: of the search for the largest load that is held."""

    runs: int = 5
    counts: tuple[int, ...] = (50, HEADLINE, 300)
    seconds: float = 8.0
    first: int = 300
    step: int = 50
    idle: int = 1000
    idle_s: float = 20.0


FULL, QUICK = Size(), Size(runs=1, counts=(10, 20), seconds=2.0, first=20, step=20, idle=30, idle_s=6.0)
QUICK_MOST = 40


async def one(count: int, seconds: float) -> dict[str, Any]:
    """One run of `count` calls: the worse of both ends where it is about lag and missed slots."""
    near, far, up_s = await held("peers", count, seconds)
    missed = [share(end["slots_skipped"], end["slots_skipped"] + end["packets_sent"]) for end in (near, far)]
    lag = {name: max(end["lag_s"][name] for end in (near, far)) for name in ("p50", "p99", "max")}
    came, losses = min(delivered(near), delivered(far)), near["losses"] + far["losses"]
    return {
        "peers": count,
        "ms_per_peer_second": ms_per_peer_second(near),
        "cores": near["cpu_s"] / near["wall_s"],
        "lag_s": lag,
        "missed_share": max(missed),
        "delivered": came,
        "kb_per_peer": near["kb_per_peer"],
        "losses": losses,
        "socket_drops": near["socket_drops"] + far["socket_drops"],
        "up_s": up_s,
        "holds": holds(lag["p99"], lag["max"], max(missed)) and came >= DELIVERED and not losses,
    }


async def measured(progress: Callable[[str], None], size: Size, most: int = 2000) -> dict[str, object]:
    """As `measure`."""
    runs: dict[int, list[dict[str, Any]]] = {count: [] for count in size.counts}
    for run in range(1, size.runs + 1):
        for count in size.counts:
            progress(f"scale: run {run} of {size.runs}, {count} peers")
            runs[count].append(await one(count, size.seconds))
    rows = [_row(count, found) for count, found in runs.items()]
    largest, tried = await _largest(progress, size, most)
    headline = runs.get(HEADLINE) or runs[size.counts[-1]]
    per_core = [1000 / found["ms_per_peer_second"] for found in headline]
    return {
        "peers_per_core": {
            **summary(per_core),
            "at": headline[0]["peers"],
            "largest_held": largest,
            "tried": tried,
            "limits": LIMITS,
        },
        "loop_lag": {"unit": "s", "seconds": size.seconds, "rows": rows},
        "set_up_seconds": {"peers": headline[0]["peers"], **summary([found["up_s"] for found in headline])},
        "consent_only": await _idle(progress, size),
        "gather_lag": await gathering.measured(progress, size.runs),
    }


async def _largest(progress: Callable[[str], None], size: Size, most: int) -> tuple[int, list[dict[str, Any]]]:
    tried: list[dict[str, Any]] = []

    async def check(count: int) -> bool:
        progress(f"scale: is a load of {count} peers held?")
        try:
            found = await one(count, size.seconds)
        except WorkerError as error:
            found = {"peers": count, "holds": False, "error": str(error)}
        tried.append(found)
        return bool(found["holds"])

    return await largest_held(check, first=size.first, step=size.step, most=most), tried


async def _idle(progress: Callable[[str], None], size: Size) -> dict[str, Any]:
    progress(f"scale: {size.idle} peers that hold consent only")
    near, _, up_s = await held("peers", size.idle, size.idle_s, "idle")
    cores = near["cpu_s"] / near["wall_s"]
    told = {"peers": size.idle, "seconds": size.idle_s, "cores": cores, "ms_per_peer_second": ms_per_peer_second(near)}
    return {**told, "lag_s": near["lag_s"], "kb_per_peer": near["kb_per_peer"], "losses": near["losses"], "up_s": up_s}


def _row(count: int, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = ("ms_per_peer_second", "cores", "missed_share", "delivered", "kb_per_peer")
    row: dict[str, Any] = {"peers": count}
    for name in names:
        row[name] = summary([run[name] for run in found if run[name] is not None])
    for name in ("p50", "p99", "max"):
        row[f"lag_{name}"] = summary([run["lag_s"][name] for run in found])
    return {**row, "losses": sum(run["losses"] for run in found), "holds": [run["holds"] for run in found]}


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Five keys at once, one a table; seconds unless named otherwise.

    Both ends of every simulated call are on this machine, in a process each.
    """
    return asyncio.run(measured(progress, QUICK, QUICK_MOST) if quick else measured(progress, FULL))
