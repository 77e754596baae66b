"""What the Python interpreter does behind a process's back: garbage collections, and jobs that wait for a thread."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from typing import Any

from monitor.facts.clock import Clock

KEPT_PAUSES = 1000  # between two reports; what is more is counted by nobody


class GcPauses:
    """Times every garbage collection: nothing else of the process runs meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_mono_s: float | None = None
        self._pauses_s: deque[float] = deque(maxlen=KEPT_PAUSES)

    def watch(self) -> None:
        """From now on. Idempotent."""
        if self.noted not in gc.callbacks:
            gc.callbacks.append(self.noted)

    def ignore(self) -> None:
        """No longer. Idempotent."""
        if self.noted in gc.callbacks:
            gc.callbacks.remove(self.noted)

    def noted(self, phase: str, info: dict[str, Any]) -> None:
        """gc.callbacks: a collection begins (`start`) or is over (`stop`)."""
        now = self._clock.mono_s()
        if phase == "start":
            self._began_mono_s = now
        elif self._began_mono_s is not None:
            self._pauses_s.append(round(now - self._began_mono_s, 6))
            self._began_mono_s = None

    def drain(self) -> tuple[float, ...]:
        """The pauses since the last drain, in seconds."""
        pauses_s = tuple(self._pauses_s)
        self._pauses_s.clear()
        return pauses_s


def executor_queue(loop: asyncio.AbstractEventLoop) -> int | None:
    """Jobs of the loop's default executor that wait for a thread; 0 before its first job, None where it cannot be seen.

    asyncio shows its executor nowhere: a private name, which a test holds against this Python.
    """
    executor = getattr(loop, "_default_executor", None)
    if executor is None:
        return 0 if hasattr(loop, "_default_executor") else None
    waiting = getattr(executor, "_work_queue", None)
    return None if waiting is None else int(waiting.qsize())


def keep_what_start_up_made() -> None:
    """To be called once before the event loop runs: later collections need not look at modules and constants.

    They are most of the heap, and looking at them takes 60 ms, in which nothing is measured.
    """
    gc.collect()
    gc.freeze()
