"""Requests of a publish flow, each tried as often as the retry policy says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from monitor.facts.failures import Failure
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.flow.lanes import Lanes, Send, Sleep
from monitor.publish.flow.lanes import Step as Wait
from monitor.publish.flow.requests import Builder
from monitor.publish.flow.tally import Tally
from monitor.publish.strategy.retry import Retry, RetryState

Replied = Generator[Wait, RestReply | None, RestReply]
Waited = Generator[Wait, RestReply | None, None]


class StoppedError(Exception):
    """The run cannot go on."""

    def __init__(self, why: Failure) -> None:
        super().__init__(why.detail)
        self.failure = why


@dataclass(frozen=True, slots=True)
class Change:
    """What a request changes. key: of the write or update; batch: its index; version: an update's base, else None."""

    key: str
    batch: int
    version: int | None = None


@dataclass(slots=True)
class Calls:
    """What every part of a flow sends through. changes: request id -> what it changes, for those that do."""

    builder: Builder
    lanes: Lanes
    retry: Retry
    seed: int
    tallies: list[Tally]
    changes: dict[int, Change] = field(default_factory=dict)
    _count: int = 0

    @property
    def now_s(self) -> float:
        """The moment that is being worked on."""
        return self.lanes.now_s

    def once(self, request: RestRequest, change: Change | None = None) -> Replied:
        """Send it, one time."""
        if change is not None:
            self.changes[request.id] = change
        reply = yield Send(request)
        assert reply is not None
        return reply

    def call(
        self,
        make: Callable[[], RestRequest],
        change: Change | None = None,
        *,
        final: Callable[[RestReply], bool] = lambda _reply: False,
    ) -> Replied:
        """Send what `make` builds until it succeeds or the policy gives up; the last reply.

        final: replies that are handed back at once, whatever the policy says.
        """
        state = self.fresh()
        while True:
            reply = yield from self.once(make(), change)
            if reply.ok or final(reply):
                return reply
            state = self.retry.next(state, reply, self.now_s)
            if state.wait_s is None:
                return reply
            yield from self.wait(state)

    def needed(self, make: Callable[[], RestRequest]) -> Replied:
        """As call, for what the run cannot go on without: StoppedError when it fails."""
        reply = yield from self.call(make)
        if reply.failure is not None:
            raise StoppedError(reply.failure)
        return reply

    def fresh(self) -> RetryState:
        """The state of a request that has not been sent yet."""
        self._count += 1
        return RetryState(draw=f"{self.seed}/{self._count}")

    def wait(self, state: RetryState) -> Waited:
        """Wait as the policy has decided."""
        assert state.wait_s is not None
        for tally in self.tallies:
            tally.wait(state.wait_s, honoured=state.honoured)
        yield Sleep(self.now_s + state.wait_s, "retry")
