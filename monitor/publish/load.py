"""API load as a publish script makes it: state writes for agent after agent, at a steady rate, on loopback only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.facts.clock import Clock
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest_messages import RestReply
from monitor.publish.flow.requests import WRITES, Builder, is_id
from monitor.publish.flow.tally import quantiles, status_word
from monitor.publish.guard import off_loopback

__all__ = ["LoadResult", "apply_load", "quantiles"]

FASTEST_PER_S = 1000.0
MOST_IN_FLIGHT = 64
GRACE_S = 5.0
CALL_TIMEOUT_S = 10.0


class Caller(Protocol):
    """What is needed of monitor.genesys.rest.Rest."""

    async def call(
        self, operation: str, method: str, path: str, *, json: Any = None, timeout_s: float = 30.0
    ) -> RestReply:
        """One request."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was sent and what came back.

    calls: requests sent. statuses: how often each HTTP status, or failure reason where there was none. seconds: from
    the first slot to the last answer. latency_s: quantile -> seconds over 2xx answers only, empty without any.
    late: slots missed because we were late, crowded: slots left out because too many calls were in flight; neither is
    made up for. unfinished: calls given up at the end.
    """

    calls: int
    statuses: dict[str, int]
    seconds: float
    latency_s: dict[float, float] = field(default_factory=dict)
    late: int = 0
    crowded: int = 0
    unfinished: int = 0


async def apply_load(
    rest_for: Callable[[Endpoints], Caller],
    endpoints: Endpoints,
    agents: Sequence[str],
    *,
    rate_per_s: float,
    seconds: float,
    clock: Clock,
    most_in_flight: int = MOST_IN_FLIGHT,
    grace_s: float = GRACE_S,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> LoadResult:
    """Write presence and routing status of the agents (user ids) in turn, open loop: answers do not set the pace.

    `rest_for(endpoints)` makes the client, which is closed at the end. Ends at most `grace_s` after `seconds`.
    Raises ValueError for an endpoint off loopback, and for a rate, length or user id that makes no sense.
    """
    _refuse_off_loopback(endpoints)
    _refuse_nonsense(agents, rate_per_s, seconds)
    rest = rest_for(endpoints)
    run = _Run(rest, agents, clock)
    try:
        return await run.pace(rate_per_s, round(rate_per_s * seconds), most_in_flight, grace_s, sleep)
    finally:
        await rest.aclose()


def _refuse_off_loopback(endpoints: Endpoints) -> None:
    outside = off_loopback(endpoints)
    if outside is not None:
        raise ValueError(f"load is applied to a simulator on loopback only, and {outside!r} is not on loopback")


def _refuse_nonsense(agents: Sequence[str], rate_per_s: float, seconds: float) -> None:
    if not agents:
        raise ValueError("load needs at least one user id")
    for agent in agents:
        if not is_id(agent):
            raise ValueError(f"{agent!r} is not a user id")
    if not 0 < rate_per_s <= FASTEST_PER_S:
        raise ValueError(f"a rate of {rate_per_s} calls a second is not between 0 and {FASTEST_PER_S:.0f}")
    if not 0 < seconds <= 86400:
        raise ValueError(f"a length of {seconds} s is not between 0 and 86400 s")


class _Run:
    """The state of one run of load."""

    def __init__(self, rest: Caller, agents: Sequence[str], clock: Clock) -> None:
        self._rest = rest
        self._agents = agents
        self._clock = clock
        self._builder = Builder()
        self._statuses: Counter[str] = Counter()
        self._latencies_s: list[float] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._calls = self._late = self._crowded = self._unfinished = 0

    async def pace(
        self,
        rate_per_s: float,
        slots: int,
        most_in_flight: int,
        grace_s: float,
        sleep: Callable[[float], Awaitable[object]],
    ) -> LoadResult:
        start_mono_s = self._clock.mono_s()
        async with asyncio.TaskGroup() as group:
            for slot in range(slots):
                due_mono_s = start_mono_s + slot / rate_per_s
                if due_mono_s > self._clock.mono_s():
                    await sleep(due_mono_s - self._clock.mono_s())
                if self._clock.mono_s() - due_mono_s >= 1.0 / rate_per_s:
                    self._late += 1
                elif len(self._in_flight) >= most_in_flight:
                    self._crowded += 1
                else:
                    self._start(group, slot)
            await self._settle(grace_s)
        return self._result(self._clock.mono_s() - start_mono_s)

    def _start(self, group: asyncio.TaskGroup, slot: int) -> None:
        task = group.create_task(self._write(slot))
        self._calls += 1
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _settle(self, grace_s: float) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=grace_s)
        for task in tuple(self._in_flight):
            self._unfinished += task.cancel()

    async def _write(self, slot: int) -> None:
        """The slot's write: for each agent in turn its presence, then its routing status."""
        agent = self._agents[slot // 2 % len(self._agents)]
        request = self._builder.write(WRITES[slot % len(WRITES)], agent)
        reply = await self._rest.call(
            request.operation, request.method, request.path, json=request.body, timeout_s=CALL_TIMEOUT_S
        )
        self._count(reply)

    def _count(self, reply: RestReply) -> None:
        self._statuses[status_word(reply)] += 1
        if reply.ok and reply.seconds is not None:
            self._latencies_s.append(reply.seconds)

    def _result(self, seconds: float) -> LoadResult:
        return LoadResult(
            calls=self._calls,
            statuses=dict(sorted(self._statuses.items())),
            seconds=seconds,
            latency_s=quantiles(self._latencies_s),
            late=self._late,
            crowded=self._crowded,
            unfinished=self._unfinished,
        )
