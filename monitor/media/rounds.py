"""One round for all calls of an event loop: each is looked after a few times a second, a portion of them at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary

ROUND_S = 0.25
PORTIONS = 10  # a round over hundreds of calls at once would make media late

log = logging.getLogger(__name__)


class Rounds:
    """Runs while anybody is to be visited."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._portions: tuple[dict[Callable[[], None], None], ...] = tuple({} for _ in range(PORTIONS))
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, visit: Callable[[], None]) -> None:
        """Call `visit` every ROUND_S until it is removed."""
        min(self._portions, key=len)[visit] = None
        if self._timer is None:
            self._wait()

    def remove(self, visit: Callable[[], None]) -> None:
        """No more visits. Idempotent."""
        for portion in self._portions:
            portion.pop(visit, None)
        if self._timer is not None and not any(self._portions):
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._loop.call_later(ROUND_S / PORTIONS, self._go)

    def _go(self) -> None:
        self._wait()
        portion = self._portions[self._next]
        self._next = (self._next + 1) % PORTIONS
        for visit in tuple(portion):
            try:
                visit()
            except Exception:
                log.exception("a call could not be looked after")


_ROUNDS: WeakKeyDictionary[asyncio.AbstractEventLoop, Rounds] = WeakKeyDictionary()


def rounds() -> Rounds:
    """The running loop's one round."""
    loop = asyncio.get_running_loop()
    if loop not in _ROUNDS:
        _ROUNDS[loop] = Rounds(loop)
    return _ROUNDS[loop]
