"""A program that answers HTTP, run by a test until its block ends; stopped by its pid."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

DEADLINE_S = 30.0


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
