"""Bench section: seconds and series of a real scrape at 150 agents, and whether it disturbs talking peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from monitor.commands.bench.calls import Ends, connect, over, two_ends
from monitor.commands.bench.figures import spread, summary
from monitor.commands.bench.workers import worker

EVERY_S = 1.0  # some fifteen times as often as a Prometheus server is set up to
ACCEPT = {"text": "text/plain;version=0.0.4", "openmetrics": "application/openmetrics-text;version=1.0.0"}
FED_S = 3.0  # facts of some seconds are in before the first scrape


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. scrapes: of each format, with nothing else going on."""

    agents: int = 150
    scrapes: int = 20
    runs: int = 5
    seconds: float = 8.0


FULL, QUICK = Size(), Size(agents=10, scrapes=3, runs=1, seconds=2.0)


async def scrape(http: httpx.AsyncClient, kind: str) -> tuple[float, int, int]:
    """Seconds, series, bytes of one."""
    begun_s = time.perf_counter()
    reply = await http.get("/metrics", headers={"Accept": ACCEPT[kind]})
    took_s = time.perf_counter() - begun_s
    reply.raise_for_status()
    series = sum(1 for line in reply.text.splitlines() if line and not line.startswith("#"))
    return took_s, series, len(reply.content)


async def scraping(http: httpx.AsyncClient) -> None:
    """Again and again until cancelled."""
    while True:
        await scrape(http, "text")
        await asyncio.sleep(EVERY_S)


async def lags(ends: Ends, http: httpx.AsyncClient, seconds: float) -> dict[str, float | None]:
    """Largest and p99 lag of the near end without scrapes and with one a second, one after the other."""
    calm, _ = await over(ends, seconds)
    task = asyncio.create_task(scraping(http))
    try:
        busy, _ = await over(ends, seconds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    names = (("without", calm), ("with", busy))
    return {f"{name}_{figure}": told["lag_s"][figure] for name, told in names for figure in ("p50", "p99", "max")}


async def measured(progress: Callable[[str], None], size: Size) -> dict[str, object]:
    """As `measure`."""
    async with AsyncExitStack() as stack:
        exporter = await stack.enter_async_context(worker("exporter_end", str(size.agents)))
        url = f"http://127.0.0.1:{(await exporter.ask('port'))['port']}"
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0))
        await asyncio.sleep(FED_S)
        told: dict[str, Any] = {"unit": "s", "agents": size.agents}
        for kind in ACCEPT:
            progress(f"scrape: {size.scrapes} of {kind}")
            found = [await scrape(http, kind) for _ in range(size.scrapes)]
            took = {**summary([one[0] for one in found]), **spread([one[0] for one in found])}
            told[kind] = {**took, "series": found[-1][1], "bytes": found[-1][2]}
        ends = await stack.enter_async_context(two_ends())
        progress(f"scrape: {size.agents} talking peers come up in another process")
        await connect(ends, size.agents)
        rows = []
        for run in range(1, size.runs + 1):
            progress(f"scrape: run {run} of {size.runs}, lag of those peers without and with scrapes")
            rows.append(await lags(ends, http, size.seconds))
    lag = {name: summary([told_s for row in rows if (told_s := row[name]) is not None]) for name in rows[0]}
    return {**told, "peer_lag": lag}


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Seconds of a whole scrape over HTTP, beside the lag in the process of as many talking peers."""
    return {"scrape_seconds": asyncio.run(measured(progress, QUICK if quick else FULL))}
