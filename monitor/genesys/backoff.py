"""How long to wait before the next connection attempt: the softphone's own backoff, with jitter as an option."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_S = 2.0
CAP_S = 90.0
FORGET_AFTER_S = 3600.0
HALVE_AFTER_DELAYS = 5  # a remembered delay halves each time 5 x itself has passed without a failure


@dataclass(frozen=True, slots=True)
class BackoffOptions:
    """first_s doubles to cap_s. full_jitter spreads a delay evenly over [0, delay], which the real client does not."""

    first_s: float = FIRST_S
    cap_s: float = CAP_S
    full_jitter: bool = False


class Backoff:
    """Remembers failed attempts across connections; time comes in as an argument.

    rng is needed for full jitter only. Raises ValueError when it is missing then.
    """

    def __init__(self, options: BackoffOptions | None = None, rng: random.Random | None = None) -> None:
        self._options = options or BackoffOptions()
        if self._options.full_jitter and rng is None:
            raise ValueError("full jitter needs a random.Random")
        self._rng = rng
        self._delay_s = self._options.first_s
        self._changed_s = 0.0
        self._failed_s = 0.0

    def delay_s(self, now: float) -> float:
        """Seconds to wait before an attempt that is decided on now."""
        self._decay(now)
        if self._rng is not None and self._options.full_jitter:
            return self._rng.uniform(0.0, self._delay_s)
        return self._delay_s

    def failed(self, now: float) -> None:
        """An attempt failed: the next delay doubles, up to the cap."""
        self._decay(now)
        self._delay_s = min(self._delay_s * 2, self._options.cap_s)
        self._changed_s = self._failed_s = now

    def _decay(self, now: float) -> None:
        first_s = self._options.first_s
        if now - self._failed_s >= FORGET_AFTER_S:
            self._delay_s = first_s
        while self._delay_s > first_s and now - self._changed_s >= HALVE_AFTER_DELAYS * self._delay_s:
            self._changed_s += HALVE_AFTER_DELAYS * self._delay_s
            self._delay_s = max(self._delay_s / 2, first_s)
