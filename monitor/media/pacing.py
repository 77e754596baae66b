"""Which 20 ms slot to send next: real time, missed slots skipped and counted, never caught up in a burst. Pure."""

from __future__ import annotations


class Pacer:
    """A grid of slots of `slot_s` seconds that begins with the first call of `next`."""

    def __init__(self, slot_s: float) -> None:
        self._slot_s = slot_s
        self._begun_mono_s: float | None = None
        self._slot = -1
        self.sent = 0
        self.skipped = 0

    def next(self, now_mono_s: float) -> tuple[int, float]:
        """The next slot's index from 0, and the seconds to wait for it."""
        if self._begun_mono_s is None:
            self._begun_mono_s = now_mono_s
        self._slot += 1
        late_s = now_mono_s - self._begun_mono_s - self._slot * self._slot_s
        if late_s > self._slot_s:
            missed = int(late_s / self._slot_s)
            self.skipped += missed
            self._slot += missed
        self.sent += 1
        return self._slot, max(0.0, -late_s)
