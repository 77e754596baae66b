"""When a datagram reached this machine, on the monotonic clock: by the kernel's stamp, so own lag does not count."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable

from monitor.facts.clock import Clock

SO_TIMESTAMPNS = 35  # Linux; Python 3.11's socket module names neither of the two
SO_RXQ_OVFL = 40
OWN_LAG_LIMIT_S = 10.0  # a stamp further back than this means that the wall clock was stepped
DOUBT_S = 0.1  # for so long after a step, what was stamped before it may still be read
STEP_S = 0.002  # the two clocks moved apart by this much, beyond SLEW of the time between: the wall clock was stepped
SLEW = 0.001  # twice what adjtime allows
APART_S = 50e-6  # two readings in a row are about 0.2 us apart
READINGS = 3
KERNEL_STAMPS = sys.platform == "linux"

_TIMESPEC = struct.Struct("@ll")
_COUNTER = struct.Struct("@I")
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNTER.size)


def ask_for_stamps(sock: socket.socket) -> bool:
    """Have the kernel stamp and count what `sock` receives; False where the system has no such thing."""
    if not KERNEL_STAMPS:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    except OSError:  # a kernel without them, such as some sandboxes
        return False
    return True


class Arrivals:
    """The arrival times of one socket: `wake()` before reading what is there, then `mono_s()` for each datagram."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now_mono_s = 0.0  # of the last wake
        self._to_mono_s: float | None = None  # add it to the wall clock to get the monotonic one
        self._trusted = False
        self._doubt_until_mono_s = 0.0
        self.socket_drops = 0  # datagrams that found the socket's buffer full (SO_RXQ_OVFL), since it was opened

    def wake(self) -> None:
        """Read both clocks: stamps are wall time, and the wall clock may have been stepped since the last reading."""
        before_mono_s, before = self.now_mono_s, self._to_mono_s
        now_mono_s, wall_s = self._both_clocks()
        self.now_mono_s, self._to_mono_s = now_mono_s, now_mono_s - wall_s
        slack_s = STEP_S + SLEW * (now_mono_s - before_mono_s)
        if before is not None and abs(self._to_mono_s - before) >= slack_s:
            self._doubt_until_mono_s = now_mono_s + DOUBT_S
        self._trusted = now_mono_s >= self._doubt_until_mono_s

    def _both_clocks(self) -> tuple[float, float]:
        """Monotonic and wall seconds of one moment: read again when we lost the processor between the two."""
        for _ in range(READINGS):
            before_mono_s, wall_s, mono_s = self._clock.mono_s(), self._clock.wall_s(), self._clock.mono_s()
            if mono_s - before_mono_s < APART_S:
                break
        return (before_mono_s + mono_s) / 2, wall_s

    def mono_s(self, ancillary: Iterable[tuple[int, int, bytes]]) -> float:
        """When the datagram with this ancillary data arrived; the time of waking where no stamp can be trusted."""
        at_mono_s = self.now_mono_s
        for level, kind, value in ancillary:
            if level != socket.SOL_SOCKET:
                continue
            if kind == SO_TIMESTAMPNS and self._trusted and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                at_mono_s = self._on_mono(seconds + nanoseconds * 1e-9)
            elif kind == SO_RXQ_OVFL and len(value) == _COUNTER.size:
                self.socket_drops = _COUNTER.unpack(value)[0]
        return at_mono_s

    def _on_mono(self, stamp_wall_s: float) -> float:
        assert self._to_mono_s is not None
        at_mono_s = stamp_wall_s + self._to_mono_s
        # later than the time of waking is what came while others were read; no more than that much
        return at_mono_s if -OWN_LAG_LIMIT_S <= at_mono_s - self.now_mono_s <= STEP_S * 5 else self.now_mono_s
