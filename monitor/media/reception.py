"""What arrives of an RTP stream: loss by sequence numbers, interarrival jitter by the monotonic clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.media.rtcp import ReportBlock

MISORDER_LIMIT = 100  # RFC 3550 appendix A.1
DROPOUT_LIMIT = 3000
HALF_TIMESTAMP = 1 << 31
JUMP_S = 5.0  # no path is so uneven: the sender has begun to count its timestamps from elsewhere


class Reception:
    """RFC 3550 appendix A.1 (sequence), A.3 (loss) and A.8 (jitter) over one stream at a time.

    A new SSRC, or two packets in a row after a jump of the sequence beyond DROPOUT_LIMIT, start the count of expected
    packets afresh, so that a restarted sender is not taken for 60,000 lost packets, nor one late packet for a restart.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._ssrc: int | None = None
        self._base = 0
        self._highest = 0  # extended: cycles and sequence number
        self._received_of_stream = 0
        self._far_next: int | None = None  # what follows a packet from far away, should the sender have restarted
        self._lost_before = 0
        self._transit: float | None = None
        self._last_timestamp = 0
        self._last_at_mono_s = 0.0
        self._told_expected = 0
        self._told_received = 0
        self.packets_received = 0
        self.bytes_received = 0  # payload, as W3C's inbound-rtp
        self.jitter_s: float | None = None
        self.last_mono_s: float | None = None

    @property
    def packets_lost(self) -> int:
        """Expected but not received, so far; duplicates make it smaller, never negative."""
        return self._lost_before + self._lost_of_stream()

    @property
    def ssrc(self) -> int | None:
        """Of the stream that is being received; None before the first packet."""
        return self._ssrc

    def packet(
        self, ssrc: int, sequence: int, timestamp: int, at_mono_s: float, *, size: int = 0, spaced: bool = True
    ) -> None:
        """Count one packet that arrived at `at_mono_s` with `size` bytes of payload.

        spaced: its timestamp tells when it was made; that of a telephone-event packet does not (RFC 4733).
        """
        in_order = self._in_order(ssrc, sequence)
        self.packets_received += 1
        self.bytes_received += size
        if in_order and spaced:
            self._spacing(timestamp, at_mono_s)
        self.last_mono_s = at_mono_s

    def _in_order(self, ssrc: int, sequence: int) -> bool:
        """Count the packet by its number; whether it comes after all before it."""
        if ssrc != self._ssrc:
            self._begin(ssrc, sequence)
            return True
        step = (sequence - self._highest) & 0xFFFF
        far = DROPOUT_LIMIT <= step <= 0x10000 - MISORDER_LIMIT
        if far and sequence == self._far_next:  # as the one before it: the sender began afresh there
            self._begin(ssrc, sequence - 1)
            step, far = 1, False
        self._far_next = (sequence + 1) & 0xFFFF if far else None
        self._received_of_stream += not far
        in_order = 0 < step < DROPOUT_LIMIT
        self._highest += step if in_order else 0
        return in_order

    def _begin(self, ssrc: int, sequence: int) -> None:
        self._lost_before += self._lost_of_stream()
        self._ssrc = ssrc
        self._base = self._highest = sequence
        self._received_of_stream = 1
        self._far_next = None
        self._told_expected = self._told_received = 0
        self._transit = None

    def report(self, lsr: int, dlsr: int) -> ReportBlock | None:
        """What a report of now says about the stream (RFC 3550 section 6.4.1); None before the first packet.

        Its fraction lost is that since the last report.
        """
        if self._ssrc is None:
            return None
        expected, received = self._expected(), self._received_of_stream
        lost = expected - received
        expected_since, lost_since = expected - self._told_expected, lost - self._told_expected + self._told_received
        self._told_expected, self._told_received = expected, received
        fraction = (lost_since << 8) // expected_since if expected_since > 0 and lost_since > 0 else 0
        jitter = int((self.jitter_s or 0.0) * self._clock_rate)
        return ReportBlock(
            self._ssrc, min(fraction, 255), lost, self._highest & 0xFFFFFFFF, min(jitter, 0xFFFFFFFF), lsr, dlsr
        )

    def ended(self, ssrc: int) -> None:
        """The other side said goodbye to a stream; should it come again, its pause was no jitter."""
        if ssrc == self._ssrc:
            self._transit = None

    def _expected(self) -> int:
        return self._highest - self._base + 1 if self._ssrc is not None else 0

    def _lost_of_stream(self) -> int:
        return max(0, self._expected() - self._received_of_stream)

    def _spacing(self, timestamp: int, at_mono_s: float) -> None:
        """Interarrival jitter in seconds: how unlike the spacing on arrival is to the spacing at the sender."""
        if self._transit is None:
            self._transit = 0.0
            self.jitter_s = self.jitter_s or 0.0
        else:
            sent_s = _signed(timestamp - self._last_timestamp) / self._clock_rate
            difference_s = abs(at_mono_s - self._last_at_mono_s - sent_s)
            if difference_s < JUMP_S:
                self.jitter_s = (self.jitter_s or 0.0) + (difference_s - (self.jitter_s or 0.0)) / 16
        self._last_timestamp = timestamp
        self._last_at_mono_s = at_mono_s


def _signed(difference: int) -> int:
    """A difference of 32-bit RTP timestamps that may have wrapped."""
    return (difference + HALF_TIMESTAMP) % (1 << 32) - HALF_TIMESTAMP


@dataclass(frozen=True, slots=True)
class Interval:
    """What arrived between two readings of the counters."""

    packets_received: int
    loss_ratio: float | None  # None when nothing was expected


def interval(received_before: int, lost_before: int, received: int, lost: int) -> Interval:
    """The interval between two readings; a late packet that makes `lost` shrink counts as no loss."""
    arrived = received - received_before
    missing = max(0, lost - lost_before)
    expected = arrived + missing
    return Interval(arrived, missing / expected if expected else None)
