"""A batch's per-agent writes, one by one or in bulk, several units of them side by side. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from monitor.facts.failures import Failure
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.flow.calls import Calls, Change
from monitor.publish.flow.job import Batch, Write
from monitor.publish.flow.lanes import Join, Lane
from monitor.publish.flow.requests import ROUTING_STATUS

FATAL = (401, 403)  # the next write would be refused as well
NO_ROUTE = (404, 405)


class Writing:
    """Writes batches. failed_agents: with a write that failed for good; failed: how many requests did.

    fatal: the refusal after which nothing more is written; first: the first failure of any kind.
    """

    def __init__(self, calls: Calls, in_flight: int, wall_offset_s: float, note: Callable[[str], None]) -> None:
        self.failed_agents: dict[str, None] = {}
        self.failed = 0
        self.fatal: Failure | None = None
        self.first: Failure | None = None
        self._calls = calls
        self._in_flight = in_flight
        self._wall_offset_s = wall_offset_s
        self._note = note
        self._no_bulk_routing = False

    def write(self, batch: Batch) -> Lane:
        """All of the batch's writes, as many units side by side as may be under way."""
        units = deque(batch.units)
        for _ in range(min(self._in_flight, len(units))):
            self._calls.lanes.start(self._worker(batch.index, units))
        yield Join()

    def _worker(self, index: int, units: deque[tuple[Write, ...]]) -> Lane:
        while units:
            for write in units.popleft():
                if self.fatal is not None:
                    return
                if write.bulk:
                    yield from self._many(index, write)
                else:
                    yield from self._one(write, write.agents[0], Change(write.key, index))

    def _one(self, write: Write, agent: str, change: Change | None) -> Lane:
        reply = yield from self._calls.call(lambda: self._calls.builder.write(write.kind, agent), change)
        self._heard((agent,), reply)

    def _many(self, index: int, write: Write) -> Lane:
        """In one request; agent by agent where the platform has no such route for routing status."""
        if write.kind != ROUTING_STATUS or not self._no_bulk_routing:
            reply = yield from self._calls.call(lambda: self._bulk(write), Change(write.key, index))
            if write.kind != ROUTING_STATUS or reply.status not in NO_ROUTE:
                self._heard(write.agents, reply)
                return
            self._no_bulk_routing = True
            self._note("the platform has no bulk route for routing status: it is written agent by agent")
        for agent in write.agents:
            if self.fatal is None:
                yield from self._one(replace(write, bulk=False), agent, None)

    def _bulk(self, write: Write) -> RestRequest:
        wall_s = self._calls.now_s + self._wall_offset_s
        return self._calls.builder.write_many(write.kind, write.agents, wall_s, write.key)

    def _heard(self, agents: tuple[str, ...], reply: RestReply) -> None:
        if reply.failure is None:
            return
        self.failed += 1
        self.failed_agents.update(dict.fromkeys(agents))
        self.first = self.first or reply.failure
        if reply.status in FATAL:
            self.fatal = reply.failure
