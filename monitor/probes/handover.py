"""Hands open sockets from one of our processes to another (SCM_RIGHTS), so that a shard may be replaced under it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


def send_socket(handover: socket.socket, index: int, given: socket.socket) -> None:
    """Give the other process its own copy of `given`, as that of shard `index` (0 to 255); ours may then be closed.

    Raises OSError when the other process is gone.
    """
    socket.send_fds(handover, [bytes([index])], [given.fileno()])


async def receive_sockets(handover: socket.socket, use: Callable[[int, socket.socket], None]) -> None:
    """Call `use` with every socket that comes and its shard's index, until the other process closes its end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    handover.setblocking(False)
    loop.add_reader(handover, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            if not _receive(handover, use):
                return
    finally:
        loop.remove_reader(handover)


def _receive(handover: socket.socket, use: Callable[[int, socket.socket], None]) -> bool:
    try:
        index, fds, _, _ = socket.recv_fds(handover, 1, 1)  # one byte, so one message and its socket, at a time
    except BlockingIOError:
        return True
    except OSError:
        return False
    for fd in fds:
        use(index[0], socket.socket(fileno=fd))
    return bool(index)
