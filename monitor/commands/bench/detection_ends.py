"""A process of the detection bench: media peers (near or far ends) that can be cut, and tell what they noticed.

It takes JSON commands, one a line, on stdin and answers each with one line; it ends with its stdin.
"""

from __future__ import annotations

import asyncio
from typing import Any

from monitor.commands.bench.child import described, obeyed
from monitor.facts.clock import SystemClock
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent

NOTICED = ("lost", "disconnected", "ended")


class CutEnds:
    """Groups of peers by name; each peer with the events that say its call is in trouble."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._groups: dict[str, list[tuple[Peer, list[PeerEvent]]]] = {}

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one command; its answer, ready for JSON. Times are monotonic seconds, which all processes share."""
        members = self._groups.setdefault(command["group"], [])
        match command["do"]:
            case "offer":
                return {"descriptions": [described(await self._peer(members).offer()) for _ in range(command["count"])]}
            case "answer":
                return {"descriptions": [described(await self._peer(members).answer(sdp)) for sdp in command["offers"]]}
            case "accept":
                for (peer, _), sdp in zip(members, command["answers"], strict=True):
                    described(await peer.accept_answer(sdp) or "")
            case "talking":
                return {"talking": sum(peer.stats().packets_received > 0 for peer, _ in members)}
            case "cut":
                for peer, _ in members:
                    peer.impair(lambda datagram: None)
                return {"at_mono_s": self._clock.mono_s()}
            case "noticed":
                return {"noticed": [_first(events) for _, events in members]}
        return {}

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(peer.close() for members in self._groups.values() for peer, _ in members))

    def _peer(self, members: list[tuple[Peer, list[PeerEvent]]]) -> Peer:
        events: list[PeerEvent] = []
        peer = Peer(ice_servers=(), on_event=events.append, clock=self._clock)
        members.append((peer, events))
        return peer


def _first(events: list[PeerEvent]) -> dict[str, Any] | None:
    """The first trouble, None while there is none."""
    for event in events:
        if event.kind in NOTICED:
            return {"at_mono_s": event.at_mono_s, "layer": event.layer or "", "reason": event.reason or event.kind}
    return None


if __name__ == "__main__":
    obeyed(CutEnds)
