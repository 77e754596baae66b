"""Datagrams of one ICE socket held back or lost on purpose: what a simulated path does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Impaired:
    """A datagram transport that asks `fate` before it sends; all else is the inner transport's."""

    def __init__(self, inner: Any, fate: Callable[[bytes], float | None]) -> None:
        self.inner = inner
        self._fate = fate

    def sendto(self, data: bytes, addr: Any = None) -> None:
        """Send, hold back or lose."""
        delay_s = self._fate(data)
        if delay_s is not None and delay_s <= 0:
            self.inner.sendto(data, addr)
        elif delay_s is not None:
            asyncio.get_running_loop().call_later(delay_s, self._send_if_open, data, addr)

    def _send_if_open(self, data: bytes, addr: Any) -> None:
        if not self.inner.is_closing():
            self.inner.sendto(data, addr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def impair(protocol: Any, fate: Callable[[bytes], float | None]) -> None:
    """Ask `fate` about every datagram that one ICE socket is to send: seconds to hold it back, None to lose it."""
    inner = protocol.transport.inner if isinstance(protocol.transport, Impaired) else protocol.transport
    protocol.transport = Impaired(inner, fate)


def fall_silent(protocol: Any) -> None:
    """Let one ICE socket neither hear nor say anything more; it stays open, so that not even ICMP tells of it."""
    protocol.datagram_received = lambda data, addr: None
    impair(protocol, lambda data: None)
