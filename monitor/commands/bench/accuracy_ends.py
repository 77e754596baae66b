"""A process of the accuracy bench: media peers (near or far ends), or the prober's WebSocket pings; it samples itself.

It takes JSON commands, one a line, on stdin and answers each with one line; it ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from monitor.commands.bench.child import described, obeyed
from monitor.facts.clock import SystemClock
from monitor.genesys.auth import StaticToken
from monitor.genesys.connection import ConnectionOptions, SoftphoneConnection
from monitor.genesys.regions import for_urls
from monitor.genesys.rest import Rest
from monitor.media import ice_connection
from monitor.media.peer import Peer
from monitor.probes.lag import LagMeter

CONSENT_INTERVAL_S = 0.25  # instead of 5 s: the same check, only more of them
LOOK_S = 0.005
PING_EVERY_S = 0.05
PING_TIMEOUT_S = 5.0
STALL_GAP_S = (0.05, 0.1)
CONNECT_LIMIT_S = 20.0


class Ends:
    """Groups of peers by name, and at most one softphone connection."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._groups: dict[str, list[Peer]] = {}
        self._lag = LagMeter(self._clock)
        self._connection: SoftphoneConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one command; its answer, ready for JSON."""
        match command["do"]:
            case "offer":
                return {"descriptions": [await self._offer(command["group"]) for _ in range(command["count"])]}
            case "answer":
                return {"descriptions": [await self._answer(command["group"], sdp) for sdp in command["offers"]]}
            case "accept":
                peers = self._groups[command["group"]]
                for peer, sdp in zip(peers, command["answers"], strict=True):
                    described(await peer.accept_answer(sdp) or "")
            case "close":
                await asyncio.gather(*(peer.close() for peer in self._groups.pop(command["group"], ())))
            case "talking":
                stats = [peer.stats() for peer in self._groups[command["group"]]]
                return {"talking": sum(one.packets_received > 0 for one in stats)}
            case "sample":
                return await self._sample(command["group"], command["seconds"], command["stall_s"])
            case "connect":
                await self._connect(command)
            case "ping":
                return await self._ping(command["seconds"], command["stall_s"])
        return {}

    async def _offer(self, group: str) -> str:
        return described(await self._peer(group).offer())

    async def _answer(self, group: str, offer: str) -> str:
        return described(await self._peer(group).answer(offer))

    def _peer(self, group: str) -> Peer:
        peer = Peer(ice_servers=(), on_event=lambda event: None, clock=self._clock)
        self._groups.setdefault(group, []).append(peer)
        return peer

    async def _sample(self, group: str, seconds: float, stall_s: float) -> dict[str, Any]:
        """Look at every peer's figures again and again, and note each change with its moment."""
        watches = [Watch(peer) for peer in self._groups[group]]
        async with self._stalled(stall_s):
            until_s = self._clock.mono_s() + seconds
            while (now := self._clock.mono_s()) < until_s:
                for watch in watches:
                    watch.look(now)
                await asyncio.sleep(LOOK_S)
        lags = sorted(self._lag.drain())
        return {"flows": [watch.told() for watch in watches], "lag_s": lags}

    @contextlib.asynccontextmanager
    async def _stalled(self, stall_s: float) -> AsyncIterator[None]:
        """Measure the loop's lag and, if so wished, block the loop now and then as a careless callback would."""
        self._lag.drain()
        tasks = [asyncio.create_task(self._lag.run(), name="lag")]
        if stall_s:
            tasks.append(asyncio.create_task(_stall(stall_s), name="stall"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, command: dict[str, Any]) -> None:
        """Bring a softphone's stream up, as the prober does."""
        ends = for_urls(command["rest"], command["rest"], command["ws"])
        tokens = StaticToken("bench", command["token"])
        rest = Rest(ends, tokens, clock=self._clock)
        connection = SoftphoneConnection(ends, rest, tokens, ConnectionOptions(), lambda event: None, self._clock)
        self._connection = connection
        task = asyncio.create_task(connection.run(), name="connection")
        self._tasks.add(task)
        async with asyncio.timeout(CONNECT_LIMIT_S):
            while not connection.connected:  # noqa: ASYNC110 - it tells many events, this one is a property
                await asyncio.sleep(0.05)

    async def _ping(self, seconds: float, stall_s: float) -> dict[str, Any]:
        assert self._connection is not None
        pings = []
        async with self._stalled(stall_s):
            until_s = self._clock.mono_s() + seconds
            while (begun := self._clock.mono_s()) < until_s:
                result = await self._connection.ping("websocket", PING_TIMEOUT_S)
                now = self._clock.mono_s()
                pings.append([begun, now, result.rtt_s, result.tcp_rtt_s, self._lag.max_since(begun)])
                await asyncio.sleep(PING_EVERY_S)
        return {"pings": pings, "lag_s": sorted(self._lag.drain())}

    async def close(self) -> None:
        """Hang up and disconnect."""
        await asyncio.gather(*(peer.close() for group in self._groups.values() for peer in group))
        if self._connection is not None:
            await self._connection.close()
        for task in self._tasks:
            task.cancel()


class Watch:
    """One peer's figures over time: each is noted when it has changed, with the moment that it was seen."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._begun = peer.stats()
        self._stun_rtt_s = self._begun.stun_rtt_s
        self._rtt_s = self._begun.rtt_s
        self._received = self._begun.packets_received
        self._stun: list[tuple[float, float]] = []
        self._rtcp: list[tuple[float, float]] = []
        self._jitter: list[tuple[float, float]] = []

    def look(self, now_mono_s: float) -> None:
        """Read the peer's figures."""
        stats = self._peer.stats()
        if stats.stun_rtt_s is not None and stats.stun_rtt_s != self._stun_rtt_s:
            self._stun.append((now_mono_s, stats.stun_rtt_s))
        if stats.rtt_s is not None and stats.rtt_s != self._rtt_s:
            self._rtcp.append((now_mono_s, stats.rtt_s))
        if stats.packets_received != self._received and stats.jitter_s is not None:
            self._jitter.append((stats.last_rtp_mono_s or now_mono_s, stats.jitter_s))
        self._stun_rtt_s, self._rtt_s, self._received = stats.stun_rtt_s, stats.rtt_s, stats.packets_received

    def told(self) -> dict[str, Any]:
        """What was seen, ready for JSON."""
        stats = self._peer.stats()
        return {
            "stun": self._stun,
            "rtcp": self._rtcp,
            "jitter": self._jitter,
            "received": stats.packets_received - self._begun.packets_received,
            "lost": stats.packets_lost - self._begun.packets_lost,
            "lost_in_all": stats.packets_lost,
            "arrival_clock": stats.arrival_clock,
        }


async def _stall(stall_s: float) -> None:
    while True:
        await asyncio.sleep(random.uniform(*STALL_GAP_S))  # noqa: S311 - not for secrecy
        time.sleep(stall_s)  # noqa: ASYNC251 - the very mistake whose effect is measured


if __name__ == "__main__":
    ice_connection.CONSENT_INTERVAL_S = CONSENT_INTERVAL_S
    obeyed(Ends)
