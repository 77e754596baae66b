"""Two network namespaces with nothing between them but a user-space delay line over two TUN devices."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.commands.bench.workers import Worker, spoken_to

HERE = Path(__file__).parent
NEAR, FAR = "198.18.77.1", "198.18.77.2"  # RFC 2544: for benchmarks; nobody outside the two namespaces sees them


@dataclass(frozen=True)
class TunLine:
    """A running line. near, far: commands that run a program at its ends. line: answers with what it did so far."""

    near: Sequence[str]
    far: Sequence[str]
    line: Worker

    def ping(self, count: int) -> list[float]:
        """Round trips from the near to the far end by ICMP echo, in seconds."""
        return [float(seconds) for seconds in self._told("echo.py", FAR, str(count))]

    async def ping_websocket(self, count: int) -> list[tuple[float, float]]:
        """The same by the monitor's own WebSocket, each with the kernel's TCP round trip beside it."""
        async with spoken_to(
            "websocket_end", *self.far, sys.executable, str(HERE / "websocket_end.py"), "serve", FAR
        ) as server:
            url = f"ws://{FAR}:{(await server.heard())['port']}"
            told = await asyncio.to_thread(self._told, "websocket_end.py", "ping", url, str(count))
        return [(float(rtt_s), float(tcp_rtt_s)) for rtt_s, tcp_rtt_s in told]

    def _told(self, program: str, *arguments: str) -> list[Any]:
        """What a program at the near end prints."""
        command = [*self.near, sys.executable, str(HERE / program), *arguments]
        told: list[Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return told


@asynccontextmanager
async def tun_line(folder: Path, *, delay_s: float, jitter_s: float, loss: float, seed: int) -> AsyncIterator[TunLine]:
    """delay_s each way; jitter and loss are on the way to the near end alone. Skips where it cannot be built.

    It skips even where every program is required: a C compiler, root and namespaces are the developer's own.
    """
    program = _compiled(folder)
    names = [f"line-{os.getpid()}-{end}" for end in ("near", "far")]
    with _namespaces(names):
        numbers = (round(delay_s * 1e6), round(jitter_s * 1e6), round(loss * 1e6), seed)
        async with spoken_to("tun_line", str(program), *names, *(str(number) for number in numbers)) as line:
            await line.heard()
            for name, own, other in zip(names, (NEAR, FAR), (FAR, NEAR), strict=True):
                _ip("-n", name, "addr", "add", own, "peer", other, "dev", "line")
                _ip("-n", name, "link", "set", "line", "up")
            near, far = (("ip", "netns", "exec", name) for name in names)
            yield TunLine(near, far, line)


def _compiled(folder: Path) -> Path:
    if sys.platform != "linux" or os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        pytest.skip("a TUN delay line needs Linux, root and /dev/net/tun")
    for program, package in (("gcc", "gcc libc6-dev"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; install it with: apt-get install {package}")
    program = folder / "tun_line"
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "tun_line.c"], check=True)
    return program


@contextmanager
def _namespaces(names: Sequence[str]) -> Iterator[None]:
    made: list[str] = []
    try:
        for name in names:
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError as error:  # a container without CAP_SYS_ADMIN
                pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
            made.append(name)
        yield
    finally:
        for name in made:
            _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
