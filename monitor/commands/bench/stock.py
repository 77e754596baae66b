"""A process that holds one end of many simulated calls with aiortc as it comes: Opus encoded and decoded for each.

`python -m monitor.commands.bench.stock` obeys the commands of `peers`. Nothing of the monitor's media is in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack

from monitor.commands.bench.child import Usage, obeyed

LOOK_S = 0.02


class StockEnds:
    """The connections of this process, by number."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._peers: list[RTCPeerConnection] = []
        self._sinks: list[MediaBlackhole] = []
        self._begun: dict[str, int] = {}

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer."""
        match command["do"]:
            case "offer":
                first = len(self._peers)
                descriptions = [await self._offer() for _ in range(command["count"])]
                return {"peers": list(range(first, len(self._peers))), "descriptions": descriptions}
            case "answer":
                return {"descriptions": [await self._answer(sdp) for sdp in command["offers"]]}
            case "accept":
                for number, sdp in zip(command["peers"], command["answers"], strict=True):
                    await self._peers[number].setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            case "up":
                return {"up": await self._up(command["count"], command["limit_s"])}
            case "begin":
                self._begun = await self._counted()
                self._usage.begin()
            case "told":
                told = self._usage.told()  # before the statistics, whose reading costs something, too
                now = await self._counted()
                grown = {name: count - self._begun.get(name, 0) for name, count in now.items()}
                return {**told, **grown, "peers": len(self._peers)}
        return {}

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(pc.close() for pc in self._peers))

    def _opened(self) -> RTCPeerConnection:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        pc.addTrack(AudioStreamTrack())
        sink = MediaBlackhole()
        self._sinks.append(sink)

        async def consume(track: Any) -> None:
            sink.addTrack(track)
            await sink.start()

        pc.on("track", consume)
        self._peers.append(pc)
        return pc

    async def _offer(self) -> str:
        pc = self._opened()
        await pc.setLocalDescription(await pc.createOffer())
        return str(pc.localDescription.sdp)

    async def _answer(self, offer: str) -> str:
        pc = self._opened()
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        return str(pc.localDescription.sdp)

    async def _up(self, count: int, limit_s: float) -> int:
        async def up() -> int:
            return sum(pc.connectionState == "connected" for pc in self._peers)

        loop = asyncio.get_running_loop()
        until_s = loop.time() + limit_s
        while await up() < count and loop.time() < until_s:  # noqa: ASYNC110 - aiortc's own states
            await asyncio.sleep(LOOK_S)
        return await up()

    async def _counted(self) -> dict[str, int]:
        reports = [one for pc in self._peers for one in (await pc.getStats()).values()]
        return {
            "packets_received": sum(one.packetsReceived for one in reports if one.type == "inbound-rtp"),
            "packets_sent": sum(one.packetsSent for one in reports if one.type == "outbound-rtp"),
        }


if __name__ == "__main__":
    obeyed(StockEnds)
