"""A real Prometheus that scrapes what a test gives it, and questions to it; stopped by its pid."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from system_programs import require_program

from tests.system.served_program import running

INSTALL = "apt-get install prometheus"
DEADLINE_S = 90.0  # Prometheus scrapes first 5 to 7 s after its start, whatever the interval


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[str]:
    """A Prometheus that scrapes `target` every second; its address. Stopped by its pid."""
    program = require_program("prometheus", INSTALL)
    config = directory / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: softphone, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
    ]
    with running(command, directory / "prometheus.log", address, "/-/ready"):
        yield f"http://{address}"


async def query(http: httpx.AsyncClient, promql: str) -> list[dict[str, Any]]:
    """The instant vector of an expression; empty while Prometheus is not up yet."""
    try:
        reply = await http.get("/api/v1/query", params={"query": promql})
    except httpx.TransportError:
        return []
    found: list[dict[str, Any]] = reply.json()["data"]["result"] if reply.status_code == 200 else []
    return found


async def until_true(http: httpx.AsyncClient, promql: str) -> list[dict[str, Any]]:
    """Ask until the expression holds; fail after DEADLINE_S."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await query(http, promql)):  # noqa: ASYNC110 - Prometheus tells nobody when it has scraped
            await asyncio.sleep(0.2)
    return found


async def check_metrics(exposition: bytes) -> tuple[int, bytes]:
    """What `promtool check metrics` says of a plain exposition: its exit status, and its complaints."""
    promtool = require_program("promtool", INSTALL)
    done = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=exposition, capture_output=True, timeout=30
    )
    return done.returncode, done.stdout + done.stderr
