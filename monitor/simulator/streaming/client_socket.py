"""One client's WebSocket: answers in order and each in its turn, bounded both ways, and faults of the wire."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CTRL_OPCODES
from websockets.frames import Frame as WireFrame
from websockets.protocol import Event, State

from monitor.simulator.platform import Platform

MAX_PENDING_FRAMES = 512
MAX_PENDING_CHARS = 2_000_000
READ_AHEAD = 64  # answers a client may be owed before its next frame is read
READ_BYTES = 4096  # at a time: a read full of tiny frames must not hold up the other clients
SEND_TIMEOUT_S = 10.0  # a client that takes nothing for so long is not reading
PART_S = 3.0  # for the closing handshake, its TCP connection included
FRAMES_PER_S, FRAME_BURST = 100.0, 200.0  # the real client never exceeds 45 in a second
FRAME_CHARS = 2048  # a frame counts as one more for each so many: a few of the largest cost as much as many small ones

log = logging.getLogger(__name__)


class SimulatedConnection(ServerConnection):
    """A WebSocket connection whose wire can go dead (`swallowing`) or be reset."""

    swallowing = False
    refuses: Callable[[], bool] = staticmethod(lambda: False)  # whether nobody is let in at the moment
    user_id = ""  # whose softphone it is, once that is known
    heard_s = 0.0  # of the loop's time: when bytes last came from the client
    _control_frames: Shaper | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers leave at once: a measured client must not wait for Nagle's algorithm."""
        super().connection_made(transport)
        self.heard_s = self.loop.time()
        wire = transport.get_extra_info("socket")
        if wire is not None and wire.family in (socket.AF_INET, socket.AF_INET6):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(transport, "max_size"):  # asyncio's own way to say how much to read at a time; 256 KiB else
            transport.max_size = READ_BYTES
        if self.refuses():
            self.reset()

    @property
    def address(self) -> str:
        """The client's IP address; empty before the TLS handshake is done, and once the transport is gone."""
        known = self.remote_address if hasattr(self, "transport") else None
        return str((known or ("",))[0])

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless the wire is dead: then the kernel acknowledges them and nobody reads them."""
        self.heard_s = self.loop.time()
        if not self.swallowing:
            super().data_received(data)

    def send_data(self) -> None:
        """Let bytes out, unless the wire is dead."""
        if self.swallowing:
            self.protocol.data_to_send()
        else:
            super().send_data()

    def process_event(self, event: Event) -> None:
        """Take one frame in. Control frames reach no reader that could slow them: a flood of them is cut off."""
        if isinstance(event, WireFrame) and event.opcode in CTRL_OPCODES:
            now_s = self.loop.time()
            self._control_frames = self._control_frames or Shaper(now_s)
            if self._control_frames.wait_s(now_s) > 0:
                self.reset()
        super().process_event(event)

    async def part(self, code: int, reason: str) -> None:
        """The closing handshake; a reset when the client does not take part in it."""
        try:
            async with asyncio.timeout(PART_S):  # websockets itself waits for a full buffer to drain without end
                await self.close(code, reason)
        except TimeoutError:
            self.reset()

    def reset(self) -> None:
        """End the TCP connection with RST (SO_LINGER 0): no close frame, no FIN."""
        if not hasattr(self, "transport"):
            return  # still in its TLS handshake, where asyncio keeps the transport to itself
        wire = self.transport.get_extra_info("socket")
        if wire is not None and wire.fileno() >= 0:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


@dataclass(frozen=True, slots=True)
class Frame:
    """What a client is to get, no earlier than due_mono_s. A text, or the end of the connection."""

    due_mono_s: float
    text: str
    close_code: int | None = None


class Outbox:
    """The frames one client is still to get, in order. A client that leaves too many untaken loses its connection."""

    def __init__(self, connection: SimulatedConnection, platform: Platform) -> None:
        self._connection = connection
        self._platform = platform
        self._frames: deque[Frame] = deque()
        self._chars = 0
        self._changed = asyncio.Event()
        self._closing = False

    def put(self, text: str, work: str) -> None:
        """Queue one frame; it leaves after the World's turn for `work`, computed now."""
        delay_s = self._platform.signalling_delay_s(work)
        self._add(Frame(self._platform.clock.mono_s() + delay_s, text))

    def finish(self, code: int, reason: str) -> None:
        """Close the connection once everything before has been sent; nothing is taken afterwards."""
        self._add(Frame(self._platform.clock.mono_s(), reason, code))
        self._closing = True

    def abandon(self) -> None:
        """The client has gone: forget what it was owed, and let nobody wait for it to be sent."""
        self._closing = True
        self._frames.clear()
        self._changed.set()

    async def room(self) -> None:
        """Wait until the client is owed few enough frames for its next one to be read, or has gone."""
        while len(self._frames) >= READ_AHEAD:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Send until the connection ends."""
        try:
            while True:
                frame = await self._next()
                if frame.close_code is not None:
                    await self._connection.part(frame.close_code, frame.text)
                    return
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._connection.send(frame.text)
        except TimeoutError:
            log.info("a client does not read; its connection is cut")
            self._connection.reset()
        except ConnectionClosed:
            return

    def _add(self, frame: Frame) -> None:
        if self._closing:
            return
        self._frames.append(frame)
        self._chars += len(frame.text)
        self._changed.set()
        if len(self._frames) > MAX_PENDING_FRAMES or self._chars > MAX_PENDING_CHARS:
            log.info("a client is owed more than it may be; its connection is cut")
            self._closing = True
            self._connection.reset()

    async def _next(self) -> Frame:
        while not self._frames:
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames[0]
        await asyncio.sleep(frame.due_mono_s - self._platform.clock.mono_s())
        if not self._frames:  # abandoned meanwhile
            return frame
        self._frames.popleft()
        self._chars -= len(frame.text)
        self._changed.set()
        return frame


class Shaper:
    """A token bucket on what one client sends: a flood is read slowly, and so reaches nobody else. Pure."""

    def __init__(self, now_s: float, rate: float = FRAMES_PER_S, burst: float = FRAME_BURST) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at_s = burst, now_s

    def wait_s(self, now_s: float, cost: float = 1.0) -> float:
        """Account for one frame that weighs as much as `cost` small ones; how long to wait before handling it."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate) - cost
        self._at_s = now_s
        return max(0.0, -self._tokens / self._rate)


def frame_cost(message: str | bytes) -> float:
    """What a frame weighs: 1, and 1 more for each FRAME_CHARS."""
    return 1.0 + len(message) / FRAME_CHARS


class Frames(Protocol):
    """What a kind of channel does with its client's frames and with time."""

    def receive(self, message: str | bytes) -> None:
        """Take one frame. Must not raise on anything a client can send."""
        ...

    def tick(self, now_s: float) -> float:
        """Do what is due at `now_s` (monotonic); seconds after which to be asked again."""
        ...


async def serve_frames(connection: SimulatedConnection, platform: Platform, outbox: Outbox, frames: Frames) -> None:
    """Run one connection until it ends: read, send, and tick, none of them waiting for another."""
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(outbox.run()),
            group.create_task(_tick(connection, platform, frames.tick)),
            group.create_task(_abandon_when_closed(connection, outbox)),
        ]
        await _read(connection, platform, outbox, frames)
        for helper in helpers:
            helper.cancel()


async def _read(connection: SimulatedConnection, platform: Platform, outbox: Outbox, frames: Frames) -> None:
    shaper = Shaper(platform.clock.mono_s())
    try:
        async for message in connection:
            wait_s = shaper.wait_s(platform.clock.mono_s(), frame_cost(message))
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                if connection.state is not State.OPEN:
                    return  # a flood's rest is not worth reading to its end
            await outbox.room()
            frames.receive(message)
    except WebSocketException:
        return  # closed with an error code, or by a frame that breaks the protocol


async def _abandon_when_closed(connection: SimulatedConnection, outbox: Outbox) -> None:
    await connection.wait_closed()
    outbox.abandon()


async def _tick(connection: SimulatedConnection, platform: Platform, tick: Callable[[float], float]) -> None:
    while True:
        wait_s = 1.0 if connection.swallowing else tick(platform.clock.mono_s())
        await asyncio.sleep(wait_s)
