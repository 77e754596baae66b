"""One clockwork for all calls of an event loop: every 5 ms a quarter of the calls has its slot of 20 ms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from monitor.media.opus_sample import PACKET_S
from monitor.media.pacing import SUB_SLOTS, Grid, slots_of

ROUND_S = 0.25

log = logging.getLogger(__name__)


class Ticked(Protocol):
    """What has a turn in every slot."""

    def slot(self, slot: int) -> None:
        """Its turn in this slot."""
        ...

    def missed(self, slots: range) -> None:
        """Slots that our own loop was too late for."""
        ...


class Ticker:
    """Runs while anybody takes part. Its slots are counted from the loop's first call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._portions: tuple[dict[Ticked, None], ...] = tuple({} for _ in range(SUB_SLOTS))
        self._grid = Grid(loop.time(), PACKET_S)
        self._timer: asyncio.TimerHandle | None = None

    def add(self, ticked: Ticked) -> None:
        """Give `ticked` its turn in the least crowded quarter from now on."""
        min(self._portions, key=len)[ticked] = None
        if self._timer is None:
            self._grid.take(self._loop.time())  # while nobody took part, nothing was missed
            self._wait()

    def remove(self, ticked: Ticked) -> None:
        """No more turns for `ticked`. Idempotent."""
        for portion in self._portions:
            portion.pop(ticked, None)
        if self._timer is not None and not any(self._portions):
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._loop.call_at(self._grid.next_mono_s, self._wake)

    def _wake(self) -> None:
        serve, skip = self._grid.take(self._loop.time())
        if skip:
            self._skip(skip)
        for sub_slot in serve:
            slot, portion = divmod(sub_slot, SUB_SLOTS)
            for ticked in tuple(self._portions[portion]):
                try:
                    ticked.slot(slot)
                except Exception:
                    log.exception("a call could not take its turn and is left out from now on")
                    self.remove(ticked)
        if any(self._portions):
            self._wait()
        else:
            self._timer = None

    def _skip(self, skip: range) -> None:
        for portion, members in enumerate(self._portions):
            slots = slots_of(skip, portion)
            for ticked in members:
                ticked.missed(slots)


class Rounds:
    """Looks after every call of an event loop a few times a second, by one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._visits: dict[Callable[[], None], None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, visit: Callable[[], None]) -> None:
        """Call `visit` every ROUND_S until it is removed."""
        self._visits[visit] = None
        if self._timer is None:
            self._timer = self._loop.call_later(ROUND_S, self._go)

    def remove(self, visit: Callable[[], None]) -> None:
        """No more visits. Idempotent."""
        self._visits.pop(visit, None)
        if not self._visits and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        self._timer = self._loop.call_later(ROUND_S, self._go)
        for visit in tuple(self._visits):
            try:
                visit()
            except Exception:
                log.exception("a call could not be looked after")


_ROUNDS: WeakKeyDictionary[asyncio.AbstractEventLoop, Rounds] = WeakKeyDictionary()
_TICKERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker] = WeakKeyDictionary()


def ticker() -> Ticker:
    """The running loop's one ticker."""
    loop = asyncio.get_running_loop()
    if loop not in _TICKERS:
        _TICKERS[loop] = Ticker(loop)
    return _TICKERS[loop]


def rounds() -> Rounds:
    """The running loop's one round."""
    loop = asyncio.get_running_loop()
    if loop not in _ROUNDS:
        _ROUNDS[loop] = Rounds(loop)
    return _ROUNDS[loop]
