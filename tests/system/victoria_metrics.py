"""A real VictoriaMetrics and a real vmagent, from the one Debian package; stopped by their pids."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from ports import free_port
from system_programs import require_program

INSTALL = "apt-get install victoria-metrics"
DEADLINE_S = 30.0
# By default it hides what is younger than 30 s, so that slow scrapes look whole; a test would wait for that.
ALL_AT_ONCE = ("-search.latencyOffset=0s", "-search.disableCache")


@contextmanager
def victoria_metrics(directory: Path) -> Iterator[str]:
    """A VictoriaMetrics that takes remote writes; its address."""
    program = require_program("victoria-metrics", INSTALL)
    address = f"127.0.0.1:{free_port()}"
    words = (
        f"-storageDataPath={directory / 'victoria'}",
        "-retentionPeriod=100y",
        "-selfScrapeInterval=0",
        *ALL_AT_ONCE,
    )
    with running([program, f"-httpListenAddr={address}", *words], directory / "victoria.log", address, "/health"):
        yield f"http://{address}"


@contextmanager
def vmagent(directory: Path, urls: Sequence[str], config: Path | None = None) -> Iterator[str]:
    """A vmagent that scrapes as `config` says and writes all it gets to these remote-write URLs; its address."""
    program = require_program("vmagent", INSTALL)
    address = f"127.0.0.1:{free_port()}"
    words = [f"-remoteWrite.url={url}" for url in urls]
    words += [f"-promscrape.config={config}"] if config is not None else []
    words += [f"-remoteWrite.tmpDataPath={directory / 'vmagent'}"]
    with running([program, f"-httpListenAddr={address}", *words], directory / "vmagent.log", address, "/health"):
        yield f"http://{address}"


@contextmanager
def running(command: list[str], log: Path, address: str, ready_path: str) -> Iterator[None]:
    """A program in the background, from when it answers there until the block ends."""
    with log.open("wb") as told, subprocess.Popen(command, stdout=told, stderr=told) as process:
        try:
            _wait_until_ready(f"http://{address}{ready_path}", process, log)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} did not become ready: {log.read_text()[-1000:]}")
