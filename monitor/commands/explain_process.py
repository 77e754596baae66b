"""How an explaining child behaves as a process: last in every queue, bounded, and gone with its parent."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

NICE = 19
MEMORY_BYTES = 2 * 1024**3  # of address space; 0.2 GB were measured without facts, and some 130 bytes more for each
OOM_SCORE = 1000  # where the machine runs out of memory it is this process that is ended, and not one that measures


def be_modest() -> None:
    """Give way to everybody in time, and take at most MEMORY_BYTES: beyond that a MemoryError is raised."""
    os.nice(NICE)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    with suppress(OSError, ValueError):  # not every system lets it be set
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def end_with_parent() -> None:
    """End as SIGTERM does when the other end of stdin is gone, in the middle of whatever is worked out."""
    while os.read(0, 65_536):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def first_line() -> str:
    """Read without a buffer, so that the rest of stdin is left to whoever watches for its end."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            break
        line += part
    return line.decode()
