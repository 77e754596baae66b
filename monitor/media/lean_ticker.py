"""One clockwork for all calls of an event loop: every 2.5 ms an eighth of the calls has its slot of 20 ms."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

from monitor.media.opus_sample import PACKET_S
from monitor.media.pacing import SUB_SLOTS, Grid, slots_of

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
        self._failing: WeakSet[Ticked] = WeakSet()

    def add(self, ticked: Ticked) -> None:
        """Give `ticked` its turn in the least crowded portion from now on."""
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
                    self._failed(ticked, slot)
        if any(self._portions):
            self._wait()
        else:
            self._timer = None

    def _failed(self, ticked: Ticked, slot: int) -> None:
        """A mistake of ours: a slot missed, and said once a call. The next slot may well succeed."""
        if ticked not in self._failing:
            self._failing.add(ticked)
            log.exception("a call could not take its turn")
        ticked.missed(range(slot, slot + 1))

    def _skip(self, skip: range) -> None:
        for portion, members in enumerate(self._portions):
            slots = slots_of(skip, portion)
            for ticked in members:
                ticked.missed(slots)


_TICKERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker] = WeakKeyDictionary()


def ticker() -> Ticker:
    """The running loop's one ticker."""
    loop = asyncio.get_running_loop()
    if loop not in _TICKERS:
        _TICKERS[loop] = Ticker(loop)
    return _TICKERS[loop]
