"""RTCP round trips, W3C webrtc-stats' roundTripTime: from LSR and DLSR by the monotonic clock, not smoothed. Pure."""

from __future__ import annotations

REMEMBERED = 16  # sender reports, one a second; others report every 5 s, and the last one they got may be older
LONGEST_S = 60.0
ROUNDING_S = 0.001  # LSR and DLSR count in 1/65536 s: a path without delay may come out below zero


class RoundTrip:
    """Told which sender reports went out and what the other side answered (RFC 3550 section 6.4.1).

    Times are ours alone: LSR only names the report, so neither side's wall clock matters.
    """

    def __init__(self) -> None:
        self._sent: dict[int, float] = {}
        self.seconds: float | None = None
        self.measured_mono_s: float | None = None  # when the answer that says so arrived

    def sent(self, lsr: int, at_mono_s: float) -> None:
        """A sender report left, whose NTP time has these middle bits."""
        self._sent.pop(lsr, None)
        self._sent[lsr] = at_mono_s
        while len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def answered(self, lsr: int, dlsr: int, arrived_mono_s: float) -> float | None:
        """A report block about our stream came in; what names none of our reports is passed over: None.

        Else until when it knows of what we sent: the moment it was written at, less the way there.
        """
        sent_mono_s = self._sent.get(lsr)
        if sent_mono_s is None:
            return None
        seconds = arrived_mono_s - sent_mono_s - dlsr / 65536
        if not -ROUNDING_S <= seconds < LONGEST_S:
            return None
        self.seconds, self.measured_mono_s = max(0.0, seconds), arrived_mono_s
        return sent_mono_s + dlsr / 65536
