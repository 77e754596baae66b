"""The simulator's REST side without sockets: its application, a clock that moves when told, recorded events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from monitor.facts.clock import ManualClock
from monitor.simulator.platform import Platform
from monitor.simulator.rest.app import create_app
from monitor.simulator.rest.control import Control
from monitor.simulator.rest.gate import Gate
from monitor.simulator.world.scenario import Scenario, parse_scenario

INSTANT = """
name: instant
description: no waiting anywhere
expected: {publish_harms_softphones: false, cause: none}
agents: 3
rest: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
signalling: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
publish_s: 0.0
"""


def instant(extra: str = "") -> Scenario:
    """A scenario without delays; `extra` is more YAML at its top level."""
    return parse_scenario((INSTANT + extra).encode())


class RecordingSocket:
    """A channel's live end that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.closed: tuple[int, str] | None = None
        self.changed, self.ended = asyncio.Event(), asyncio.Event()

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        self.events.append((topic, body))
        self.changed.set()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self.ended.set()

    async def event(self, topic: str) -> dict[str, Any]:
        """The body of the next event on `topic`, waiting for it if need be."""
        async with asyncio.timeout(10):
            while True:
                for at, (name, body) in enumerate(self.events):
                    if name == topic:
                        del self.events[at]
                        return body
                self.changed.clear()
                await self.changed.wait()


class RestSide:
    """A platform, its gate, and an HTTP client whose calls carry the client's or the first user's token."""

    def __init__(self, scenario: Scenario, http: httpx.AsyncClient, platform: Platform, gate: Gate) -> None:
        self.scenario, self.http, self.platform, self.gate = scenario, http, platform, gate
        self.clock = platform.clock
        self.client_token = platform.issue_client_token()[0]
        self.user_token = platform.issue_user_token(platform.first_user.id)[0]

    async def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """One call under /api/v2/ with the client's token, or the given one."""
        headers = {"Authorization": f"Bearer {token or self.client_token}", **options.pop("headers", {})}
        return await self.http.request(method, f"/api/v2/{path}", headers=headers, **options)

    async def as_user(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call with the first user's token."""
        return await self.call(method, path, token=self.user_token, **options)

    def listen(self, *topics: str) -> RecordingSocket:
        """A socket of another client that is subscribed to these topics."""
        channel = self.platform.create_channel(self.platform.grant(self.client_token), "notification")  # type: ignore[arg-type]
        channel.socket = socket = RecordingSocket()
        self.platform.subscribe(channel, topics)
        return socket


@asynccontextmanager
async def rest_side(scenario: Scenario | None = None) -> AsyncIterator[RestSide]:
    """A REST side that lives as long as the block."""
    chosen = scenario or instant()
    platform = Platform(chosen, seed=7, clock=ManualClock())
    platform.urls.rest, platform.urls.ws = "http://simulator", "ws://simulator"
    gate = Gate(platform)
    transport = httpx.ASGITransport(create_app(gate, Control(gate).routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as http:
        yield RestSide(chosen, http, platform, gate)
    await platform.close()
