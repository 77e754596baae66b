"""Who reads from which socket: one epoll of our own for all UDP sockets of a loop, so that a datagram costs less.

asyncio makes and runs a handle for every readable socket; one handle for all that are readable costs a third of it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from monitor.media.mishaps import Mishaps

SOCKETS_A_WAKE = 12  # then the others of this loop have their turn: timers, and those that send


class Readers(Protocol):
    """Calls `readable()` whenever its socket has something to read."""

    def add(self, fd: int, readable: Callable[[], None]) -> None:
        """From now on."""
        ...

    def remove(self, fd: int) -> None:
        """No more; to be called before the socket is closed."""
        ...


class LoopReaders:
    """The event loop itself, where the system has no epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def add(self, fd: int, readable: Callable[[], None]) -> None:
        """As asyncio."""
        self._loop.add_reader(fd, readable)

    def remove(self, fd: int) -> None:
        """As asyncio."""
        self._loop.remove_reader(fd)


class EpollReaders:
    """An epoll inside the loop's own: readable when one of its sockets is. Closed when the last one has gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None
        self._readable: dict[int, Callable[[], None]] = {}
        self._mishaps = Mishaps()

    def add(self, fd: int, readable: Callable[[], None]) -> None:
        """Take part."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._wake)
        self._epoll.register(fd, select.EPOLLIN)
        self._readable[fd] = readable

    def remove(self, fd: int) -> None:
        """Take part no more."""
        if self._epoll is None or self._readable.pop(fd, None) is None:
            return
        self._epoll.unregister(fd)
        if not self._readable:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _wake(self) -> None:
        if self._epoll is None:
            return
        for fd, _ in self._epoll.poll(0, SOCKETS_A_WAKE):
            readable = self._readable.get(fd)
            if readable is None:  # closed by one that was read before it
                continue
            try:
                readable()
            except Exception:
                self._mishaps.note("a datagram")


_READERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Readers] = WeakKeyDictionary()


def readers() -> Readers:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _READERS:
        _READERS[loop] = EpollReaders(loop) if hasattr(select, "epoll") else LoopReaders(loop)
    return _READERS[loop]
