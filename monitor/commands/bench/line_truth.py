"""What a delay line really did, packet by packet: the known truth that the monitor's figures are held against. Pure."""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

RTCP_TYPES = range(192, 224)  # RFC 5761 section 4: what is no RTP payload type on a shared port
STUN_REQUEST, STUN_SUCCESS = 0x0001, 0x0101  # RFC 8489 section 5, method Binding
RTP_CLOCK = 48_000
WS_PING, WS_PONG = 9, 10  # RFC 6455 section 11.8

Moment = tuple[float, float]  # monotonic seconds, and what was true from then on (seconds)


@dataclass(frozen=True, slots=True)
class Delays:
    """How long packets of one direction were really held, in seconds."""

    packets: int
    lost: int
    mean_s: float | None
    p99_s: float | None
    max_s: float | None


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of at least one value."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def delays(held_s: Sequence[float], lost: int) -> Delays:
    """Sum up a direction's packets."""
    if not held_s:
        return Delays(0, lost, None, None, None)
    return Delays(len(held_s), lost, sum(held_s) / len(held_s), quantile(held_s, 0.99), max(held_s))


class FlowTruth:
    """One call through the line, as it looks from its near end: the round trips and the jitter it ought to measure.

    A packet is told when it has left the line, with its times of arrival and of leaving (monotonic seconds). A round
    trip runs from the request's arrival to the answer's leaving, so that the far end's own slowness is in it.
    """

    def __init__(self) -> None:
        self.forth_s: list[float] = []
        self.back_s: list[float] = []
        self.stun: list[Moment] = []
        self.rtcp: list[Moment] = []
        self.jitter: list[Moment] = []
        self.ping: list[Moment] = []
        self._requests: dict[bytes, float] = {}
        self._reports: list[tuple[float, float]] = []  # of the near end: left, held
        self._pinged_mono_s: float | None = None
        self._last_rtp: tuple[int, float] | None = None
        self._jitter_s = 0.0

    def forth(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        """A packet went from the near end to the far one."""
        self.forth_s.append(left_mono_s - arrived_mono_s)
        kind = packet_kind(data)
        if kind == "stun" and _stun_type(data) == STUN_REQUEST:
            self._requests.setdefault(data[8:20], arrived_mono_s)
        elif kind == "rtcp":
            self._reports.append((left_mono_s, left_mono_s - arrived_mono_s))

    def back(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        """A packet went from the far end to the near one."""
        self.back_s.append(left_mono_s - arrived_mono_s)
        kind = packet_kind(data)
        if kind == "stun" and _stun_type(data) == STUN_SUCCESS:
            asked_mono_s = self._requests.pop(data[8:20], None)
            if asked_mono_s is not None:
                self.stun.append((left_mono_s, left_mono_s - asked_mono_s))
        elif kind == "rtcp":
            self._report(arrived_mono_s, left_mono_s)
        elif kind == "rtp":
            self._rtp(struct.unpack_from("!I", data, 4)[0], left_mono_s)

    def forth_stream(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        """Bytes of a WebSocket went from the near end to the far one."""
        self.forth_s.append(left_mono_s - arrived_mono_s)
        if data and data[0] & 0x0F == WS_PING:
            self._pinged_mono_s = arrived_mono_s

    def back_stream(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        """Bytes of a WebSocket went from the far end to the near one."""
        self.back_s.append(left_mono_s - arrived_mono_s)
        if data and data[0] & 0x0F == WS_PONG and self._pinged_mono_s is not None:
            self.ping.append((left_mono_s, left_mono_s - self._pinged_mono_s))
            self._pinged_mono_s = None

    def _report(self, arrived_mono_s: float, left_mono_s: float) -> None:
        """RFC 3550 section 6.4.1: the far end subtracts what it held the last report that had reached it."""
        before = bisect_right(self._reports, (arrived_mono_s, 0.0)) - 1
        if before >= 0:
            self.rtcp.append((left_mono_s, self._reports[before][1] + left_mono_s - arrived_mono_s))

    def _rtp(self, timestamp: int, left_mono_s: float) -> None:
        """RFC 3550 appendix A.8, written here once more so that it can contradict monitor/media."""
        if self._last_rtp is not None:
            step = (timestamp - self._last_rtp[0] + (1 << 31)) % (1 << 32) - (1 << 31)
            unlike_s = abs(left_mono_s - self._last_rtp[1] - step / RTP_CLOCK)
            self._jitter_s += (unlike_s - self._jitter_s) / 16
        self._last_rtp = (timestamp, left_mono_s)
        self.jitter.append((left_mono_s, self._jitter_s))


def true_at(moments: Sequence[Moment], mono_s: float) -> float | None:
    """What was true at that moment; None before the first."""
    at = bisect_right(moments, mono_s, key=lambda moment: moment[0]) - 1
    return moments[at][1] if at >= 0 else None


def nearest(moments: Sequence[Moment], mono_s: float, within_s: float) -> float | None:
    """What became true nearest to that moment; None where nothing did `within_s` of it."""
    at = bisect_right(moments, mono_s, key=lambda moment: moment[0])
    known = [(abs(moment_s - mono_s), value_s) for moment_s, value_s in moments[max(0, at - 1) : at + 1]]
    away_s, value_s = min(known, default=(math.inf, 0.0))
    return value_s if away_s <= within_s else None


def packet_kind(data: bytes) -> str:
    """`stun`, `dtls`, `rtp`, `rtcp` or `` by the first bytes (RFC 7983 section 7, RFC 5761 section 4)."""
    if len(data) < 12:
        return ""
    if data[0] <= 3:
        return "stun" if len(data) >= 20 else ""
    if 20 <= data[0] <= 63:
        return "dtls"
    if 128 <= data[0] <= 191:
        return "rtcp" if data[1] in RTCP_TYPES else "rtp"
    return ""


def _stun_type(data: bytes) -> int:
    return int(struct.unpack_from("!H", data)[0])
