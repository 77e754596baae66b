"""Name resolution on two threads of its own, so that a dead DNS server starves nothing else and never holds an exit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import threading
from collections import deque
from dataclasses import dataclass

from monitor.facts.clock import SystemClock

THREADS = 2
WAITING_LIMIT = 64
OBSERVED_LIMIT = 1000  # lookups kept for `observed`; the oldest are forgotten
FAMILIES = (socket.AF_INET, socket.AF_INET6)  # IPv4 first: the real softphone offers no IPv6 candidates

CLOCK = SystemClock()


class ResolveError(Exception):
    """The name has no usable address, or no answer came in time; the text says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address to connect to."""

    family: socket.AddressFamily
    host: str
    port: int
    scope_id: int = 0

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """As the socket module wants it."""
        return (self.host, self.port) if self.family == socket.AF_INET else (self.host, self.port, 0, self.scope_id)


@dataclass(frozen=True, slots=True)
class _Lookup:
    host: str
    family: socket.AddressFamily
    loop: asyncio.AbstractEventLoop
    found: asyncio.Future[str]


class Resolver:
    """getaddrinfo, one family at a time. Equal lookups under way are shared, so a dead name holds one thread only."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Lookup] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._observed: deque[tuple[float | None, str]] = deque(maxlen=OBSERVED_LIMIT)
        self._under_way: dict[tuple[str, socket.AddressFamily], asyncio.Future[str]] = {}

    @property
    def waiting(self) -> int:
        """Lookups that no thread has taken up yet."""
        return self._queue.qsize()

    def observed(self) -> tuple[tuple[float | None, str], ...]:
        """Lookups since the last call: seconds and outcome (`ok`, `dns`); None and `timeout` for one given up."""
        seen = []
        with contextlib.suppress(IndexError):
            while True:
                seen.append(self._observed.popleft())
        return tuple(seen)

    async def resolve(self, host: str, port: int, *, timeout_s: float) -> Address:
        """The first IPv4 address of `host`, else its first IPv6 address. Raises ResolveError."""
        for family in FAMILIES:
            with contextlib.suppress(OSError, ValueError):
                socket.inet_pton(family, host)
                return Address(family, host, port)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._look_up(host, port)
        except TimeoutError:
            self._observed.append((None, "timeout"))
            raise ResolveError(f"no answer for {host} within {timeout_s:g} s") from None

    async def _look_up(self, host: str, port: int) -> Address:
        problem = ""
        for family in FAMILIES:
            try:
                return Address(family, await self._shared(host, family), port)
            except (OSError, ValueError) as error:  # ValueError: cannot be encoded as a name
                problem = problem or str(error)
        raise ResolveError(f"{host}: {problem}")

    async def _shared(self, host: str, family: socket.AddressFamily) -> str:
        key = (host, family)
        found = self._under_way.get(key)
        if found is None or found.get_loop() is not asyncio.get_running_loop():
            if len(self._under_way) >= WAITING_LIMIT:
                raise ResolveError(f"{WAITING_LIMIT} lookups are waiting already")
            found = self._start(host, family)
            self._under_way[key] = found
            found.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(found)

    def _finished(self, key: tuple[str, socket.AddressFamily], done: asyncio.Future[str]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have left: its error is then nobody's

    def _start(self, host: str, family: socket.AddressFamily) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[str] = loop.create_future()
        self._queue.put(_Lookup(host, family, loop, found))
        if len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name="resolver", daemon=True)
            self._threads.append(thread)
            thread.start()
        return found

    def _work(self) -> None:
        while True:
            lookup = self._queue.get()
            begun_mono_s = CLOCK.mono_s()
            try:
                answers = socket.getaddrinfo(lookup.host, None, lookup.family, socket.SOCK_DGRAM)
                result: str | Exception = str(answers[0][4][0])
            except (OSError, ValueError) as error:
                result = error
            self._observed.append((CLOCK.mono_s() - begun_mono_s, "ok" if isinstance(result, str) else "dns"))
            with contextlib.suppress(RuntimeError):  # its loop has closed: nobody waits
                lookup.loop.call_soon_threadsafe(_deliver, lookup.found, result)


def _deliver(found: asyncio.Future[str], result: str | Exception) -> None:
    if found.done():
        return
    if isinstance(result, Exception):
        found.set_exception(result)
    else:
        found.set_result(result)


RESOLVER = Resolver()  # one for the process: its threads are the resource being limited
