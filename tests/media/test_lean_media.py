"""Our media path against stock aiortc's: it hears us, and both count the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiortc.rtcrtpreceiver
import pytest
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket

from monitor.facts.clock import SystemClock
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent
from monitor.media.reception import Reception


async def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - conditions are about several objects
            await asyncio.sleep(0.02)


class Stock:
    """A stock aiortc peer that speaks and listens."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sender = self.pc.addTrack(AudioStreamTrack())
        self.heard = 0
        self.loudest = 0
        self._listening: asyncio.Task[None] | None = None

    def listen(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        track = self.pc.getReceivers()[0].track
        while True:
            frame = await track.recv()
            self.heard += 1
            self.loudest = max(self.loudest, int(abs(frame.to_ndarray()).max()))  # type: ignore[attr-defined]

    async def stats(self, kind: str) -> dict[str, object]:
        return next((vars(one) for one in (await self.pc.getStats()).values() if one.type == kind), {})

    async def close(self) -> None:
        await self.pc.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)


@asynccontextmanager
async def called() -> AsyncIterator[tuple[Stock, Peer, list[PeerEvent]]]:
    """A stock peer that has called one of ours."""
    events: list[PeerEvent] = []
    stock, peer = Stock(), Peer(ice_servers=(), on_event=events.append, clock=SystemClock())
    try:
        await stock.pc.setLocalDescription(await stock.pc.createOffer())
        answer = await peer.answer(stock.pc.localDescription.sdp)
        assert isinstance(answer, str)
        await stock.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        stock.listen()
        yield stock, peer, events
    finally:
        await asyncio.gather(stock.close(), peer.close())


async def test_a_stock_peer_hears_us_and_both_count_the_same() -> None:
    async with called() as (stock, peer, _):
        await until(lambda: stock.heard > 60 and peer.stats().rtt_s is not None)
        assert stock.loudest > 1000  # it is sound, not silence
        reported: dict[str, object] = {}
        while not reported.get("roundTripTime"):
            await asyncio.sleep(0.05)
            reported = await stock.stats("remote-inbound-rtp")
        stock.sender.replaceTrack(None)
        await asyncio.sleep(0.1)
        sent = await stock.stats("outbound-rtp")
        ours = peer.stats()
        assert (ours.packets_received, ours.bytes_received) == (sent["packetsSent"], sent["bytesSent"])
        assert ours.packets_lost == 0
        assert reported["packetsLost"] == 0
        assert 0 <= float(str(reported["roundTripTime"])) < 1
        assert 0 <= (ours.rtt_s or 0.0) < 1
        theirs = await stock.stats("inbound-rtp")
        assert theirs["packetsLost"] == 0
        assert 0 <= peer.stats().packets_sent - int(str(theirs["packetsReceived"])) <= 5
        told = await stock.stats("remote-outbound-rtp")
        assert 0 < int(str(told["packetsSent"])) <= peer.stats().packets_sent


async def test_hanging_up_is_said_in_rtcp_too() -> None:
    byes: list[object] = []
    async with called() as (stock, peer, _):
        await until(lambda: stock.heard > 5)
        receiver = stock.pc.getReceivers()[0]
        handle = receiver._handle_rtcp_packet

        async def look(packet: object) -> None:
            byes.append(type(packet).__name__)
            await handle(packet)  # type: ignore[arg-type]

        receiver._handle_rtcp_packet = look  # type: ignore[method-assign]
        await peer.close()
        await until(lambda: "RtcpByePacket" in byes)


@pytest.mark.parametrize("seed", range(5))
def test_reception_agrees_with_aiortc_on_any_stream(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    ours, theirs = Reception(48_000), StreamStatistics(48_000)
    now = [0.0]
    monkeypatch.setattr(aiortc.rtcrtpreceiver.time, "time", lambda: now[0])
    order = [n for n in range(600) if chance.random() > 0.1]
    for at in range(0, len(order) - 1, 7):
        order[at], order[at + 1] = order[at + 1], order[at]
    for step, number in enumerate(order):
        now[0] = 100 + number * 0.02 + chance.uniform(0, 0.01)
        sequence, timestamp = (65_400 + number) & 0xFFFF, 1000 + number * 960
        ours.packet(7, sequence, timestamp, now[0])
        theirs.add(RtpPacket(sequence_number=sequence, timestamp=timestamp, ssrc=7))
        if step % 50 == 49:
            block = ours.report(0, 0)
            assert block is not None
            assert (block.packets_lost, block.fraction_lost) == (theirs.packets_lost, theirs.fraction_lost)
            assert abs(block.jitter - theirs.jitter) <= 2  # RTP units: aiortc rounds at each packet
            assert block.highest_sequence == theirs.cycles + (theirs.max_seq or 0)
