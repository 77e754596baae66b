"""Notices publishes that nobody tells of: listens, polls, asks the audit log, stores each run once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from monitor.facts.clock import Clock, rfc3339
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import FactsDropped, Observation
from monitor.facts.runs import WAYS
from monitor.genesys.auth import ClientCredentials
from monitor.genesys.events import Connected, Dropped, Event, GaveUp, Notified
from monitor.genesys.exchange import make_http
from monitor.genesys.notifications import NotificationConnection, NotificationOptions
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply
from monitor.publish.watch.evidence import Audits, Events, Polls, Sighting, listed_ids
from monitor.publish.watch.questions import PROBE, REFUSED_PAUSE_S, Answer, Questions, WayState, no_answer, state_of
from monitor.publish.watch.watch import Change, Watched, changes, since_s

QUEUED = 1000  # sightings that wait to be stored
STORE_AGAIN_S = 5.0
SUBSCRIBE_AGAIN_S = 30.0
CLOSE_S = 4.0

log = logging.getLogger(__name__)


class NotStoredError(Exception):
    """A marker could not be stored, or those stored could not be read. The message says why, in one line."""


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What to watch, and as whom."""

    site: str
    endpoints: Endpoints
    jobs: tuple[Watched, ...]
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where what is found goes.

    markers(since): the stored markers from then on. take: store one change, durably. Both raise NotStoredError.
    emit: facts of our own REST calls. lag_s(seconds): the worst lag of this event loop over the last so many seconds.
    """

    markers: Callable[[float], Awaitable[list[Marker]]]
    take: Callable[[Change], Awaitable[None]]
    emit: Callable[[Observation], None]
    lag_s: Callable[[float], float] = lambda seconds: 0.0


class _Job:
    """One job with what each way knows so far."""

    def __init__(self, watched: Watched, since_s: float | None, now_s: float) -> None:
        self.watched = watched
        self.topic = f"v2.workforcemanagement.businessunits.{watched.business_unit}.schedules"
        self.polled, self.listened = "poll" in watched.ways, "notification" in watched.ways
        self.wanted = asyncio.Event()
        self.events, self.polls, self.audits = Events(), Polls(since_s), Audits(since_s, now_s)
        self.schedules: set[str] = set()  # that are known to be the business unit's
        self.state = {way: state_of(watched.name, way) for way in WAYS}


class Watcher:
    """Watches every job of its plan with client credentials of its own. `run` it once, then `close` it.

    since_s: from when on (Unix seconds) publishes count that nobody was there to see; None where there is no before.
    """

    def __init__(self, plan: WatchPlan, outlets: Outlets, clock: Clock, *, since_s: float | None = None) -> None:
        self._outlets = outlets
        self._clock = clock
        self._site = plan.site
        self._http = make_http(plan.endpoints.login)
        tokens = ClientCredentials(
            plan.endpoints, plan.client_id, plan.client_secret, clock, self._http, on_reply=self._reply
        )
        self._rest = Rest(plan.endpoints, tokens, clock=clock, on_reply=self._reply)
        self._questions = Questions(plan.site, self._rest, clock, outlets.emit, outlets.lag_s)
        self._jobs = tuple(_Job(job, since_s, clock.wall_s()) for job in plan.jobs)
        self._connection = NotificationConnection(plan.endpoints, self._rest, NotificationOptions(), self._event, clock)
        self._connected = asyncio.Event()
        self._found: asyncio.Queue[tuple[Watched, Sighting]] = asyncio.Queue(QUEUED)
        self._journal = WayState("publish detection", "cannot store what it found")

    async def run(self) -> None:
        """Watch until cancelled. Whatever the platform answers, this goes on."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store_all(), name="publish watch: store")
            for job in self._jobs:
                if job.polled or job.listened:
                    tasks.create_task(self._poll_on(job), name=f"publish watch: poll {job.watched.name}")
                if "audit" in job.watched.ways:
                    tasks.create_task(self._audit_on(job), name=f"publish watch: audit {job.watched.name}")
            if self._topics():
                tasks.create_task(self._listen(), name="publish watch: listen")
                tasks.create_task(self._subscribe_on(), name="publish watch: subscribe")

    async def close(self) -> None:
        """Leave the platform in order. Idempotent; within CLOSE_S."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
                await self._rest.aclose()
                await self._http.aclose()

    # --- notification ---------------------------------------------------------------------------------------------

    def _topics(self) -> list[str]:
        return list(dict.fromkeys(job.topic for job in self._jobs if job.listened))

    async def _listen(self) -> None:
        """Hold the channel. Refused credentials end the connection; they are tried again after a while."""
        while True:
            await self._connection.run()
            await asyncio.sleep(REFUSED_PAUSE_S)

    async def _subscribe_on(self) -> None:
        """Subscribe on every new connection, and again after a while where that failed."""
        pause_s: float | None = None
        while True:
            await _wait(self._connected, pause_s)
            pause_s = await self._subscribe() if self._connection.connected else None

    async def _subscribe(self) -> float | None:
        """Subscribe, then have each job polled once for what came before. When to try again, if so."""
        refused = await self._connection.subscribe(self._topics())
        forbidden = refused is not None and refused.reason is Reason.FORBIDDEN
        for job in (job for job in self._jobs if job.listened):
            if refused is None or (forbidden and "rejected" in refused.detail and job.topic not in refused.detail):
                job.state["notification"].works()
                job.wanted.set()
            else:
                job.state["notification"].fails(refused)
        if refused is None:
            return None
        return REFUSED_PAUSE_S if forbidden else SUBSCRIBE_AGAIN_S

    def _event(self, event: Event) -> None:
        """Take what the channel tells."""
        if isinstance(event, Connected):
            self._connected.set()
        elif isinstance(event, Notified):
            now_s = self._clock.wall_s()
            for job in self._jobs:
                if job.listened and event.topic == job.topic:
                    self._see(job, job.events.take(event.body, now_s))
        elif isinstance(event, Dropped | GaveUp):
            lost = event.failure if isinstance(event, GaveUp) else _lost(event)
            for job in self._jobs:
                if job.listened:
                    job.state["notification"].fails(lost)

    # --- polling --------------------------------------------------------------------------------------------------

    async def _poll_on(self, job: _Job) -> None:
        """Poll at the job's interval, or only when wanted where it is not to be polled."""
        pause_s = 0.0 if job.polled else None
        while True:
            await _wait(job.wanted, pause_s)
            started_s = self._clock.mono_s()
            answer = await self._poll(job)
            if answer.failure is None and not job.polled:
                pause_s = None
            else:
                left_s = started_s + job.watched.poll_interval_s - self._clock.mono_s()
                pause_s = max(0.0, left_s, answer.pause_s)

    async def _poll(self, job: _Job) -> Answer:
        answer = await self._questions.schedules(job.watched.business_unit)
        if answer.failure is not None:
            job.state["poll"].fails(answer.failure)
            return answer
        seen = job.polls.take(answer.bodies[0], answer.asked_s, answer.answered_s)
        if seen is None:
            job.state["poll"].fails(no_answer("schedules"))
            return answer
        job.state["poll"].works()
        for sighting in seen:
            self._see(job, sighting)
        return answer

    # --- audit ----------------------------------------------------------------------------------------------------

    async def _audit_on(self, job: _Job) -> None:
        while True:
            started_s = self._clock.mono_s()
            answer = await self._audit(job)
            left_s = started_s + job.watched.audit_interval_s - self._clock.mono_s()
            await asyncio.sleep(max(0.0, left_s, answer.pause_s))

    async def _audit(self, job: _Job) -> Answer:
        answer = await self._questions.audits(job.audits.query)
        if answer.failure is not None:
            job.state["audit"].fails(answer.failure)
            return answer
        seen = job.audits.take(answer.bodies, answer.asked_s, answer.answered_s)
        if seen is None:
            job.state["audit"].fails(no_answer("audits"))
            return answer
        job.state["audit"].works()
        for sighting in seen:
            self._see(job, await self._of_unit(job, sighting))
        return answer

    async def _of_unit(self, job: _Job, sighting: Sighting) -> Sighting | None:
        """The sighting if its schedule is the job's business unit's: the audit log is the whole organisation's."""
        if sighting.schedule not in job.schedules:
            answer = await self._questions.schedules(job.watched.business_unit)
            if answer.failure is not None:
                return replace(sighting, unconfirmed=True)
            job.schedules |= listed_ids(answer.bodies[0])
        return sighting if sighting.schedule in job.schedules else None

    # --- storing --------------------------------------------------------------------------------------------------

    def _reply(self, reply: RestReply) -> None:
        self._questions.reply(reply)

    def _see(self, job: _Job, sighting: Sighting | None) -> None:
        if sighting is None:
            return
        try:
            self._found.put_nowait((job.watched, sighting))
        except asyncio.QueueFull:
            now_s = self._clock.wall_s()
            self._outlets.emit(FactsDropped(site=self._site, probe=PROBE, at_wall_s=now_s, sink="journal", count=1))

    async def _store_all(self) -> None:
        """Store sightings one after the other, each until it is stored."""
        while True:
            watched, sighting = await self._found.get()
            while True:
                if await self._store(watched, sighting):
                    break
                await asyncio.sleep(STORE_AGAIN_S)

    async def _store(self, watched: Watched, sighting: Sighting) -> bool:
        try:
            known = await self._outlets.markers(since_s(watched, sighting))
            for change in changes(watched, sighting, known, self._clock.wall_s()):
                await self._outlets.take(change)
                _log_found(change)
        except NotStoredError as error:
            self._journal.fails(failure("journal", Reason.ERROR, error))
            return False
        self._journal.works()
        return True


def _lost(dropped: Dropped) -> Failure:
    return failure("channel", Reason.CLOSED, dropped.detail or dropped.layer_reason)


async def _wait(event: asyncio.Event, timeout_s: float | None) -> None:
    """Return when the event comes, which clears it, or when the time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    event.clear()


def _log_found(change: Change) -> None:
    marker = change.new
    if marker.phase is MarkerPhase.END and change.old is None:
        ended = rfc3339(marker.at_wall_s)
        log.info("publish %s: run %s found by %s, ended %s", marker.job, marker.run_id, marker.found_by, ended)
