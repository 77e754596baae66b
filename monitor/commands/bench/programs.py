"""Programs of our own that a section runs as a user would: in a session of their own, ended with their block."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from monitor.commands.embedded import end

START_S, END_S = 60.0, 20.0


@asynccontextmanager
async def program(*words: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python WORDS`; options: as of create_subprocess_exec."""
    process = await asyncio.create_subprocess_exec(sys.executable, *words, start_new_session=True, **options)
    try:
        yield process
    finally:
        await end(process, END_S)


@asynccontextmanager
async def simulator(*words: str) -> AsyncIterator[tuple[dict[str, Any], int]]:
    """The simulator, run by these words: what it prints when it is ready, and its process id."""
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with program("-m", *words, **pipes) as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), START_S))
        yield told, process.pid
