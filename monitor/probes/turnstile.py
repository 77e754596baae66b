"""Lets measured work begin a piece or a few at a time, so that none is slowed by the others' start in our own loop.

The costly part of a gathering or of a call's set-up is its beginning (sockets, SDP, keys); then it waits for others. So
a turn lasts until the work is done, or `turn_s` at the longest: a server that never answers holds nobody up.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from monitor.facts.clock import Clock

TURN_S = 0.025  # a set-up on the machine itself takes 20 to 30 ms; 150 of them begin within 4 s
GATHERING, SET_UP = 0, 1  # who goes first


class Turn:
    """The right to be busy now. waited_s: how long it was waited for, which belongs into no measured time."""

    def __init__(self, waited_s: float, turn_s: float, end: Callable[[], None]) -> None:
        self.waited_s = waited_s
        self._end: Callable[[], None] | None = end
        self._limit = asyncio.get_running_loop().call_later(turn_s, self.over)

    def over(self) -> None:
        """Let the next one begin. Idempotent; comes by itself after `turn_s`."""
        self._limit.cancel()
        if self._end is not None:
            end, self._end = self._end, None
            end()


class Turnstile:
    """So many turns `at_once`: the gatherings that wait before the set-ups that wait, each in the order they came."""

    def __init__(self, clock: Clock, *, at_once: int = 1, turn_s: float = TURN_S) -> None:
        self._clock = clock
        self._free = at_once
        self._turn_s = turn_s
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    async def turn(self, rank: int) -> Turn:
        """Wait for a turn. rank: GATHERING or SET_UP."""
        since_mono_s = self._clock.mono_s()
        if self._free:
            self._free -= 1
        else:
            self._count += 1
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (rank, self._count, mine))
            await self._wait(mine)
        return Turn(self._clock.mono_s() - since_mono_s, self._turn_s, self._next)

    async def _wait(self, mine: asyncio.Future[None]) -> None:
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # it was ours already: the next one's now
            raise

    def _next(self) -> None:
        while self._waiting:
            _, _, waiting = heapq.heappop(self._waiting)
            if not waiting.done():
                waiting.set_result(None)  # the turn goes from hand to hand
                return
        self._free += 1
