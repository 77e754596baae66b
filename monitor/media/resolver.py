"""Name resolution on a few threads of its own, so that a dead DNS server starves nothing else and holds no exit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import threading
from collections import deque
from dataclasses import dataclass

from monitor.facts.clock import SystemClock

THREADS = 8  # made only while all others wait for an answer: so many silent names hold up nobody else
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


@dataclass(slots=True, eq=False)
class _Lookup:
    host: str
    family: socket.AddressFamily
    loop: asyncio.AbstractEventLoop
    found: asyncio.Future[str]
    wanted_until_mono_s: float  # then the most patient of those who asked has left
    begun: bool = False


class Resolver:
    """getaddrinfo, one family at a time. Equal lookups under way are shared, so a dead name holds one thread only.

    When silent names hold every thread, the lookups behind them end after their own time, with words that blame us.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Lookup] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._observed: deque[tuple[float | None, str]] = deque(maxlen=OBSERVED_LIMIT)
        self._under_way: dict[tuple[str, socket.AddressFamily], _Lookup] = {}

    @property
    def waiting(self) -> int:
        """Lookups that no thread has taken up yet."""
        return self._queue.qsize()

    def observed(self) -> tuple[tuple[float | None, str], ...]:
        """Lookups since the last call: seconds and outcome (`ok`, `dns`); None for one given up.

        Its outcome is `timeout` when nobody answered, `busy` when our own threads had no time to ask.
        """
        seen = []
        with contextlib.suppress(IndexError):
            while True:
                seen.append(self._observed.popleft())
        return tuple(seen)

    async def resolve(self, host: str, port: int, *, timeout_s: float) -> Address:
        """The first IPv4 address of `host`, else its first IPv6 address. Raises ResolveError."""
        for family in FAMILIES:
            with contextlib.suppress(OSError, ValueError):
                return Address(family, socket.inet_ntop(family, socket.inet_pton(family, host)), port)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._look_up(host, port, CLOCK.mono_s() + timeout_s)
        except TimeoutError:
            raise self._given_up(host, timeout_s) from None

    def _given_up(self, host: str, timeout_s: float) -> ResolveError:
        """Whose fault it is that there is no answer: the name server's, or our own."""
        busy = any(lookup.host == host and not lookup.begun for lookup in self._under_way.values())
        self._observed.append((None, "busy" if busy else "timeout"))
        if busy:
            return ResolveError(
                f"our own resolver was busy with other names for {timeout_s:g} s: {host} was not asked for"
            )
        return ResolveError(f"no answer for {host} within {timeout_s:g} s")

    async def _look_up(self, host: str, port: int, until_mono_s: float) -> Address:
        problem = ""
        for family in FAMILIES:
            try:
                return Address(family, await self._shared(host, family, until_mono_s), port)
            except (OSError, ValueError) as error:  # ValueError: cannot be encoded as a name
                problem = problem or str(error)
        raise ResolveError(f"{host}: {problem}")

    async def _shared(self, host: str, family: socket.AddressFamily, until_mono_s: float) -> str:
        key = (host, family)
        lookup = self._under_way.get(key)
        if lookup is None or lookup.loop is not asyncio.get_running_loop():
            if len(self._under_way) >= WAITING_LIMIT:
                raise ResolveError(f"our own resolver is busy: {WAITING_LIMIT} lookups are waiting already")
            lookup = self._start(key, until_mono_s)
        lookup.wanted_until_mono_s = max(lookup.wanted_until_mono_s, until_mono_s)
        return await asyncio.shield(lookup.found)

    def _start(self, key: tuple[str, socket.AddressFamily], until_mono_s: float) -> _Lookup:
        loop = asyncio.get_running_loop()
        lookup = _Lookup(*key, loop, loop.create_future(), until_mono_s)
        self._under_way[key] = lookup
        lookup.found.add_done_callback(lambda done: self._finished(key, done))
        self._queue.put(lookup)
        if len(self._threads) < min(THREADS, len(self._under_way)):
            thread = threading.Thread(target=self._work, name="resolver", daemon=True)
            self._threads.append(thread)
            thread.start()
        return lookup

    def _finished(self, key: tuple[str, socket.AddressFamily], done: asyncio.Future[str]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have left: its error is then nobody's

    def _work(self) -> None:
        while True:
            lookup = self._queue.get()
            result = self._answer(lookup)
            with contextlib.suppress(RuntimeError):  # its loop has closed: nobody waits
                lookup.loop.call_soon_threadsafe(_deliver, lookup.found, result)

    def _answer(self, lookup: _Lookup) -> str | Exception:
        begun_mono_s = CLOCK.mono_s()
        if begun_mono_s > lookup.wanted_until_mono_s:  # it would hold up others for nobody
            return ResolveError(f"our own resolver was busy with other names: {lookup.host} was not asked for")
        lookup.begun = True
        try:
            answers = socket.getaddrinfo(lookup.host, None, lookup.family, socket.SOCK_DGRAM)
            result: str | Exception = str(answers[0][4][0])
        except (OSError, ValueError) as error:
            result = error
        ended_mono_s = CLOCK.mono_s()
        if ended_mono_s <= lookup.wanted_until_mono_s:  # else whoever asked has told that there was no answer
            self._observed.append((ended_mono_s - begun_mono_s, "ok" if isinstance(result, str) else "dns"))
        return result


def _deliver(found: asyncio.Future[str], result: str | Exception) -> None:
    if found.done():
        return
    if isinstance(result, Exception):
        found.set_exception(result)
    else:
        found.set_result(result)


RESOLVER = Resolver()  # one for the process: its threads are the resource being limited
