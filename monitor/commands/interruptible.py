"""A coroutine run to its end, or until Ctrl-C or SIGTERM has let it clean up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """What the coroutine returns. Raises KeyboardInterrupt once it has cleaned up after Ctrl-C or SIGTERM."""
    try:
        return asyncio.run(_heeding_sigterm(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _heeding_sigterm(work: Coroutine[Any, Any, _T]) -> _T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
