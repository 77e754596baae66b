"""A bench's child processes as their parent sees them: each takes a line of JSON and answers with one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

LINE_BYTES = 1 << 26  # a thousand descriptions in one line
END_S = 10.0
PACKAGE = "monitor.commands.bench"


class WorkerError(Exception):
    """A child process has ended, or says that it could not do what it was told."""


class Worker:
    """A child process that obeys one command after the other."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._name = name
        self._in, self._out = process.stdin, process.stdout
        self._turn = asyncio.Lock()

    async def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """One command and its answer. Raises WorkerError."""
        async with self._turn:
            with contextlib.suppress(ConnectionError):  # it has ended: so its answer will tell
                self._in.write(json.dumps({"do": do, **details}).encode() + b"\n")
                await self._in.drain()
            answer = await self.heard()
        if "error" in answer:
            raise WorkerError(f"{self._name} could not {do}: {answer['error']}")
        return answer

    async def heard(self) -> dict[str, Any]:
        """The next line it says, such as the one that some say unasked when they are ready. Raises WorkerError."""
        line = await self._out.readline()
        if not line:
            raise WorkerError(f"{self._name} has ended; its own words are above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def worker(module: str, *arguments: str, before: Sequence[str] = ()) -> AsyncIterator[Worker]:
    """A module of this package as a process; before: a command that runs it, such as `ip netns exec NAME`."""
    async with spoken_to(module, *before, sys.executable, "-m", f"{PACKAGE}.{module}", *arguments) as process:
        yield process


@asynccontextmanager
async def spoken_to(name: str, *command: str) -> AsyncIterator[Worker]:
    """A program that answers each line of JSON with one, ended with the block by the end of its stdin."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        start_new_session=True,  # Ctrl-C reaches it through us
    )
    assert process.stdin is not None
    try:
        yield Worker(name, process)
    finally:
        process.stdin.close()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
