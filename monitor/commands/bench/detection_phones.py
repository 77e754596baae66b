"""The signalling half of the detection bench: softphone sessions, a simulator and what happens between the two."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpx

from monitor.commands.bench.programs import simulator
from monitor.commands.bench.tcp_relay import TcpRelay
from monitor.config.model import SessionOptions
from monitor.facts.clock import Clock
from monitor.genesys.events import Dropped, Event, SilenceEnded, SilenceNoticed
from monitor.genesys.regions import for_urls
from monitor.probes.agent import AgentPlan, AgentSession
from monitor.probes.base import Context
from monitor.probes.lag import LagMeter

NOTICE_LIMIT_S = 20.0
APART_S = 0.8  # sessions begin one after the other, so that a fault meets them at different moments of their quiet
LOOK_S = 0.02


@dataclass
class Phones:
    """Sessions in this process, their simulator in another, a relay between the two. pid: the simulator's."""

    sessions: list[AgentSession]
    relay: TcpRelay
    control: str
    pid: int
    clock: Clock
    heard: list[tuple[str, float, Event]]  # name, monotonic seconds, event

    async def black_hole(self) -> list[float]:
        """Cut the relay; seconds until each session noticed."""
        began_s = self.clock.mono_s()
        self.relay.cut()
        noticed = await self._noticed_since(began_s, SilenceNoticed)
        self.relay.mend()
        await self._all_heard(began_s)
        return noticed

    async def frozen_server(self) -> list[float]:
        """Stop the simulator's process (SIGSTOP); seconds until each session noticed."""
        began_s = self.clock.mono_s()
        os.kill(self.pid, signal.SIGSTOP)
        try:
            noticed = await self._noticed_since(began_s, SilenceNoticed)
        finally:
            os.kill(self.pid, signal.SIGCONT)
        await self._all_heard(began_s)
        return noticed

    async def ended_by(self, verb: str, **parameters: str) -> list[float]:
        """Let the simulator end one session after the other; seconds from each order until that session noticed."""
        names = {session.connection.jid: session.name for session in self.sessions}
        orders: dict[str, float] = {}
        async with httpx.AsyncClient(trust_env=False) as http:
            for _ in self.sessions:
                ordered_s = self.clock.mono_s()
                reply = await http.post(f"{self.control}/{verb}", params=parameters)
                orders[names[reply.raise_for_status().json()["jid"]]] = ordered_s
        await self._until(lambda: len(self._since(min(orders.values()), Dropped)) >= len(orders))
        await self._until(lambda: all(session.connected for session in self.sessions))
        return [at_s - orders[name] for name, at_s in self._since(min(orders.values()), Dropped)]

    async def all_connected(self) -> None:
        """Return once every session is up."""
        await self._until(lambda: all(session.connected for session in self.sessions))

    def _since(self, began_s: float, kind: type[Event]) -> list[tuple[str, float]]:
        return [(name, at_s) for name, at_s, event in self.heard if at_s >= began_s and isinstance(event, kind)]

    async def _noticed_since(self, began_s: float, kind: type[Event]) -> list[float]:
        await self._until(lambda: len(self._since(began_s, kind)) >= len(self.sessions))
        return [at_s - began_s for _, at_s in self._since(began_s, kind)]

    async def _all_heard(self, began_s: float) -> None:
        await self._until(lambda: len(self._since(began_s, SilenceEnded)) >= len(self.sessions))

    async def _until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(NOTICE_LIMIT_S):
            while not happened():  # noqa: ASYNC110 - events of several sessions
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def phones(count: int, clock: Clock) -> AsyncIterator[Phones]:
    """Everything up, each session connected and quiet."""
    async with simulator("monitor.commands.embedded", "quiet", "1") as (info, pid):
        parts = urlsplit(info["ws"])
        relay = TcpRelay((parts.hostname or "", parts.port or 0))
        port = await relay.start()
        heard: list[tuple[str, float, Event]] = []
        context = Context("bench", lambda fact: None, clock, LagMeter(clock))
        ends = for_urls(info["rest"], info["rest"], f"ws://127.0.0.1:{port}")
        plans = [
            AgentPlan(f"agent-{n}", "bench", ends, SessionOptions(watch_silence=True), None, info["user_token"])
            for n in range(count)
        ]
        sessions = [AgentSession(plan, context) for plan in plans]
        for session in sessions:
            session.subscribe(partial(_note, heard, clock, session.name))
        made = Phones(sessions, relay, info["control"], pid, clock, heard)
        tasks = []
        try:
            for session in sessions:
                tasks.append(asyncio.create_task(session.run(), name=session.name))
                await asyncio.sleep(APART_S)
            await made.all_connected()
            yield made
        finally:
            await asyncio.gather(*(session.close() for session in sessions), return_exceptions=True)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await relay.close()


def _note(heard: list[tuple[str, float, Event]], clock: Clock, name: str, event: Event) -> None:
    heard.append((name, clock.mono_s(), event))
