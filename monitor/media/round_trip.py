"""RTCP round trips, kept free of wall-clock steps: aiortc takes them by time.time() and smooths them. Pure."""

from __future__ import annotations

STEP_S = 0.05  # the wall clock moved this much against the monotonic one between two readings: it was stepped
MEMORY_S = 30.0  # about as long as aiortc's smoothing (0.85 a report, one or two a second) remembers
LONGEST_S = 60.0


class RoundTrip:
    """Told aiortc's estimate and both clocks now and then; knows whether the estimate means anything."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._stepped_mono_s: float | None = None
        self.seconds: float | None = None

    def read(self, estimate_s: float | None, mono_s: float, wall_s: float) -> None:
        """Take a reading; `seconds` is then the estimate, or None where it cannot be trusted."""
        offset_s = wall_s - mono_s
        if self._offset_s is not None and abs(offset_s - self._offset_s) > STEP_S:
            self._stepped_mono_s = mono_s
        self._offset_s = offset_s
        polluted = self._stepped_mono_s is not None and mono_s - self._stepped_mono_s < MEMORY_S
        usable = estimate_s is not None and 0 <= estimate_s < LONGEST_S and not polluted
        self.seconds = estimate_s if usable else None
