"""One round for all calls of an event loop: each is looked after a few times a second, by one timer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary

ROUND_S = 0.25

log = logging.getLogger(__name__)


class Rounds:
    """Runs while anybody is to be visited."""

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


def rounds() -> Rounds:
    """The running loop's one round."""
    loop = asyncio.get_running_loop()
    if loop not in _ROUNDS:
        _ROUNDS[loop] = Rounds(loop)
    return _ROUNDS[loop]
