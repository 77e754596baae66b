"""Bench section: does the real monitor say that it is not to be trusted when another program hogs its processor?

The real `run` watches the real simulator, with calls up; every second /metrics is read. First nothing else runs, then,
again and again, a busy loop has the monitor's processor. Each of those times is told to the monitor as a run of a
publish job, which is innocent: no drop may follow, no alert, and no blame.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from monitor.commands.bench.figures import summary

JOB = "hogged"
LOOK_S = 0.25
START_S, END_S = 60.0, 20.0
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
    """The running monitor, read through its /metrics and told of runs through its /markers."""

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

    async def mark(self, run: int, phase: str) -> None:
        """Tell of the innocent job."""
        reply = await self._http.post("/markers", json={"job": JOB, "run_id": f"hog-{run}", "phase": phase})
        reply.raise_for_status()


def sums(text: str) -> dict[str, float]:
    """The text format's metrics, each the sum of all its series."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name = re.split(r"[ {]", line, maxsplit=1)[0]
            found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
    return found


@asynccontextmanager
async def _process(*words: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program, ended with the block."""
    process = await asyncio.create_subprocess_exec(sys.executable, *words, start_new_session=True, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _simulated(stack: AsyncExitStack, folder: Path, softphones: int) -> dict[str, Any]:
    words = ("simulate", "--rest-port", "0", "--ws-port", "0", "--softphones", str(softphones))
    process = _process("-m", "monitor", *words, "--credentials", str(folder), stdout=asyncio.subprocess.PIPE)
    simulator = await stack.enter_async_context(process)
    assert simulator.stdout is not None
    told: dict[str, Any] = json.loads(await asyncio.wait_for(simulator.stdout.readline(), START_S))
    return told


async def _watched(stack: AsyncExitStack, folder: Path) -> Watched:
    config = folder / "monitor.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}exporter: {{listen: 127.0.0.1:0}}\npublish:\n  - {{name: {JOB}}}\n", encoding="utf-8")
    words = ("-m", "monitor", "run", "-c", str(config))
    process = await stack.enter_async_context(_process(*words, stderr=asyncio.subprocess.PIPE))
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
    async with _process("-c", BUSY_LOOP) as hog:
        try:
            for one in (*processes, hog.pid):
                os.sched_setaffinity(one, {min(every)})
            yield
        finally:
            for one in processes:
                os.sched_setaffinity(one, every)


async def _hogged(watched: Watched, run: int, size: Size) -> dict[str, float | None]:
    """One hog: after how many seconds it rose, for how many it was risen, and after how many from the end it fell."""
    await watched.mark(run, "start")
    begun_s = time.monotonic()
    async with hogging(watched.pid):
        rose_s = await watched.until(lambda now: now[SUSPECT] > 0, size.hogged_s)
        await asyncio.sleep(max(0.0, size.hogged_s - (time.monotonic() - begun_s)))
    await watched.mark(run, "end")
    fell_s = await watched.until(lambda now: now[SUSPECT] == 0, FALL_LIMIT_S)
    return {"rose_s": rose_s, "fell_s": fell_s}


async def _verdict(journal: Path) -> str:
    """The word that `report` finds on the innocent job."""
    words = ("-m", "monitor", "report", "--journal", str(journal), "--json")
    async with _process(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL) as process:
        out, _ = await process.communicate()
    told = json.loads(out)
    return str(told["verdict"])


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        progress(f"distrust: the monitor holds {size.softphones} calls of the simulator")
        told = await _simulated(stack, folder, size.softphones)
        watched = await _watched(stack, folder)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30.0))
        await _ready(watched, http, told["control"], size.softphones)
        progress(f"distrust: {size.calm_s:g} s of calm")
        calm_risen_s = await watched.risen_s(size.calm_s)
        before = await watched.sums()
        rows = []
        for run in range(1, size.runs + 1):
            progress(f"distrust: run {run} of {size.runs}, its processor is hogged")
            rows.append(await _hogged(watched, run, size))
        drops = (await watched.sums())[DROPS] - before[DROPS]
        verdict = await _verdict(folder / "softphone.db")
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
        "verdict": verdict,
    }


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Seconds until the monitor distrusts itself, and what it says of the job that ran meanwhile. Linux alone."""
    return asyncio.run(measured(progress, QUICK if quick else FULL))
