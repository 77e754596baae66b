"""Bench section: how far the monitor's round trips and jitter are from a known truth, calm, busy and stalled."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from monitor.commands.bench.accuracy_judging import media_errors, ping_errors
from monitor.commands.bench.line_truth import quantile
from monitor.commands.bench.workers import Worker, worker
from monitor.commands.embedded import start_simulator

MEASURED_CALLS = 10  # they go through the line
LOAD_CALLS = 150
STALL_S = 0.03
SETTLE_S = 4.0  # 200 packets: what the first ones did to the jitter's estimate is forgotten
SAMPLE_S = 15.0
TALKING_LIMIT_S = 60.0
LIMITS = {"round_trip_median": 0.0005, "round_trip_p99": 0.002, "jitter_median": 0.0003}  # of the errors

_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (?P<host>\d+\.\d+\.\d+\.\d+) (?P<port>\d+) typ host.*")


@dataclass(frozen=True, slots=True)
class Line:
    """A known path: delay_s each way, and 0 to jitter_s more on the way back."""

    delay_s: float
    jitter_s: float = 0.0


LINES = (Line(0.0), Line(0.01), Line(0.1), Line(0.01, 0.01))  # round trips of 0, 20 and 200 ms, and 20 with jitter


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a call's packets go after the line: from this port of it to the near end's host and port."""

    door: int
    host: str
    port: int


def through(sdp: str, host: str, port: int) -> tuple[str, tuple[str, int]]:
    """`sdp` with its first IPv4 host candidate as its only one, moved to the line's door; and where that one was.

    Raises ValueError when there is no such candidate.
    """
    found = next((match for line in sdp.splitlines() if (match := _CANDIDATE.fullmatch(line))), None)
    if found is None:
        raise ValueError("the description has no IPv4 host candidate")
    moved = found[0].replace(f" {found['host']} {found['port']} ", f" {host} {port} ", 1)
    kept = [moved if line == found[0] else line for line in sdp.splitlines() if _is_kept(line, found[0])]
    return "".join(f"{line}\r\n" for line in kept), (found["host"], int(found["port"]))


def _is_kept(line: str, candidate: str) -> bool:
    return line == candidate or not line.startswith("a=candidate:")


async def connect(near: Worker, far: Worker, group: str, count: int) -> None:
    """Calls straight from end to end."""
    offers = (await far.ask("offer", group=group, count=count))["descriptions"]
    answers = (await near.ask("answer", group=group, offers=offers))["descriptions"]
    await far.ask("accept", group=group, answers=answers)
    await _talking(near, group, count)


async def connect_through(line: Worker, near: Worker, far: Worker, group: str, count: int) -> list[Hop]:
    """Calls whose every packet goes through the line, just started with `count` lines; their last hops."""
    doors = (await line.heard())["doors"]
    offers = (await far.ask("offer", group=group, count=count))["descriptions"]
    host = _host_of(offers[0])
    moved = [through(sdp, host, near_door) for sdp, (near_door, _) in zip(offers, doors, strict=True)]
    await line.ask("far", addresses=[address for _, address in moved])
    answers = (await near.ask("answer", group=group, offers=[sdp for sdp, _ in moved]))["descriptions"]
    moved = [through(sdp, host, far_door) for sdp, (_, far_door) in zip(answers, doors, strict=True)]
    await line.ask("near", addresses=[address for _, address in moved])
    await far.ask("accept", group=group, answers=[sdp for sdp, _ in moved])
    await _talking(near, group, count)
    return [Hop(near_door, *address) for (near_door, _), (_, address) in zip(doors, moved, strict=True)]


def _host_of(sdp: str) -> str:
    return through(sdp, "", 0)[1][0]


async def _talking(near: Worker, group: str, count: int) -> None:
    """Wait until every call hears sound."""
    async with asyncio.timeout(TALKING_LIMIT_S):
        while (await near.ask("talking", group=group))["talking"] < count:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.2)


async def measure_media(
    near: Worker, far: Worker, path: Line, seconds: float, stalls_s: Sequence[float]
) -> list[dict[str, Any]]:
    """One row for each stall: STUN, RTCP and jitter errors of MEASURED_CALLS calls over `path`."""
    wish = {"host": "0.0.0.0", "lines": MEASURED_CALLS, "delay_s": path.delay_s, "jitter_s": path.jitter_s}  # noqa: S104
    rows = []
    async with worker("delay_line", json.dumps(wish)) as line:
        await connect_through(line, near, far, "measured", MEASURED_CALLS)
        await asyncio.sleep(SETTLE_S)
        for stall_s in stalls_s:
            await line.ask("restart")
            told = await near.ask("sample", group="measured", seconds=seconds, stall_s=stall_s)
            truths = (await line.ask("tell"))["flows"]
            rows.append(_row(path, stall_s, told["lag_s"], media_errors(told["flows"], truths)))
        await near.ask("close", group="measured")
        await far.ask("close", group="measured")
    return rows


async def measure_pings(
    simulator: dict[str, Any], path: Line, seconds: float, stalls_s: Sequence[float]
) -> list[dict[str, Any]]:
    """One row for each stall: errors of the prober's WebSocket pings to the simulator over `path`."""
    host, port = simulator["ws"].removeprefix("ws://").split(":")
    wish = {"host": "127.0.0.1", "tcp": [host, int(port)], "delay_s": path.delay_s, "jitter_s": path.jitter_s}
    rows = []
    async with worker("delay_line", json.dumps(wish)) as line, worker("accuracy_ends") as prober:
        ws = f"ws://127.0.0.1:{(await line.heard())['tcp']}"
        await prober.ask("connect", rest=simulator["rest"], ws=ws, token=simulator["user_token"])
        for stall_s in stalls_s:
            await line.ask("restart")
            told = await prober.ask("ping", seconds=seconds, stall_s=stall_s)
            truth = (await line.ask("tell"))["flows"][0]
            rows.append(_row(path, stall_s, told["lag_s"], ping_errors(told["pings"], truth)))
    return rows


def _row(path: Line, stall_s: float, lag_s: Sequence[float], found: dict[str, Any]) -> dict[str, Any]:
    known = {"round_trip": 2 * path.delay_s, "line_jitter": path.jitter_s, "stall": stall_s}
    return {**known, "loop_lag_p99": quantile(lag_s, 0.99) if lag_s else None, **found}


async def measured(
    progress: Callable[[str], None],
    *,
    seconds: float = SAMPLE_S,
    load: int = LOAD_CALLS,
    lines: Sequence[Line] = LINES,
    stalls_s: Sequence[float] = (0.0, STALL_S),
) -> dict[str, object]:
    """All rows, first without other calls, then with `load` talking calls in the measuring process."""
    rows: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        simulator = await start_simulator("quiet", 1, stack)
        near, far = [await stack.enter_async_context(worker("accuracy_ends")) for _ in range(2)]
        for calls in (0, load) if load else (0,):
            if calls:
                progress(f"accuracy: {calls} talking calls come up in the measuring process")
                await connect(near, far, "load", calls)
            for path in lines:
                progress(f"accuracy: {2000 * path.delay_s:g} ms, jitter {1000 * path.jitter_s:g} ms, {calls} calls")
                media, pings = await asyncio.gather(  # beside each other, as shard and prober are
                    measure_media(near, far, path, seconds, stalls_s),
                    measure_pings(simulator, path, seconds, stalls_s),
                )
                rows += [{"calls": calls, **one, **_only_pings(ping)} for one, ping in zip(media, pings, strict=True)]
    return {"unit": "s", "limits": LIMITS, "rows": rows}


def _only_pings(row: dict[str, Any]) -> dict[str, Any]:
    names = ("websocket", "websocket_trusted", "suspect_share", "failed", "tcp_info_median")
    return {**{name: row[name] for name in names}, "prober_lag_p99": row["loop_lag_p99"]}


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Errors in seconds. stun, rtcp: round trips of a call. websocket: the prober's pings.

    Each row is one known path, with or without other calls, with or without a loop that stalls for 30 ms every 50 to
    100 ms. The truth is what the line's own process noted for each packet, not what it was asked to do.
    """
    work = measured(progress, seconds=3.0, load=0, lines=LINES[:2]) if quick else measured(progress)
    return {"rtt_error_seconds": asyncio.run(work)}
