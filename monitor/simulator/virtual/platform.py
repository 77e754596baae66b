"""The whole simulated platform in virtual time: the world, its agents and the REST routes of a publish; pure.

Nobody waits here: the caller says how late it is. A publish flow that takes two minutes of virtual time runs in well
under a second, and the same seed gives the same answers.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.facts.failures import failure, reason_of_status
from monitor.genesys.rest_messages import RateLimit, RestReply, RestRequest, RestScript
from monitor.simulator.organisation.audit_log import AuditEntry, AuditLog
from monitor.simulator.organisation.model import Refusal
from monitor.simulator.organisation.refusal_bodies import RefusedError, error_body, overloaded
from monitor.simulator.organisation.schedule_bodies import (
    agent_event,
    agent_topic,
    notified_agents,
    schedule_event,
    schedule_metadata,
    schedules_topic,
)
from monitor.simulator.organisation.schedules import Change, DocumentError, Schedule, ScheduleBook, read_document
from monitor.simulator.organisation.seeded import Organisation
from monitor.simulator.rest.faults import too_many_requests
from monitor.simulator.virtual.rest import STORAGE, Answer, Update, VirtualRest
from monitor.simulator.virtual.script_runner import run_script
from monitor.simulator.world.agents import AgentEvent, Population
from monitor.simulator.world.limits import Allowance, RateLimiter
from monitor.simulator.world.scenario import Scenario
from monitor.simulator.world.world import World

__all__ = ["AgentEvent", "PlatformEvent", "Publication", "VirtualPlatform"]

QUIET_BACKLOG_S: Final = 0.2  # random arrivals of other clients leave this much now and then
STEP_S: Final = 1.0  # how long it takes to look again whether all is quiet
LIMIT_S: Final = 0.01  # the rate limiter answers before any queue
STORAGE_S: Final = 0.03  # the signed upload goes elsewhere
EVENTS_KEPT: Final = 20_000  # for `events`, of which nobody need ask
NETWORK_KINDS: Final = (
    *("dns", "dtls", "ice_list_empty", "nat", "path", "persistent_idle", "stun", "turn", "turn_credentials", "vpn"),
)


@dataclass(frozen=True, slots=True)
class Publication:
    """One update that was applied. users: whom its document named."""

    at_s: float
    at_wall_s: float
    schedule_id: str
    version: int
    published: bool
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """One notification as it left: topic and eventBody."""

    at_s: float
    topic: str
    body: Mapping[str, Any]


class VirtualPlatform:
    """One simulated organisation from start_wall_s (Unix seconds) on; `now_s` is 0.0 then and never goes back."""

    def __init__(self, scenario: Scenario, *, seed: int, start_wall_s: float) -> None:
        self.scenario = scenario
        self.start_wall_s = start_wall_s
        self.now_s = 0.0
        self.world = World(scenario, seed)
        self.limiter = RateLimiter()
        self.population = Population(scenario, seed, self.world, self.limiter, start_wall_s)
        self.timeline = self.population.timeline
        self.network = self.population.network
        self.organisation = Organisation(seed, scenario.agents, start_wall_s)
        self.business_unit_id = self.organisation.unit.business_unit_id
        self.management_unit_id = self.organisation.unit.management_unit_id
        self.user_ids = tuple(self.organisation.users)
        self.schedules = ScheduleBook()
        self.audits = AuditLog()
        self.published: list[Publication] = []
        self._rest = VirtualRest(self.organisation, self.schedules, self.audits, scenario.timezone)
        self._updates: Counter[str] = Counter()
        self._accepted: list[tuple[float, int, Update]] = []
        self._requests = 0
        self._told: list[AgentEvent] = []
        self._sent: deque[PlatformEvent] = deque(maxlen=EVENTS_KEPT)
        self.schedule_id = self.week_id = ""
        self.add_week(start_wall_s)

    # Time

    def wall_s(self, now_s: float) -> float:
        """Unix seconds of a moment."""
        return self.start_wall_s + now_s

    def advance(self, until_s: float) -> list[AgentEvent]:
        """Let time pass; what the agents' softphones did since the last call, in order."""
        self._pass(until_s)
        return self._take_told()

    def fast_forward(self, until_s: float, *, at_work: bool = True) -> list[AgentEvent]:
        """As `advance`, but quiet stretches cost nothing: their pings, and their calls that go well, are not told.

        at_work: False where agents are away: nobody has calls then, whatever the network is like.
        """
        while self.now_s < until_s:
            if self.quiet(self.now_s):
                self._coast(until_s, at_work)
            else:
                self._pass(min(until_s, self.now_s + STEP_S))
        return self._take_told()

    def quiet(self, now_s: float) -> bool:
        """Nothing is going on at `now_s`: queues empty, agents connected, no update on its way, no passing load."""
        if now_s > self.now_s:
            self._pass(now_s)
        return (
            not self._accepted
            and max(self.world.backlogs_s(self.now_s)) <= QUIET_BACKLOG_S
            and not self.world.loaded(self.now_s)
            and self.population.settled()
        )

    def events(self) -> list[PlatformEvent]:
        """Notifications since the last call: of the business unit's schedules, and of each agent's."""
        sent = list(self._sent)
        self._sent.clear()
        return sent

    # REST

    def request(self, request: RestRequest, token: str, now_s: float) -> tuple[float, RestReply]:
        """One REST call that is sent now: when its answer has come, and the answer.

        token: any text stands for client credentials of its own; `agents.agent_token` names those of the agents.
        """
        self._pass(now_s)
        self._requests += 1
        if request.path.startswith(STORAGE):
            return self._reply(request, STORAGE_S, self._rest.store(request), None, None)
        allowance: Allowance | None = None
        delay_s = LIMIT_S
        try:
            operation, handle = self._rest.find(request)
            allowance = self.limiter.take(token, self.now_s, self.scenario.rate_limit)
            if allowance.limited:
                return self._refuse(request, LIMIT_S, too_many_requests(allowance.reset_s), None)
            admission = self.world.rest_call(self.now_s, operation)
            delay_s = admission.delay_s
            if admission.refused is not None:
                return self._refuse(request, delay_s, overloaded(admission.refused), allowance)
            answer = handle(self.wall_s(self.now_s), self.organisation.user_of(token))
        except RefusedError as error:
            return self._refuse(request, delay_s, error.refusal, allowance)
        self._follow_up(answer, self.now_s + delay_s)
        return self._reply(request, delay_s, answer.status, answer.body, allowance)

    def run(
        self, script: RestScript, token: str, *, on_event: Callable[[PlatformEvent], None] | None = None
    ) -> list[AgentEvent]:
        """Run a script to its end, from now on; what the agents' softphones did meanwhile, in order.

        on_event: told of every notification when it leaves. RuntimeError when the script waits for nothing.
        """
        return run_script(self, script, token, on_event or _ignore)

    # Schedules

    def add_week(self, wall_s: float) -> Schedule:
        """A draft for the week of that moment; from now on `week_id` and `schedule_id` name it."""
        schedule = self.schedules.add_week(self.organisation.new_id(), wall_s, self.organisation.users)
        self.week_id, self.schedule_id = schedule.week_id, schedule.id
        return schedule

    def updates_of(self, user_id: str) -> int:
        """How often the user was in a document that was applied."""
        return self._updates[user_id]

    # How time passes

    def _pass(self, until_s: float) -> None:
        while self._accepted and self._accepted[0][0] <= until_s:
            due_s, _, update = heapq.heappop(self._accepted)
            self._told += self.population.advance(due_s)
            self.now_s = max(self.now_s, due_s)
            self._process(update)
        self._told += self.population.advance(until_s)
        self.now_s = max(self.now_s, until_s)

    def _coast(self, until_s: float, at_work: bool) -> None:
        """Over a quiet stretch, to its end or to the next thing that the scenario lets happen."""
        edge_s = self.population.next_edge_s
        target_s = min(until_s, edge_s)
        wall_s = self.wall_s(self.now_s)
        calls = not at_work or all(self.timeline.active(kind, wall_s) is None for kind in NETWORK_KINDS)
        self.world.skip(target_s)
        self._told += self.population.coast(target_s, calls=calls, at_work=at_work)
        self.now_s = target_s
        if target_s == edge_s:  # what begins now may be what makes pings fail
            self._pass(target_s)

    def _take_told(self) -> list[AgentEvent]:
        told, self._told = self._told, []
        return told

    # What becomes of an update

    def _follow_up(self, answer: Answer, done_s: float) -> None:
        if answer.told:
            self.world.fan_out(self.now_s, len(answer.told))
        if answer.update is not None:
            if self.scenario.processing_event:
                operation_id = answer.update.operation_id
                self._send(
                    schedules_topic(self.organisation.unit), schedule_event("Processing", operation_id, "Update")
                )
            heapq.heappush(self._accepted, (done_s + self.scenario.publish_s, self._requests, answer.update))

    def _process(self, update: Update) -> None:
        """The work behind the 202, then one event for the business unit and one for each changed agent."""
        unit, schedule, wall_s = self.organisation.unit, update.schedule, self.wall_s(self.now_s)
        try:
            document = read_document(update.content)
            change = self.schedules.apply(schedule, document, self.organisation.users, update.by, wall_s)
        except DocumentError:  # the real platform gives no reason either
            self._send(schedules_topic(unit), schedule_event("Error", update.operation_id, "Update"))
            return
        self._remember(update, change, published=bool(document.published))
        result = schedule_metadata(unit, schedule)
        self._send(schedules_topic(unit), schedule_event("Complete", update.operation_id, "Update", result))
        told = notified_agents(schedule, change)
        self.world.fan_out(self.now_s, len(told))
        self.population.schedule_changed(self.now_s, [self.organisation.index_of[user_id] for user_id in told])
        for user_id in told:
            self._send(agent_topic(user_id), agent_event(schedule, change, user_id))

    def _remember(self, update: Update, change: Change, *, published: bool) -> None:
        schedule, wall_s = update.schedule, self.wall_s(self.now_s)
        self._updates.update(change.changed_users)
        self.published.append(
            Publication(self.now_s, wall_s, schedule.id, schedule.version, published, change.changed_users)
        )
        self.audits.add(
            AuditEntry(
                id=self.organisation.new_id(),
                at_wall_s=wall_s,
                service="WorkforceManagement",
                action="Publish" if published else "Update",
                entity_type="Schedule",
                entity_id=schedule.id,
                entity_name=schedule.description,
                user_id="",
                client_id=self.organisation.client_id,
                remote_ip="",
            )
        )

    def _send(self, topic: str, body: Mapping[str, Any]) -> None:
        self._sent.append(PlatformEvent(self.now_s, topic, body))

    # Replies

    def _refuse(
        self, request: RestRequest, delay_s: float, why: Refusal, allowance: Allowance | None
    ) -> tuple[float, RestReply]:
        body = error_body(why, self._correlation_id())
        return self._reply(request, delay_s, why.status, body, allowance, why.retry_after_s)

    def _reply(
        self,
        request: RestRequest,
        delay_s: float,
        status: int,
        body: Any,
        allowance: Allowance | None,
        retry_after_s: int | None = None,
    ) -> tuple[float, RestReply]:
        words = " ".join([f"HTTP {status}", *(str(body[key]) for key in ("code", "message") if key in (body or ()))])
        reply = RestReply(
            operation=request.operation,
            status=status,
            body=body,
            seconds=delay_s,
            retry_after_s=None if retry_after_s is None else float(retry_after_s),
            correlation_id=self._correlation_id(),
            rate_limit=None if allowance is None else _told_limit(allowance),
            failure=None if 200 <= status < 300 else failure(request.operation, reason_of_status(status), words),
        )
        return self.now_s + delay_s, reply

    def _correlation_id(self) -> str:
        return f"virtual-{self._requests:08d}"


def _told_limit(allowance: Allowance) -> RateLimit:
    return RateLimit(allowance.count, allowance.allowed, float(allowance.reset_s))


def _ignore(_event: PlatformEvent) -> None:
    """Nobody listens to notifications."""
