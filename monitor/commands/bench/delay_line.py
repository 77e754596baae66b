"""A delaying proxy in a process of its own: UDP lines between two peers, and a TCP line under a WebSocket.

It takes JSON commands, one a line, on stdin and answers each with one line; it ends with its stdin.
`python -m monitor.commands.bench.delay_line '{"host": "127.0.0.1", "lines": 1, "delay_s": 0.01}'`
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from monitor.commands.bench.line_schedule import Schedule, Shape
from monitor.commands.bench.line_truth import FlowTruth, delays

SO_TIMESTAMPNS = 35  # Linux; Python 3.11's socket module does not name it
TCP_QUICKACK = 12  # Linux; elsewhere socket may not name it
TIMESPEC = struct.Struct("@ll")
PR_SET_TIMERSLACK = 29  # linux/prctl.h
STDIN = 0
READ_BYTES = 65_536
BATCH = 64
CLOCKS_APART_S = 0.000_02
SPIN_S = 0.000_2  # a sleep as short as this ends late by as much again

Address = tuple[str, int]
Told = Callable[[bytes, float, float], None]


class Direction:
    """One way of one line: packets come from one socket and leave, when their time has come, by `send`."""

    def __init__(self, shape: Shape, send: Callable[[bytes], None], told: Told) -> None:
        self._send = send
        self.told = told
        self.schedule: Schedule[bytes] = Schedule(shape)

    def release(self) -> None:
        """Send what is due, and tell when it really left: the middle of the system call."""
        for held in self.schedule.due(time.monotonic()):
            before_s = time.monotonic()
            with contextlib.suppress(OSError):  # as a network: what nobody takes is gone
                self._send(held.item)
            self.told(held.item, held.arrived_mono_s, (before_s + time.monotonic()) / 2)


class UdpLine:
    """Two sockets: `near_door` stands for the far end, `far_door` for the near end."""

    def __init__(self, host: str, forth: Shape, back: Shape) -> None:
        self.near_door, self.far_door = _udp_socket(host), _udp_socket(host)
        self.near: Address | None = None
        self.far: Address | None = None
        self.truth = FlowTruth()
        self.forth = Direction(forth, lambda data: self._send(self.far_door, data, self.far), self._forth)
        self.back = Direction(back, lambda data: self._send(self.near_door, data, self.near), self._back)

    @property
    def doors(self) -> dict[socket.socket, Direction]:
        """Which direction a socket's packets take."""
        return {self.near_door: self.forth, self.far_door: self.back}

    def _send(self, door: socket.socket, data: bytes, to: Address | None) -> None:
        if to is not None:
            door.sendto(data, to)

    def _forth(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        self.truth.forth(data, arrived_mono_s, left_mono_s)

    def _back(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        self.truth.back(data, arrived_mono_s, left_mono_s)


class TcpLine:
    """A listening socket and one connection through it at a time, on to `target`."""

    def __init__(self, host: str, target: Address, forth: Shape, back: Shape) -> None:
        self.listener = socket.create_server((host, 0))
        self._target = target
        self.truth = FlowTruth()
        self.forth = Direction(forth, lambda data: self._send(1, data), self._forth)
        self.back = Direction(back, lambda data: self._send(0, data), self._back)
        self._ends: list[socket.socket] = []

    @property
    def doors(self) -> dict[socket.socket, Direction]:
        """Which direction a socket's bytes take."""
        return dict(zip(self._ends, (self.forth, self.back), strict=False))

    def accept(self) -> None:
        """Take a new connection in place of the one before."""
        self.end()
        near, _ = self.listener.accept()
        far = socket.create_connection(self._target)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _stamped(end)
        self._ends = [near, far]

    def end(self) -> None:
        """Close both sides."""
        for end in self._ends:
            end.close()
        self._ends = []

    def _send(self, end: int, data: bytes) -> None:
        if self._ends:
            self._ends[end].setblocking(True)
            self._ends[end].sendall(data)
            self._ends[end].setblocking(False)

    def _forth(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        self.truth.forth_stream(data, arrived_mono_s, left_mono_s)

    def _back(self, data: bytes, arrived_mono_s: float, left_mono_s: float) -> None:
        self.truth.back_stream(data, arrived_mono_s, left_mono_s)


class Proxy:
    """All lines of one process, and the commands that they are given."""

    def __init__(self, wish: dict[str, Any]) -> None:
        host = wish["host"]
        self.lines = [UdpLine(host, *_shapes(wish, number)) for number in range(wish.get("lines", 0))]
        target = wish.get("tcp")
        self.tcp = TcpLine(host, (target[0], target[1]), *_shapes(wish, 0, ordered=True)) if target else None
        self._commands = b""

    def run(self) -> None:
        """Work until stdin ends."""
        self._tell({"doors": [[_port(line.near_door), _port(line.far_door)] for line in self.lines], "tcp": self._tcp})
        while True:
            doors = self._doors()
            watched: list[Any] = [STDIN, *([self.tcp.listener] if self.tcp else []), *doors]
            ready, _, _ = select.select(watched, [], [], self._wait_s())
            if STDIN in ready and not self._obey():
                return
            if self.tcp and self.tcp.listener in ready:
                self.tcp.accept()
            for door in ready:
                if door in doors:
                    self._read(door, doors[door])
            for direction in self._directions():
                direction.release()

    def _all(self) -> list[UdpLine | TcpLine]:
        return [*self.lines, *([self.tcp] if self.tcp else [])]

    def _doors(self) -> dict[socket.socket, Direction]:
        return {door: direction for line in self._all() for door, direction in line.doors.items()}

    def _directions(self) -> list[Direction]:
        return [direction for line in self._all() for direction in (line.forth, line.back)]

    def _wait_s(self) -> float | None:
        """How long nothing is due; 0 shortly before something is, to be there in time."""
        times = [at for at in (direction.schedule.next_mono_s for direction in self._directions()) if at is not None]
        if not times:
            return None
        wait_s = min(times) - time.monotonic()
        return wait_s - SPIN_S if wait_s > SPIN_S else 0.0

    def _read(self, door: socket.socket, direction: Direction) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, _, _ = door.recvmsg(READ_BYTES, socket.CMSG_SPACE(TIMESPEC.size))
            except BlockingIOError:
                return
            except OSError:  # an ICMP error for what was sent, or a reset
                data, ancillary = b"", []
            if not data:
                if self.tcp and door.type == socket.SOCK_STREAM:
                    self.tcp.end()
                return
            if door.type == socket.SOCK_STREAM:  # or the sender's TCP_INFO would show up to 40 ms of delayed ACK
                with contextlib.suppress(OSError):
                    door.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
            direction.schedule.take(data, _arrived_mono_s(ancillary))

    def _obey(self) -> bool:
        """Do what stdin says; False at its end."""
        came = os.read(STDIN, READ_BYTES)
        *whole, self._commands = (self._commands + came).split(b"\n")
        for line in whole:
            self._tell(self._done(json.loads(line)))
        return bool(came)

    def _done(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "far" | "near" as end:
                for line, address in zip(self.lines, command["addresses"], strict=True):
                    setattr(line, end, (address[0], address[1]))
            case "restart":
                for each in self._all():
                    each.truth = FlowTruth()
            case "tell":
                return {"flows": [_told(line) for line in self._all()]}
        return {}

    @property
    def _tcp(self) -> int | None:
        return _port(self.tcp.listener) if self.tcp else None

    def _tell(self, answer: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _told(line: UdpLine | TcpLine) -> dict[str, Any]:
    truth = line.truth
    return {
        "forth": dataclasses.asdict(delays(truth.forth_s, line.forth.schedule.lost)),
        "back": dataclasses.asdict(delays(truth.back_s, line.back.schedule.lost)),
        "stun": truth.stun,
        "rtcp": truth.rtcp,
        "jitter": truth.jitter,
        "ping": truth.ping,
    }


def _shapes(wish: dict[str, Any], number: int, *, ordered: bool = False) -> tuple[Shape, Shape]:
    """Both directions of a line; jitter and loss are on the way back alone, where the near end can see them."""
    delay_s, seed = wish.get("delay_s", 0.0), wish.get("seed", 0) + number
    forth = Shape(delay_s, ordered=ordered)
    return forth, Shape(delay_s, wish.get("jitter_s", 0.0), wish.get("loss", 0.0), seed, ordered)


def _arrived_mono_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """The kernel's time of arrival on the monotonic clock; now, where it tells none.

    Written here once more, on purpose: facts/clock_stamps.py is what is judged by it.
    """
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack(value)
            mono_s, wall_ns = _both_clocks()
            return mono_s - max(0, wall_ns - int(seconds * 1_000_000_000 + nanoseconds)) / 1e9
    return time.monotonic()


def _both_clocks() -> tuple[float, int]:
    """Monotonic seconds and wall nanoseconds of one moment; read again when we lost the processor in between."""
    for _ in range(5):
        before_s, wall_ns, after_s = time.monotonic(), time.time_ns(), time.monotonic()
        if after_s - before_s < CLOCKS_APART_S:
            break
    return (before_s + after_s) / 2, wall_ns


def _udp_socket(host: str) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind((host, 0))
    _stamped(door)
    return door


def _stamped(sock: socket.socket) -> None:
    sock.setblocking(False)
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def _be_punctual() -> None:
    """No garbage collection, timers that fire at once, and before others on the processor where that is allowed."""
    gc.disable()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.nice(-15)


if __name__ == "__main__":
    _be_punctual()
    Proxy(json.loads(sys.argv[1])).run()
