"""A process that holds softphone sessions to a simulator, each with its heartbeats: connect, begin, told.

`python -m monitor.commands.bench.sessions_end` uses the monitor's own softphone connection.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from monitor.commands.bench.child import Usage, obeyed
from monitor.commands.bench.figures import spread
from monitor.facts.clock import SystemClock
from monitor.genesys.auth import StaticToken
from monitor.genesys.connection import ConnectionOptions, SoftphoneConnection
from monitor.genesys.regions import Endpoints, for_urls
from monitor.genesys.rest import Rest

AT_ONCE = 10
CONNECT_LIMIT_S = 60.0
LOOK_S = 0.02
PING_EVERY_S, PING_LIMIT_S = 15.0, 5.0  # the monitor's own


class Sessions:
    """Sessions and what their heartbeats said since `begin`."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._usage = Usage(self._clock)
        self._connections: list[SoftphoneConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._rtts: list[float] = []
        self._failed = 0

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer."""
        match command["do"]:
            case "connect":
                ends = for_urls(command["rest"], command["rest"], command["ws"])
                turns = asyncio.Semaphore(AT_ONCE)
                await asyncio.gather(*(self._connect(ends, token, turns) for token in command["tokens"]))
                return {"connected": self._connected()}
            case "begin":
                self._rtts, self._failed = [], 0
                self._usage.begin()
            case "told":
                pings = {"pings": len(self._rtts), "failed": self._failed, "rtt_s": spread(self._rtts)}
                return {**self._usage.told(), **pings, "connected": self._connected()}
        return {}

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.gather(*(one.close() for one in self._connections), return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self) -> int:
        return sum(one.connected for one in self._connections)

    async def _connect(self, ends: Endpoints, token: str, turns: asyncio.Semaphore) -> None:
        async with turns:
            tokens = StaticToken("bench", token)
            rest = Rest(ends, tokens, clock=self._clock)
            connection = SoftphoneConnection(ends, rest, tokens, ConnectionOptions(), lambda event: None, self._clock)
            self._connections.append(connection)
            self._tasks.append(asyncio.create_task(connection.run(), name="session"))
            until_s = self._clock.mono_s() + CONNECT_LIMIT_S
            while not connection.connected and self._clock.mono_s() < until_s:  # noqa: ASYNC110 - a property
                await asyncio.sleep(LOOK_S)
        self._tasks.append(asyncio.create_task(self._heartbeats(connection), name="heartbeats"))

    async def _heartbeats(self, connection: SoftphoneConnection) -> None:
        await asyncio.sleep(random.uniform(0.0, PING_EVERY_S))  # noqa: S311 - not for secrecy
        while True:
            result = await connection.ping("websocket", PING_LIMIT_S)
            if result.rtt_s is None:
                self._failed += 1
            else:
                self._rtts.append(result.rtt_s)
            await asyncio.sleep(PING_EVERY_S)


if __name__ == "__main__":
    obeyed(Sessions)
