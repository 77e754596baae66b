"""Notices a silent stream within NOTICED_AFTER_S, long before the softphone's own keepalive does. Pure.

It only tells: a real softphone would still hold the connection, and so do we, until its own limit. A stream that is
quiet is asked; what it says, whatever it is, ends the silence. The answer's time counts only while our own loop runs:
each second of waiting must be noticed in time, so that a stall of ours is never taken for the other side's silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ASK_AFTER_S: Final = 4.0  # quiet for so long: ask
STEP_S: Final = 1.0
STEPS: Final = 5  # seconds that the answer may take, each of them noticed in time; TCP repeats a lost segment meanwhile
LATE_S: Final = 0.5  # a step noticed later than this says that we did not run
NOTICED_AFTER_S: Final = ASK_AFTER_S + STEPS * STEP_S  # at most, after the last sign of life


class SilenceWatch:
    """`ask` sends one question that every server answers. Off until started; times are monotonic seconds."""

    def __init__(self, ask: Callable[[float], None]) -> None:
        self._ask = ask
        self._next_s: float | None = None
        self._heard_s = 0.0
        self._steps = 0
        self._asked = False
        self.noticed_s: float | None = None  # when the silence that still lasts was noticed

    def start(self, now: float) -> None:
        """Begin to watch."""
        self._await_quiet(now)

    def heard(self, now: float) -> float | None:
        """Something came in. When that ends a silence that was noticed: how long it lasted, in seconds."""
        lasted_s = None if self.noticed_s is None else now - self._heard_s
        self.noticed_s = None
        if self._next_s is not None or lasted_s is not None:
            self._await_quiet(now)
        return lasted_s

    def deadline(self) -> float | None:
        """When `tick` is next due; None before the start, and while a noticed silence lasts."""
        return self._next_s

    def tick(self, now: float) -> float | None:
        """Ask, or wait for the answer. The seconds of silence when it is noticed now, once each."""
        if self._next_s is None or now < self._next_s:
            return None
        late = now - self._next_s > LATE_S
        self._next_s = now + STEP_S
        if not self._asked:
            self._asked = True
            self._ask(now)
            return None
        self._steps += not late
        if self._steps < STEPS:
            return None
        self._next_s = None
        self.noticed_s = now
        return now - self._heard_s

    def _await_quiet(self, now: float) -> None:
        self._heard_s = now
        self._next_s = now + ASK_AFTER_S
        self._steps = 0
        self._asked = False
