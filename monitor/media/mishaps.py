"""What came in and set off a mistake of ours or of a library: said, but a line a minute at most."""

from __future__ import annotations

import logging

from monitor.facts.clock import Clock, SystemClock

LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Mishaps:
    """Counts them. Anybody who reaches our port may send what a library stumbles over, as often as he likes."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._count = 0
        self._silent_until_mono_s = 0.0

    def note(self, what: str) -> None:
        """One more, from the `except` that caught it. what: the words for what set it off, such as `a datagram`."""
        self._count += 1
        if self._clock.mono_s() >= self._silent_until_mono_s:
            self._silent_until_mono_s = self._clock.mono_s() + LOG_EVERY_S
            log.exception("what %s set off went wrong, %d times so far", what, self._count)
