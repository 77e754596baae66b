"""The simulator as a process of its own, on free loopback ports, for commands that are given no platform."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
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
        *(sys.executable, "-m", "monitor.commands.embedded", scenario, str(seed)),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE,  # never written to: it closes when we end, however we end
        start_new_session=True,  # Ctrl-C reaches it through us, after whoever uses it has stopped
    )
    stack.push_async_callback(end, process, END_S)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        info: dict[str, Any] = json.loads(line)
    except (TimeoutError, ValueError):
        raise SimulatorError("the simulator did not start") from None
    return info


async def end(process: asyncio.subprocess.Process, limit_s: float) -> None:
    """End it by SIGTERM, by force after `limit_s`. Idempotent."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), limit_s)
        except TimeoutError:
            process.kill()
            await process.wait()


def _end_with_parent() -> None:
    """Stop as SIGTERM does when the other end of stdin is gone: a parent that is killed cannot end its child."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(scenario: str, seed: str) -> int:
    """The simulator's process: on free ports, until SIGTERM or until its parent has ended. The exit status."""
    from monitor.simulator.server import simulate

    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    return simulate(scenario=scenario, seed=int(seed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
