"""The inside of a bench's child process: obeys lines of JSON, and measures its own processor time, lag and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from monitor.commands.bench.figures import spread
from monitor.commands.bench.workers import LINE_BYTES
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.failures import Failure
from monitor.probes.interpreter import keep_what_start_up_made
from monitor.probes.lag import LagMeter

Obey = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]
SMAPS = Path("/proc/self/smaps_rollup")


class Ends(Protocol):
    """What a child process holds: ends of calls, or sessions."""

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer, ready for JSON."""

    async def close(self) -> None:
        """Hang up."""


class Usage:
    """What this process costs from `begin` on."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lag = LagMeter(self._clock)
        self.watching = asyncio.create_task(self._lag.run(), name="lag")
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._lag.drain()
        self._begun_s, self._cpu_s = self._clock.mono_s(), time.process_time()

    def told(self) -> dict[str, Any]:
        """Seconds passed, processor seconds used, lag of the event loop in seconds, memory in KB.

        pss_kb: with its share of what it shares with others. own_kb: without any file's pages, whose share of ours
        changes whenever another Python starts or ends.
        """
        return {
            "wall_s": self._clock.mono_s() - self._begun_s,
            "cpu_s": time.process_time() - self._cpu_s,
            "lag_s": spread(self._lag.drain()),
            "pss_kb": memory_kb("Pss"),
            "own_kb": memory_kb("Pss_Anon"),
        }


def memory_kb(kind: str) -> int | None:
    """One line of this process's memory, such as `Pss`, in KB; None where the system does not tell."""
    try:
        lines = SMAPS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")), None)


def many_files() -> None:
    """Allow as many open sockets as the system lets us: a thousand peers need more than the usual 1,024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def described(outcome: str | Failure) -> str:
    """The description that a peer has made. Raises RuntimeError for a failure: the bench's own calls must succeed."""
    if isinstance(outcome, Failure):
        raise RuntimeError(f"the bench's own call failed: {outcome}")
    return outcome


def obeyed(make: Callable[[], Ends]) -> None:
    """The whole life of a child process: its ends, made inside the event loop, obey until stdin ends, then close."""
    keep_what_start_up_made()  # as the monitor's own processes
    asyncio.run(_lived(make))


async def _lived(make: Callable[[], Ends]) -> None:
    many_files()
    ends = make()
    try:
        await obeying(ends.obey)
    finally:
        await ends.close()


async def obeying(obey: Obey) -> None:
    """Answer each line of stdin until its end. What goes wrong is told as `error`, and the next line is obeyed."""
    commands = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        try:
            answer = await obey(json.loads(line))
        except Exception as error:  # the parent decides whether that ends the run
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
