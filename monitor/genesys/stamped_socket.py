"""A TCP socket that knows when the kernel got what was read last: time spent waiting for us is in no round trip."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.clock_stamps import ANCILLARY_BYTES, Arrivals, ask_for_stamps


class StampedSocket(socket.socket):
    """For asyncio, which reads by `recv`, and through TLS by `recv_into`.

    arrived_mono_s: when the last segment of what was read last reached this machine, in monotonic seconds; None before
    anything was read, and where the system has no stamps.
    """

    def __init__(self, family: int, kind: int, protocol: int, clock: Clock) -> None:
        super().__init__(family, kind, protocol)
        self.arrived_mono_s: float | None = None
        self._arrivals = Arrivals(clock)
        self._stamps = ask_for_stamps(self)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As socket's."""
        if not self._stamps:
            return super().recv(bufsize, flags)
        data, ancillary, _, _ = self.recvmsg(bufsize, ANCILLARY_BYTES, flags)
        self._arrived(ancillary)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket's."""
        if not self._stamps:
            return super().recv_into(buffer, nbytes, flags)
        view = memoryview(buffer)
        size, ancillary, _, _ = self.recvmsg_into([view[:nbytes] if nbytes else view], ANCILLARY_BYTES, flags)
        self._arrived(ancillary)
        return size

    def _arrived(self, ancillary: Iterable[tuple[int, int, bytes]]) -> None:
        self._arrivals.wake()
        self.arrived_mono_s = self._arrivals.mono_s(ancillary)
