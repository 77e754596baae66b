"""Rate limit per token: a window that the first call opens, and how much of it is used; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

MAX_WINDOWS = 10_000  # windows remembered before the ended ones are forgotten


class LimitSettings(Protocol):
    """What the limiter is told; scenario.RateLimit is one."""

    @property
    def per_minute(self) -> int: ...
    @property
    def window_s(self) -> float: ...
    @property
    def count_rejected(self) -> bool: ...


@dataclass(slots=True)
class Window:
    """One token's window: when it was opened and how many calls it has seen."""

    opened_s: float
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a token stands after a call; `reset_s` is whole seconds until its window ends, at least 1."""

    count: int
    allowed: int
    reset_s: int
    limited: bool


class RateLimiter:
    """Counts calls per token."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def take(self, token: str, now_s: float, settings: LimitSettings) -> Allowance:
        """One call under `token` at `now_s` (monotonic seconds): counted, or limited when the window is used up."""
        window = self._windows.get(token)
        if window is None or now_s - window.opened_s >= settings.window_s:
            self._forget_ended(now_s, settings.window_s)
            window = self._windows[token] = Window(now_s)
        limited = window.calls >= settings.per_minute
        if not limited or settings.count_rejected:
            window.calls += 1
        reset_s = max(1, math.ceil(window.opened_s + settings.window_s - now_s))
        return Allowance(window.calls, settings.per_minute, reset_s, limited)

    def clear(self) -> None:
        """Forget every window."""
        self._windows.clear()

    def _forget_ended(self, now_s: float, window_s: float) -> None:
        if len(self._windows) >= MAX_WINDOWS:
            self._windows = {t: w for t, w in self._windows.items() if now_s - w.opened_s < window_s}
