"""The publish job as a script: what to send next, in answer to what came back. Pure: a runner brings time and wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monitor.facts.clock import rfc3339
from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.flow.calls import Calls, Change, StoppedError
from monitor.publish.flow.events import (
    ABORTED,
    FAILED,
    OK,
    BatchDone,
    Ended,
    FlowEvent,
    Noted,
    Overtaken,
    Published,
    Started,
)
from monitor.publish.flow.job import Batch, PublishSpec, batches_of
from monitor.publish.flow.lanes import Lane, Lanes, Sleep
from monitor.publish.flow.progress import Progress
from monitor.publish.flow.requests import READ, Builder
from monitor.publish.flow.schedule_state import Editor, Standing, agents_of, standing_of
from monitor.publish.flow.tally import Latency, Summary, Tally
from monitor.publish.flow.uploading import Uploading
from monitor.publish.flow.writing import Writing
from monitor.publish.strategy.strategies import Strategy

__all__ = [
    "ABORTED",
    "FAILED",
    "OK",
    "BatchDone",
    "Ended",
    "FlowEvent",
    "Latency",
    "Noted",
    "Overtaken",
    "PublishFlow",
    "PublishSpec",
    "Published",
    "Started",
    "Summary",
]


class PublishFlow:
    """A RestScript that publishes one schedule: read it, batch after batch upload, update, wait, write; then end.

    seed: of the retries' jitter. resume: what an earlier process has done. wall_offset_s: Unix seconds less the
    runner's monotonic seconds, for off_peak and for the times in routing events.
    batches: how the job is cut, and planned: how many changes are left to do, once the schedule has been read.
    """

    def __init__(
        self,
        job: PublishSpec,
        strategy: Strategy,
        *,
        seed: int = 0,
        resume: Progress | None = None,
        wall_offset_s: float = 0.0,
    ) -> None:
        self.job = job
        self.strategy = strategy
        self.batches: tuple[Batch, ...] = ()
        self.planned = 0
        self._resume = resume
        self._wall_offset_s = wall_offset_s
        self._lanes = Lanes(strategy.pacing)
        self._total, self._of_batch = Tally(), Tally()
        tallies = [self._total, self._of_batch]
        self._calls = Calls(Builder(), self._lanes, strategy.retry, seed, tallies)
        self._writing = Writing(self._calls, strategy.pacing.in_flight, wall_offset_s, self._note)
        self._uploading: Uploading | None = None
        self._events: list[FlowEvent] = []
        self._said: set[str] = set()
        self._agents: tuple[str, ...] = ()
        self._published: set[str] = set()
        self._began_s = self._last_s = 0.0
        self._ended = self._aborting = False
        self._problem: Failure | None = None
        self._main: Lane = self._program()
        self._started = False

    @property
    def done(self) -> bool:
        """Nothing will be sent any more and no reply is waited for."""
        return self._ended

    def due_s(self) -> float | None:
        """When `act` is next worth calling; None while only a reply can move it on."""
        return self._lanes.due_s() if self._started else self._lanes.now_s

    def act(self, now_s: float) -> list[RestRequest]:
        """What to send now."""
        self._lanes.now_s = now_s
        if not self._started and not self._ended:
            self._started = True
            self._began_s = self._last_s = now_s
            self._lanes.start(self._main)
        requests = list(self._lanes.act(now_s))
        for request in requests:
            for tally in self._calls.tallies:
                tally.send(request.operation)
        return requests

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        """The outcome of one request."""
        self._last_s = now_s
        for tally in self._calls.tallies:
            tally.hear(request.operation, reply)
        self._lanes.hear(request, reply, now_s)
        self._calls.changes.pop(request.id, None)
        if self._aborting and self._lanes.done:
            self._end(ABORTED)

    def notified(self, body: Mapping[str, Any], now_s: float) -> None:
        """An event of the business unit's schedules topic has come: its eventBody. Optional; it saves polls."""
        if self._uploading is not None and not self._ended:
            self._last_s = now_s  # it may be the last thing that is heard
            self._uploading.notified(body)
            self._lanes.wake(self._main, now_s)

    def abort(self, now_s: float) -> None:
        """Send nothing more. Done once every request in flight has been heard of; the outcome is `aborted`."""
        if self._ended:
            return
        self._aborting = True
        self._lanes.stop(now_s)
        if self._lanes.done:
            self._end(ABORTED)

    def events(self) -> list[FlowEvent]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def change_of(self, request: RestRequest) -> Change | None:
        """What a request that is in flight changes: for a ledger. None for one that only reads or uploads."""
        return self._calls.changes.get(request.id)

    def summary(self) -> Summary:
        """The run in figures, so far."""
        total = self._total
        return Summary(
            calls=total.calls,
            statuses=dict(sorted(total.statuses.items())),
            operations=total.operations(),
            seconds=self._last_s - self._began_s,
            batches=len(self.batches),
            agents=len(self._agents),
            published=len(self._published),
            failed_agents=tuple(self._writing.failed_agents),
            retry_after_s=total.retry_after_s,
            retry_wait_s=total.retry_wait_s,
            stalled_s=self._lanes.stalled_s,
            longest_stall_s=self._lanes.longest_stall_s,
            problem=self._problem,
        )

    def _program(self) -> Lane:
        try:
            yield from self._until_open()
            self._began_s = self._lanes.now_s
            yield from self._read()
            left = self._left()
            for batch in left:
                yield from self._until_open()
                yield from self._batch(batch)
                if self.strategy.pacing.pauses and batch is not left[-1]:
                    yield Sleep(self._lanes.now_s + self.job.pause_s)
        except StoppedError as stopped:
            self._end(FAILED, stopped.failure)
        else:
            self._end(FAILED if self._writing.failed else OK, self._writing.first)

    def _until_open(self) -> Lane:
        """off_peak: wait for the quiet hours."""
        wall_s = self._lanes.now_s + self._wall_offset_s
        try:
            opening = self.strategy.pacing.opening(wall_s)
        except ValueError as error:
            raise StoppedError(failure("window", Reason.ERROR, error, Fault.LOCAL)) from None
        if opening.note:
            self._note(opening.note)
        if opening.at_wall_s > wall_s:
            self._note(f"waiting for the quiet hours, which begin at {rfc3339(opening.at_wall_s)}")
            yield Sleep(opening.at_wall_s - self._wall_offset_s)

    def _read(self) -> Lane:
        """The schedule as it is: its version, and who is on it."""
        reply = yield from self._calls.needed(lambda: self._calls.builder.read_schedule(self.job.ref))
        standing, everybody = standing_of(reply.body), agents_of(reply.body)
        if standing is None:
            raise StoppedError(failure(READ, Reason.MALFORMED, "the answer does not hold the schedule's version"))
        self._agents = self._resume.agents if self._resume is not None else self.job.agents or everybody
        strangers = [agent for agent in self._agents if agent not in set(everybody)] if everybody else []
        if strangers:
            words = f"agent {strangers[0]} is not on the schedule" + (
                f", nor are {len(strangers) - 1} more" if len(strangers) > 1 else ""
            )
            raise StoppedError(failure(READ, Reason.NOT_FOUND, words, Fault.LOCAL))
        if not self._agents:
            raise StoppedError(failure(READ, Reason.NOT_FOUND, "nobody is on the schedule"))
        self._begin(standing)

    def _begin(self, standing: Standing) -> None:
        editor = Editor(self.job.editor)
        if self._resume is not None and self._resume.editor:
            editor = Editor(self._resume.editor, sure=True)
        self._uploading = Uploading(self._calls, self.job, standing, editor, self._events.append)
        self.batches = batches_of(self.job, self._agents, self.strategy.pacing)
        self.planned = sum(bool(b.publish) + sum(map(len, b.units)) for b in self._left())
        self._events.append(Started(self._agents, len(self.batches), standing.version))

    def _left(self) -> list[Batch]:
        """The batches that still have something to do, and of each what."""
        if self._resume is None:
            return list(self.batches)
        left: list[Batch] = []
        for batch in self.batches:
            published = batch.index in self._resume.published
            if published:
                self._published.update(batch.publish)
            units = tuple(
                tuple(write for write in unit if write.key not in self._resume.written) for unit in batch.units
            )
            rest = replace(batch, publish=() if published else batch.publish, units=tuple(u for u in units if u))
            if rest.publish or rest.units:
                left.append(rest)
        return left

    def _batch(self, batch: Batch) -> Lane:
        began_s, stalled_s = self._lanes.now_s, self._lanes.stalled_s
        self._of_batch = self._calls.tallies[1] = Tally()
        failed = self._writing.failed
        if batch.publish:
            yield from self._publish(batch)
        yield from self._writing.write(batch)
        tally = self._of_batch
        self._events.append(
            BatchDone(
                batch.index,
                batch.agents,
                self._lanes.now_s - began_s,
                tally.calls,
                dict(sorted(tally.statuses.items())),
                tally.retry_after_s,
                self._lanes.stalled_s - stalled_s,
                self._writing.failed - failed,
            )
        )
        if self._writing.fatal is not None:
            raise StoppedError(self._writing.fatal)

    def _publish(self, batch: Batch) -> Lane:
        assert self._uploading is not None
        unsettled = self._resume.in_flight if self._resume is not None else None
        mine = unsettled is not None and unsettled.batch == batch.index
        yield from self._uploading.publish(batch, unsettled.version if unsettled is not None and mine else None)
        self._published.update(batch.publish)
        editor = self._uploading.editor
        version = self._uploading.standing.version
        self._events.append(Published(batch.index, batch.publish, version, editor.name if editor.sure else ""))

    def _note(self, text: str) -> None:
        """Tell once."""
        if text not in self._said:
            self._said.add(text)
            self._events.append(Noted(text))

    def _end(self, outcome: str, problem: Failure | None = None) -> None:
        self._ended = True
        self._problem = problem
        self._events.append(Ended(outcome, self.summary()))
