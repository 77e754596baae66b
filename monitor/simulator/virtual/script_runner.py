"""Runs a REST script against a platform in virtual time: sends when it is due, lets it hear when answers come; pure."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from monitor.genesys.rest_messages import RestReply, RestRequest, RestScript
from monitor.simulator.world.agent_events import AgentEvent

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class Runnable(Protocol[EventT_co]):
    """The platform: a VirtualPlatform."""

    now_s: float

    def advance(self, until_s: float) -> list[AgentEvent]:
        """Let time pass."""
        ...

    def events(self) -> Sequence[EventT_co]:
        """Notifications since the last call."""
        ...

    def request(self, request: RestRequest, token: str, now_s: float) -> tuple[float, RestReply]:
        """Send one request."""
        ...


def run_script(
    platform: Runnable[EventT], script: RestScript, token: str, on_event: Callable[[EventT], None]
) -> list[AgentEvent]:
    """Run `script` to its end from the platform's present on; what the agents' softphones did meanwhile, in order.

    RuntimeError when the script is not done and yet waits for nothing, or has something due and does nothing.
    """
    told: list[AgentEvent] = []
    waiting: list[tuple[float, int, RestRequest, RestReply]] = []
    order = itertools.count()
    idle_rounds = 0
    while not script.done:
        before_s = platform.now_s
        told += platform.advance(max(platform.now_s, _next_s(script, waiting)))
        for event in platform.events():
            on_event(event)
        idle_rounds = 0 if platform.now_s > before_s else idle_rounds + 1
        while waiting and waiting[0][0] <= platform.now_s:
            _, _, request, reply = heapq.heappop(waiting)
            script.hear(request, reply, platform.now_s)
            idle_rounds = 0
        for request in script.act(platform.now_s):
            done_s, reply = platform.request(request, token, platform.now_s)
            heapq.heappush(waiting, (done_s, next(order), request, reply))
            idle_rounds = 0
        if idle_rounds > 1000:
            raise RuntimeError("the script has something due, yet does nothing")
    return told


def _next_s(script: RestScript, waiting: list[tuple[float, int, RestRequest, RestReply]]) -> float:
    due_s = script.due_s()
    next_s = min(waiting[0][0] if waiting else math.inf, math.inf if due_s is None else due_s)
    if next_s == math.inf:
        raise RuntimeError("the script is not done, yet waits for nothing")
    return next_s
