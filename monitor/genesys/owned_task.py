"""A background task with an owner: run once, stopped with a deadline, its defects never swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

STOP_TIMEOUT_S = 4.0


class OwnedTask:
    """Runs one coroutine inside `run`, so that both a cancelled caller and `stop` end it in order."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` to its end. Returns quietly when stopped; raises what `work` raises."""
        if self._stopped:
            work.close()
            return
        self._task = asyncio.create_task(work)
        try:
            await asyncio.wait({self._task})
        finally:
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def stop(self) -> None:
        """Cancel the work and wait for its end, at most STOP_TIMEOUT_S; safe to call twice, or before `run`."""
        self._stopped = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_TIMEOUT_S)
