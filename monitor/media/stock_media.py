"""The fallback for sound: aiortc's own sender and receiver, when a name is missing that our own media needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import av
from aiortc import MediaStreamTrack

from monitor.facts.clock import Clock
from monitor.media.opus_sample import PACKET_S, SAMPLE_RATE, SAMPLES_PER_PACKET, TIME_BASE, opus_packets
from monitor.media.pacing import Grid, slots_of
from monitor.media.private_names import before_rtp, stop_decoder
from monitor.media.reception import Reception


class SampleTrack(MediaStreamTrack):
    """Plays ready-made Opus packets, one every 20 ms."""

    kind = "audio"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._packets = opus_packets()
        self._grid: Grid | None = None
        self.packets = self.bytes = self.skipped = 0

    async def recv(self) -> av.Packet[Any]:
        """The packet of the next slot, when its time has come."""
        if self._grid is None:
            self._grid = Grid(self._clock.mono_s(), PACKET_S)
        due: range = range(0)
        while not due:
            serve, skip = self._grid.take(self._clock.mono_s())
            self.skipped += len(slots_of(skip, 0))
            due = slots_of(serve, 0)
            if not due:
                await asyncio.sleep(max(0.0, self._grid.next_mono_s - self._clock.mono_s()))
        packet: av.Packet[Any] = av.Packet(self._packets[due[0] % len(self._packets)])
        packet.pts = due[0] * SAMPLES_PER_PACKET
        packet.time_base = TIME_BASE
        self.packets += 1
        self.bytes += packet.size
        return packet


class StockMedia:
    """The sound of one call; the same face as LeanMedia, at several times the price and without its own RTCP."""

    codec = None

    def __init__(self, clock: Clock, on_rtp: Callable[[float], None]) -> None:
        self._clock = clock
        self._on_rtp = on_rtp
        self._track = SampleTrack(clock)
        self._decoding = True
        self.reception = Reception(SAMPLE_RATE)
        self.rtt_s: float | None = None  # aiortc smooths its estimate and takes it by the wall clock: not told
        self.rtt_mono_s: float | None = None

    @property
    def packets_sent(self) -> int:
        """Packets sent."""
        return self._track.packets

    @property
    def bytes_sent(self) -> int:
        """Bytes of payload sent."""
        return self._track.bytes

    @property
    def slots_skipped(self) -> int:
        """Slots that our own loop missed."""
        return self._track.skipped

    def attach(self, transceiver: Any, _connection: Any) -> None:
        """Give aiortc the sound to send, and look at what it receives."""
        transceiver.sender.replaceTrack(self._track)
        receiver = transceiver.receiver
        before_rtp(receiver, lambda packet: self._rtp(receiver, packet))

    def stop(self) -> None:
        """aiortc stops by itself."""

    def _rtp(self, receiver: Any, packet: Any) -> None:
        now = self._clock.mono_s()
        self.reception.packet(packet.ssrc, packet.sequence_number, packet.timestamp, now, size=len(packet.payload))
        self._on_rtp(now)
        if self._decoding:
            self._decoding = False
            stop_decoder(receiver)  # nobody listens; unread frames would pile up without end
