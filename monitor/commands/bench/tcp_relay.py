"""A TCP relay that can become a black hole: what comes is then not even acknowledged, as on a path that is cut.

A filter on the sockets of the near side drops every segment before TCP sees it; no right is needed for that (Linux).
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
from typing import Any

_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # asm-generic/socket.h
_DROP_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0)  # struct sock_filter: BPF_RET | BPF_K, keep 0 bytes
_LINGER_NONE = struct.pack("ii", 1, 0)  # struct linger: a close is a reset


class TcpRelay:
    """Passes every connection on to `far`, bytes, ends and resets alike, until it is cut."""

    def __init__(self, far: tuple[str, int]) -> None:
        self._far = far
        self._server: asyncio.Server | None = None
        self._pairs: list[tuple[_End, _End]] = []  # near side, far side
        self._is_cut = False

    async def start(self) -> int:
        """Listen on a free loopback port; which one."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _NearEnd(self), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def connect(self, near: _End) -> None:
        """Open the far side of a connection that was accepted."""
        _, far = await asyncio.get_running_loop().create_connection(_End, *self._far)
        near.join(far)
        self._pairs.append((near, far))
        if self._is_cut:
            _part(near, far)

    def cut(self) -> None:
        """From now on the near side's segments are dropped unacknowledged, and nothing goes back to it."""
        self._is_cut = True
        for near, far in self._open():
            _part(near, far)

    def mend(self) -> None:
        """Undo the cut: TCP repeats what was lost."""
        self._is_cut = False
        for near, far in self._open():
            near.drop_none()
            far.resume()

    async def close(self) -> None:
        """End every connection, and listen no more."""
        if self._server is not None:
            self._server.close()
        for near, far in self._open():
            near.reset()
            far.reset()

    def _open(self) -> list[tuple[_End, _End]]:
        self._pairs = [(near, far) for near, far in self._pairs if near.is_open and far.is_open]
        return self._pairs


class _End(asyncio.Protocol):
    """One side of a relayed connection; what comes before the other side is there is kept for it."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._other: _End | None = None
        self._early = bytearray()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def join(self, other: _End) -> None:
        self._other, other._other = other, self
        other.write(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early += data
        else:
            self._other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None and self._other.is_open:
            if exc is None:
                self._other._transport.close()
            else:
                self._other.reset()

    def write(self, data: bytes) -> None:
        if self.is_open:
            self._transport.write(data)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._transport.abort()

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def drop_all(self) -> None:
        code = ctypes.create_string_buffer(_DROP_ALL)
        program = struct.pack("@HP", 1, ctypes.addressof(code))  # struct sock_fprog; the kernel copies it
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)

    def drop_none(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)

    @property
    def _socket(self) -> Any:
        return self._transport.get_extra_info("socket")


def _part(near: _End, far: _End) -> None:
    far.pause()
    near.drop_all()


class _NearEnd(_End):
    """An accepted connection."""

    def __init__(self, relay: TcpRelay) -> None:
        super().__init__()
        self._relay = relay
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = asyncio.get_running_loop().create_task(self._open_far())

    async def _open_far(self) -> None:
        try:
            await self._relay.connect(self)
        except OSError:
            self.reset()
