"""One simulated platform with its streaming side on a free port, for the tests of that side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from raw_softphone import RawSoftphone

from monitor.facts.clock import SystemClock
from monitor.simulator.platform import Platform
from monitor.simulator.streaming.streaming import Streaming
from monitor.simulator.world.scenario import Expected, Queue, Scenario

IDLE = Queue(capacity=100_000.0, base_s=0.0, jitter_s=0.0)


def scenario(**changes: Any) -> Scenario:
    """A platform that answers at once, changed as told."""
    expected = Expected(publish_harms_softphones=False, cause="none")
    plain = {"name": "wire", "description": "-", "expected": expected, "agents": 3, "rest": IDLE, "signalling": IDLE}
    return Scenario(**{**plain, **changes})


class Bench:
    """One platform with its streaming side, and softphones that log in to it."""

    def __init__(self, stack: AsyncExitStack, platform: Platform, streaming: Streaming) -> None:
        self._stack = stack
        self.platform, self.streaming = platform, streaming
        self.url = f"ws://127.0.0.1:{streaming.port}"

    def token(self, agent: int = 0) -> str:
        return self.platform.issue_user_token(list(self.platform.users)[agent])[0]

    def channel(self, agent: int = 0) -> str:
        grant = self.platform.grant(self.token(agent))
        assert grant is not None
        return self.platform.create_channel(grant, "streaming").id

    def jid(self, agent: int = 0) -> str:
        return list(self.platform.users.values())[agent].jid

    async def raw(self, agent: int = 0, channel: str = "") -> RawSoftphone:
        softphone = RawSoftphone(self.url, channel or self.channel(agent))
        return await self._stack.enter_async_context(softphone)

    async def softphone(self, agent: int = 0, resource: str = "test", channel: str = "") -> RawSoftphone:
        return await (await self.raw(agent, channel)).login(self.jid(agent), self.token(agent), resource)


@asynccontextmanager
async def bench(**changes: Any) -> AsyncIterator[Bench]:
    """A platform of three agents, changed as told, until the block ends."""
    async with AsyncExitStack() as stack:
        platform = Platform(scenario(**changes), seed=1, clock=SystemClock())
        streaming = await Streaming.start(platform, "127.0.0.1", 0)
        stack.push_async_callback(platform.close)
        stack.push_async_callback(streaming.close)
        yield Bench(stack, platform, streaming)
