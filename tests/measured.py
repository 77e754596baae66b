"""What a test of the measuring side needs: facts to wait for, a running simulator, settings that point at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from monitor.config.model import Settings
from monitor.facts.clock import SystemClock
from monitor.facts.observations import Observation
from monitor.probes.base import Context
from monitor.probes.lag import LagMeter
from monitor.simulator.server import RunningSimulator, SimulatorOptions, serve
from monitor.simulator.world.scenario import load_scenario

T = TypeVar("T", bound=Observation)
AGENT = "synthetic-1"


class Facts:
    """Facts as they come, and a way to wait for some."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self._news = asyncio.Event()

    def take(self, fact: Observation) -> None:
        """Where facts are emitted to."""
        self.seen.append(fact)
        self._news.set()

    def of(self, kind: type[T]) -> list[T]:
        """Those of one kind."""
        return [fact for fact in self.seen if isinstance(fact, kind)]

    async def until(self, holds: Callable[[], Any]) -> None:
        """Return once `holds()` is true, asked after every fact; the test's own timeout ends it otherwise."""
        while not holds():
            self._news.clear()
            await self._news.wait()


def context_of(facts: Facts) -> Context:
    """A context on the machine's clocks that emits to `facts`."""
    clock = SystemClock()
    return Context("here", facts.take, clock, LagMeter(clock))


@asynccontextmanager
async def simulator(scenario: str = "quiet") -> AsyncIterator[RunningSimulator]:
    """The real simulator in this event loop, on free loopback ports."""
    running = await serve(SimulatorOptions(load_scenario(scenario)))
    try:
        yield running
    finally:
        await running.close()


async def control(running: RunningSimulator, command: str) -> Any:
    """One command to the simulator's control API; its reply."""
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.post(f"{running.info['control']}/{command}")
        return reply.raise_for_status().json()


def environment(running: RunningSimulator) -> dict[str, str]:
    """The credentials that `settings_for` names."""
    info = running.info
    return {"CLIENT_ID": info["client_id"], "CLIENT_SECRET": info["client_secret"], "TOKEN": info["user_token"]}


def settings_for(running: RunningSimulator, *probes: dict[str, Any], **others: Any) -> Settings:
    """Settings that talk to the simulator as service and as one agent."""
    info = running.info
    genesys = {
        "rest": info["rest"],
        "login": info["rest"],
        "streaming": info["ws"],
        "client": {"id_env": "CLIENT_ID", "secret_env": "CLIENT_SECRET"},
        "agents": [{"name": AGENT, "token_env": "TOKEN"}],
    }
    return Settings.model_validate({"site": "here", "genesys": genesys, "probes": probes, **others})
