"""A publish rehearsed: one arm against the simulated platform in virtual time, and what its softphones made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from monitor.analysis.experiment.arm_report import Outcome
from monitor.commands.block_values import ending_of, of_agents, publish_values
from monitor.genesys.requests import IQ_TIMEOUT_S
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.flow.flow import PublishFlow
from monitor.publish.plan.model import Arm, Plan, Step
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.scenario import Scenario

WARM_UP_S = 60.0  # softphones ping a few times before anything is done to them
PROBE_EVERY_S = 15.0  # a monitor's signalling probe fetches the ICE-server list so often
SETTLE_STEP_S = 5.0
START_WALL_S = 1_790_000_000.0  # a Monday; scenarios with local times of their own are rehearsed from there
TOKEN = "publish"  # noqa: S105 - the name of a rate-limit window, not a secret


@dataclass(slots=True)
class Watch:
    """What is looked at while time passes: ICE-server fetches as a monitor makes them, and the signalling backlog."""

    platform: VirtualPlatform
    next_s: float
    fetches_s: list[float] = field(default_factory=list)
    timeouts: int = 0
    backlog_s: float = 0.0

    def look(self, now_s: float) -> None:
        """Note the backlog, and fetch when it is time to."""
        self.backlog_s = max(self.backlog_s, self.platform.world.backlogs_s(now_s)[1])
        while self.next_s <= now_s:
            self._fetch(now_s)
            self.next_s += PROBE_EVERY_S

    def _fetch(self, now_s: float) -> None:
        """Two requests side by side, of which the later answer counts."""
        seconds = max(self.platform.world.signalling_turn(now_s, "extdisco") for _ in range(2))
        if seconds < IQ_TIMEOUT_S:
            self.fetches_s.append(seconds)
        else:
            self.timeouts += 1


class Watched:
    """A RestScript that runs another one and looks about on the way, from its first request on."""

    def __init__(self, flow: PublishFlow, watch: Watch) -> None:
        self.flow = flow
        self.answers_s: list[float] = []
        self.start_s: float | None = None
        self._watch = watch

    @property
    def done(self) -> bool:
        """When the publish is."""
        return self.flow.done

    def due_s(self) -> float | None:
        """When the publish or the watch has something to do."""
        due_s = self.flow.due_s()
        if self.start_s is None:
            return due_s
        return self._watch.next_s if due_s is None else min(due_s, self._watch.next_s)

    def act(self, now_s: float) -> list[RestRequest]:
        """What the publish sends now."""
        due_s = self.flow.due_s()
        requests = self.flow.act(now_s) if due_s is not None and due_s <= now_s else []
        if requests and self.start_s is None:
            self.start_s = self._watch.next_s = now_s
        if self.start_s is not None:
            self._watch.look(now_s)
        return requests

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        """Pass a reply on, and keep its time."""
        self._watch.look(now_s)
        if reply.ok and reply.seconds is not None:
            self.answers_s.append(reply.seconds)
        self.flow.hear(request, reply, now_s)


def rehearse(plan: Plan, step: Step, scenario: Scenario) -> Outcome:
    """Run one virtual block to its end: publish, tail, and until every agent is connected again or settle_s is over."""
    assert step.seed is not None
    arm = plan.arm(step.arm)
    platform = VirtualPlatform(scenario, seed=step.seed, start_wall_s=START_WALL_S)
    platform.advance(WARM_UP_S)
    watch = Watch(platform, WARM_UP_S)
    events: list[AgentEvent] = []
    state, values = "ok", {}
    start_s = WARM_UP_S
    if arm.publishes:
        script = Watched(_flow(plan, step, arm, platform), watch)
        events += platform.run(script, TOKEN)
        ended, failed = ending_of(script.flow.events())
        assert ended is not None
        state = ended.outcome
        values = publish_values(ended.summary, failed, script.answers_s)
        start_s, end_s = script.start_s or start_s, platform.now_s
    else:
        end_s = start_s + plan.none_s
    window_s = end_s + plan.tail_s
    events += _pass(platform, watch, window_s)
    fetches = len(watch.fetches_s), watch.timeouts
    events += _settle(platform, watch, window_s + plan.settle_s)
    seen = of_agents(events, start_s, window_s, platform.now_s)
    seen.fetches_s += watch.fetches_s[: fetches[0]]
    seen.fetch_timeouts += fetches[1]
    values |= {**seen.values(), "backlog_s": watch.backlog_s}
    return Outcome(step.block, step.replicate, step.mode, step.arm, state, values, _note(platform))


def _flow(plan: Plan, step: Step, arm: Arm, platform: VirtualPlatform) -> PublishFlow:
    job = arm.job(platform.business_unit_id, platform.week_id, platform.schedule_id, plan.publish.writes)
    offset_s = platform.wall_s(0.0)
    return PublishFlow(job, arm.strategy(), seed=step.seed or 0, wall_offset_s=offset_s)


def _pass(platform: VirtualPlatform, watch: Watch, until_s: float) -> Iterator[AgentEvent]:
    """Let time pass, with the watch's fetches at their times."""
    while platform.now_s < until_s:
        yield from platform.advance(min(until_s, watch.next_s))
        watch.look(platform.now_s)


def _settle(platform: VirtualPlatform, watch: Watch, until_s: float) -> Iterator[AgentEvent]:
    while not platform.quiet(platform.now_s) and platform.now_s < until_s:
        yield from _pass(platform, watch, min(until_s, platform.now_s + SETTLE_STEP_S))


def _note(platform: VirtualPlatform) -> str:
    return "" if platform.quiet(platform.now_s) else "not every agent was connected again in time"
