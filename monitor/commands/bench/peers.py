"""A process that holds one end of many simulated calls, with the monitor's own media peers.

`python -m monitor.commands.bench.peers` takes JSON commands, one a line, on stdin and ends with it: offer, answer,
accept, up, begin, told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from monitor.commands.bench.child import Usage, described, obeyed
from monitor.facts.clock import SystemClock
from monitor.media.peer import Peer
from monitor.media.peer_events import MediaStats, PeerEvent, PeerEventKind, PeerOptions

Media = Literal["talk", "dtx", "idle"]
LOOK_S = 0.01
COUNTED = ("packets_received", "packets_lost", "packets_sent", "slots_skipped", "socket_drops")


class Ends:
    """The peers of this process, by number."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._usage = Usage(self._clock)
        self._peers: list[Peer] = []
        self._connected: set[int] = set()
        self._lost = 0
        self._begun: dict[str, int] = {}

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer."""
        match command["do"]:
            case "offer":
                peers = [self._peer(command["media"]) for _ in range(command["count"])]
                sdps = await asyncio.gather(*(self._peers[number].offer() for number in peers))
                return {"peers": peers, "descriptions": [described(sdp) for sdp in sdps]}
            case "answer":
                peers = [self._peer(command["media"]) for _ in command["offers"]]
                pairs = zip(peers, command["offers"], strict=True)
                sdps = await asyncio.gather(*(self._peers[number].answer(sdp) for number, sdp in pairs))
                return {"descriptions": [described(sdp) for sdp in sdps]}
            case "accept":
                for number, sdp in zip(command["peers"], command["answers"], strict=True):
                    described(await self._peers[number].accept_answer(sdp) or "")
            case "up":
                return {"up": await self._up(command["count"], command["limit_s"], command["media"])}
            case "begin":
                self._begun, self._lost = self._counted(), 0
                self._usage.begin()
            case "told":
                now = self._counted()
                grown = {name: count - self._begun.get(name, 0) for name, count in now.items()}
                return {**self._usage.told(), **grown, "losses": self._lost, "peers": len(self._peers)}
        return {}

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(peer.close() for peer in self._peers))

    def _peer(self, media: Media) -> int:
        number = len(self._peers)
        options = PeerOptions(media=media)
        self._peers.append(
            Peer(ice_servers=(), on_event=lambda event: self._heard(number, event), clock=self._clock, options=options)
        )
        return number

    def _heard(self, number: int, event: PeerEvent) -> None:
        if event.kind is PeerEventKind.DTLS_CONNECTED:
            self._connected.add(number)
        elif event.kind is PeerEventKind.LOST:
            self._lost += 1

    async def _up(self, count: int, limit_s: float, media: Media) -> int:
        """How many are connected and, where they talk, hear sound: once that is all, or after the limit."""
        until_s = self._clock.mono_s() + limit_s
        while (up := self._ready(media)) < count and self._clock.mono_s() < until_s:  # noqa: ASYNC110 - many peers
            await asyncio.sleep(LOOK_S)
        return up

    def _ready(self, media: Media) -> int:
        if media == "idle":
            return len(self._connected)
        return sum(self._peers[number].stats().packets_received > 0 for number in self._connected)

    def _counted(self) -> dict[str, int]:
        stats: list[MediaStats] = [peer.stats() for peer in self._peers]
        return {name: sum(getattr(one, name) for one in stats) for name in COUNTED}


if __name__ == "__main__":
    obeyed(Ends)
