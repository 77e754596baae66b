"""The simulator as a process of its own, on free loopback ports, for commands that are given no platform."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

START_S = 20.0
END_S = 1.0


class SimulatorError(Exception):
    """The simulator does not start; the message is one line for the user."""


async def start_simulator(scenario: str, seed: int, stack: AsyncExitStack) -> dict[str, Any]:
    """Start it, to be ended by `stack`; what the line says that it prints when ready: addresses, credentials, ids.

    scenario: a name or a file. Raises SimulatorError.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "simulate", "--scenario", scenario, "--seed", str(seed)),
        *("--rest-port", "0", "--ws-port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches it through us, after whoever uses it has stopped
    )
    stack.push_async_callback(_end, process)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        info: dict[str, Any] = json.loads(line)
    except (TimeoutError, ValueError):
        raise SimulatorError("the simulator did not start") from None
    return info


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
