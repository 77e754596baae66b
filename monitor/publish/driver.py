"""Runs a publish flow in real time: requests over REST, every change in the ledger, every edge as a marker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RestReply, RestRequest, RestScript
from monitor.publish.flow.events import ABORTED, BatchDone, Ended, FlowEvent, Overtaken, Published, Started
from monitor.publish.flow.flow import PublishFlow
from monitor.publish.flow.tally import status_word
from monitor.publish.ledger import Ledger, LedgerError
from monitor.publish.run_markers import RunMarkers

GRACE_S = 5.0  # how long a run that is told to stop waits for the answers that are still due
LONGEST_SLEEP_S = 3600.0

Send = Callable[[RestRequest], Awaitable[RestReply]]


class ScriptRunner:
    """Runs one RestScript. before: called with the requests that go out next; after: with each that has ended, before
    the script hears of it; changed: when the script may have something new to tell.
    """

    def __init__(
        self,
        script: RestScript,
        send: Send,
        clock: Clock,
        *,
        before: Callable[[list[RestRequest]], None] = lambda _requests: None,
        after: Callable[[RestRequest, RestReply], None] = lambda _request, _reply: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._script = script
        self._send = send
        self._clock = clock
        self._before, self._after, self._changed = before, after, changed
        self._moved = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()

    async def run(self) -> None:
        """Until the script is done."""
        async with asyncio.TaskGroup() as group:
            while not self._script.done:
                requests = self._script.act(self._clock.mono_s())
                if requests:
                    self._before(requests)
                for request in requests:
                    group.create_task(self._exchange(request))
                self._changed()
                if not self._script.done:
                    await self._until(self._script.due_s())

    def moved(self) -> None:
        """The script has been told something from outside: look at it again."""
        self._moved.set()

    def give_up(self) -> None:
        """Wait for no answer any longer: what is under way counts as cancelled."""
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())

    async def _exchange(self, request: RestRequest) -> None:
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                reply = await self._send(request)
        except TimeoutError:
            why = failure(request.operation, Reason.CANCELLED, "the run was told to stop before the answer")
            reply = RestReply(request.operation, None, failure=why)
        finally:
            self._limits.discard(limit)
        self._after(request, reply)
        self._script.hear(request, reply, self._clock.mono_s())
        self._moved.set()

    async def _until(self, due_s: float | None) -> None:
        """Until that time, or until something moves."""
        wait_s = None if due_s is None else min(max(0.0, due_s - self._clock.mono_s()), LONGEST_SLEEP_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._moved.wait()
        except TimeoutError:
            return
        self._moved.clear()


class DriverError(Exception):
    """A run that cannot go on for a reason of our own; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a run tells what it does. on_event: every event of the flow, once ledger and markers have it. on_change:
    changes done so far and changes planned, whenever either has grown.
    """

    on_event: Callable[[FlowEvent], None] = lambda _event: None
    on_change: Callable[[int, int], None] = lambda _done, _planned: None
    ledger: Ledger | None = None
    markers: RunMarkers | None = None


class PublishDriver:
    """Runs one PublishFlow. started_wall_s: of the start marker, where an earlier process has told it already."""

    def __init__(
        self, flow: PublishFlow, send: Send, clock: Clock, outputs: Outputs, *, started_wall_s: float | None = None
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._outputs = outputs
        self._started_wall_s = started_wall_s
        self._ended: Ended | None = None
        self._under_way = False
        self._changes = 0
        self._runner = ScriptRunner(
            flow, send, clock, before=self._before, after=self._after, changed=self._tell_events
        )

    async def run(self) -> Ended:
        """Until the flow has ended and every marker has been told; how it ended.

        Raises DriverError when the ledger cannot be written: nothing is sent that is not in it.
        """
        markers = self._outputs.markers
        telling = asyncio.create_task(markers.run()) if markers is not None else None
        try:
            await self._runner.run()
            self._tell_events()
        except (LedgerError, BaseExceptionGroup) as error:
            self._break_off()
            first = _only(error, LedgerError)
            if first is None:
                raise
            raise DriverError(str(first)) from None
        finally:
            if markers is not None and telling is not None:
                markers.close()
                await telling  # bounded: no marker takes longer than the client's own limits
        assert self._ended is not None
        return self._ended

    def stop(self) -> None:
        """Stop cleanly: send nothing more, wait GRACE_S for the answers still due, end as aborted."""
        self._flow.abort(self._clock.mono_s())
        self._runner.moved()
        asyncio.get_running_loop().call_later(GRACE_S, self._runner.give_up)

    def notified(self, body: Mapping[str, Any]) -> None:
        """An event of the schedules topic: its eventBody."""
        self._flow.notified(body, self._clock.mono_s())
        self._runner.moved()

    def _break_off(self) -> None:
        """The run cannot go on, through no fault of its own: whoever watches learns at least that it is over."""
        if self._under_way and self._outputs.markers is not None:
            self._outputs.markers.end(self._clock.wall_s(), Ended(ABORTED, self._flow.summary()))

    def _before(self, requests: list[RestRequest]) -> None:
        self._tell_events()  # what is planned stands before what is sent
        if self._outputs.ledger is not None:
            changes = [change for request in requests if (change := self._flow.change_of(request)) is not None]
            self._outputs.ledger.sent(self._clock.wall_s(), changes)

    def _after(self, request: RestRequest, reply: RestReply) -> None:
        change = self._flow.change_of(request)
        if change is None:
            return
        if self._outputs.ledger is not None:
            self._outputs.ledger.done(self._clock.wall_s(), change, status_word(reply), ok=reply.ok)
        self._changes += reply.ok
        self._outputs.on_change(self._changes, self._flow.planned)

    def _tell_events(self) -> None:
        for event in self._flow.events():
            wall_s = self._clock.wall_s()
            if self._outputs.ledger is not None:
                self._to_ledger(self._outputs.ledger, event, wall_s)
            if self._outputs.markers is not None:
                self._to_markers(self._outputs.markers, event, wall_s)
            self._outputs.on_event(event)
            if isinstance(event, Ended):
                self._ended = event

    def _to_ledger(self, ledger: Ledger, event: FlowEvent, wall_s: float) -> None:
        if isinstance(event, Started):
            ledger.started(self._started_wall_s or wall_s, event.agents, self._flow.batches)
        elif isinstance(event, Published):
            ledger.published(wall_s, event.index, event.version, event.editor)
        elif isinstance(event, Overtaken):
            ledger.overtaken(wall_s, event.index)
        elif isinstance(event, Ended):
            ledger.end(wall_s, event.outcome)

    def _to_markers(self, markers: RunMarkers, event: FlowEvent, wall_s: float) -> None:
        if isinstance(event, Started):
            self._under_way = True
            markers.start(self._started_wall_s or wall_s, event, self._flow.job, self._flow.strategy)
        elif isinstance(event, BatchDone):
            markers.batch(wall_s, event)
        elif isinstance(event, Ended) and self._under_way:
            markers.end(wall_s, event)


def _only(error: BaseException, kind: type[Exception]) -> BaseException | None:
    """The first of a kind in an error that holds nothing else, None where it does."""
    if isinstance(error, BaseExceptionGroup):
        first, rest = error.split(kind)
        return None if first is None or rest is not None else _only(first.exceptions[0], kind)
    return error if isinstance(error, kind) else None
