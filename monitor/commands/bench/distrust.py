"""Bench section: does the real monitor say that it is not to be trusted when another program hogs its processor?

The real `run` watches the real simulator, with calls up; /metrics is read four times a second. First nothing
else runs, then, again and again, a busy loop shares the monitor's processor, and no drop may be told.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from monitor.commands.bench.figures import summary
from monitor.commands.bench.programs import START_S, program, simulator

LOOK_S = 0.25
FALL_LIMIT_S = 120.0
BUSY_LOOP = "while True: pass"
SUSPECT, DROPS = "softphone_monitor_suspect", "softphone_disconnects_total"
CONNECTED, SOUND = "softphone_signalling_connected", "softphone_media_samples_total"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. calm_s: with nothing else running. hogged_s: of each hog."""

    runs: int = 5
    calm_s: float = 600.0
    hogged_s: float = 20.0
    softphones: int = 10


FULL, QUICK = Size(), Size(runs=1, calm_s=10.0, hogged_s=10.0, softphones=2)


class Watched:
    """The running monitor, read through its /metrics."""

    def __init__(self, http: httpx.AsyncClient, pid: int) -> None:
        self._http = http
        self.pid = pid

    async def sums(self) -> dict[str, float]:
        """Every metric's name with the sum of its series."""
        reply = await self._http.get("/metrics")
        reply.raise_for_status()
        return sums(reply.text)

    async def until(self, good: Callable[[Mapping[str, float]], bool], limit_s: float) -> float | None:
        """Seconds until the metrics are `good`; None when they are not within the limit."""
        begun_s = time.monotonic()
        while (waited_s := time.monotonic() - begun_s) < limit_s:
            if good(await self.sums()):
                return waited_s
            await asyncio.sleep(LOOK_S)
        return None

    async def risen_s(self, seconds: float) -> float:
        """For how many of the next seconds it distrusts itself."""
        begun_s = before_s = time.monotonic()
        risen_s = 0.0
        while before_s - begun_s < seconds:
            await asyncio.sleep(LOOK_S)
            suspect, now_s = (await self.sums())[SUSPECT] > 0, time.monotonic()
            risen_s += (now_s - before_s) * suspect
            before_s = now_s
        return risen_s


def sums(text: str) -> dict[str, float]:
    """The text format's metrics, each the sum of all its series."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name = re.split(r"[ {]", line, maxsplit=1)[0]
            found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
    return found


async def _watched(stack: AsyncExitStack, folder: Path) -> Watched:
    config = folder / "monitor.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}exporter: {{listen: 127.0.0.1:0}}\n", encoding="utf-8")
    words = ("-m", "monitor", "run", "-c", str(config))
    process = await stack.enter_async_context(program(*words, stderr=asyncio.subprocess.PIPE))
    assert process.stderr is not None
    url = await asyncio.wait_for(_address(process.stderr), START_S)
    stack.callback(asyncio.create_task(_drained(process.stderr)).cancel)
    http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0))
    return Watched(http, process.pid)


async def _address(lines: asyncio.StreamReader) -> str:
    while line := await lines.readline():
        if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
            return found[0].decode()
    raise RuntimeError("the monitor ended before it said where it listens")


async def _drained(lines: asyncio.StreamReader) -> None:
    while await lines.readline():
        pass


async def _ready(watched: Watched, http: httpx.AsyncClient, control: str, softphones: int) -> None:
    """Every softphone connected and in a call that sounds."""
    if await watched.until(lambda now: now.get(CONNECTED, 0) >= softphones, START_S) is None:
        raise RuntimeError("not every softphone is connected")
    for number in range(softphones):
        reply = await http.post(f"{control}/propose", params={"user": number, "autoanswer": "true"})
        reply.raise_for_status()
    if await watched.until(lambda now: now.get(SOUND, 0) >= softphones, START_S) is None:
        raise RuntimeError("the calls have no sound")
    await asyncio.sleep(FALL_LIMIT_S / 2)  # what starting did to it is older than the minute that it judges by


def processes_of(pid: int) -> list[int]:
    """A process and its children's children."""
    try:
        children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        children = []
    return [pid, *(one for child in children for one in processes_of(child))]


@asynccontextmanager
async def hogging(pid: int) -> AsyncIterator[None]:
    """Keep the monitor's processes, and a busy loop, on one processor; afterwards all may use every one again."""
    every = os.sched_getaffinity(0)
    processes = processes_of(pid)
    async with program("-c", BUSY_LOOP) as hog:
        try:
            for one in (*processes, hog.pid):
                os.sched_setaffinity(one, {min(every)})
            yield
        finally:
            for one in processes:
                os.sched_setaffinity(one, every)


def _trusting(now: Mapping[str, float]) -> bool:
    return now[SUSPECT] == 0


async def _hogged(watched: Watched, size: Size) -> dict[str, float | None]:
    """One hog: after how many seconds it rose, and after how many from the end it fell; None for not at all."""
    if await watched.until(_trusting, FALL_LIMIT_S) is None:  # then nothing can rise
        return {"rose_s": None, "fell_s": None}
    begun_s = time.monotonic()
    async with hogging(watched.pid):
        rose_s = await watched.until(lambda now: now[SUSPECT] > 0, size.hogged_s)
        await asyncio.sleep(max(0.0, size.hogged_s - (time.monotonic() - begun_s)))
    fell_s = await watched.until(_trusting, FALL_LIMIT_S)
    return {"rose_s": rose_s, "fell_s": fell_s}


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        progress(f"distrust: the monitor holds {size.softphones} calls of the simulator")
        words = ("--rest-port", "0", "--ws-port", "0", "--softphones", str(size.softphones))
        simulated = simulator("monitor", "simulate", *words, "--credentials", str(folder))
        told, _ = await stack.enter_async_context(simulated)
        watched = await _watched(stack, folder)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30.0))
        await _ready(watched, http, told["control"], size.softphones)
        progress(f"distrust: {size.calm_s:g} s of calm")
        calm_risen_s = await watched.risen_s(size.calm_s)
        before = await watched.sums()
        rows = []
        for run in range(1, size.runs + 1):
            progress(f"distrust: run {run} of {size.runs}, its processor is hogged")
            rows.append(await _hogged(watched, size))
        drops = (await watched.sums())[DROPS] - before[DROPS]
    return {
        "unit": "s",
        "softphones": size.softphones,
        "calm_s": size.calm_s,
        "calm_risen_s": calm_risen_s,
        "hogged_s": size.hogged_s,
        "rose": sum(row["rose_s"] is not None for row in rows),
        "rose_s": summary([row["rose_s"] for row in rows if row["rose_s"] is not None]),
        "fell_s": summary([row["fell_s"] for row in rows if row["fell_s"] is not None]),
        "runs": size.runs,
        "drops": drops,
    }


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Seconds until the monitor distrusts itself, and the drops that it tells meanwhile. Linux alone."""
    return {"self_distrust": asyncio.run(measured(progress, QUICK if quick else FULL))}
