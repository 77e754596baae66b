"""Twelve weeks of facts in seconds: the world that also runs live, stepped through virtual time and measured; pure.

The platform is simulated agent by agent where its queues are busy or somebody is offline; over quiet stretches only
the probes measure, and the platform is moved on afterwards.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import heappop, heappush
from typing import Final
from zoneinfo import ZoneInfo

from monitor.facts.markers import Marker
from monitor.facts.observations import Observation
from monitor.genesys.rest_messages import RestScript
from monitor.simulator.history.agents import AgentFacts
from monitor.simulator.history.background import Mishap, happen, mishaps
from monitor.simulator.history.calendar import Shift, begin_wall_s, end_wall_s, planned_publishes, shifts
from monitor.simulator.history.clock import MonitorClock
from monitor.simulator.history.grid import Schedule
from monitor.simulator.history.order import InOrder
from monitor.simulator.history.plan import BackgroundDrops, Cadence, HistoryPlan, PublishTimes, ScriptFor
from monitor.simulator.history.probes import GATEWAY_S
from monitor.simulator.history.publish import PublishRun, run_id_of
from monitor.simulator.history.script import ScriptTarget, WeeklyScript
from monitor.simulator.history.sites import monitors_of, probes_of, staff_of, with_synthetic
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.scenario import Scenario

__all__ = ["BackgroundDrops", "Cadence", "HistoryPlan", "PublishTimes", "ScriptFor", "facts"]

BUSY_S: Final = 10.0  # how long it takes to look again whether all is quiet, twice as long each time it is not
BUSIEST_S: Final = 640.0
CALLS_S: Final = 600.0  # before a path is cut there must be calls on it: a quiet stretch has none
LOOK_S: Final = 5.0  # and in a quiet stretch: that late a probe may notice what one softphone just went through
SETTLED_S: Final = 2.0  # other clients' work that came earlier than this has been done, when all is quiet
DISORDER_S: Final = 120.0  # a fact may be known this much later than one that is dated after it


def facts(scenario: Scenario, plan: HistoryPlan, seed: int) -> Iterator[Observation | Marker]:
    """Everything the monitor tells of these weeks, lazily and in order of `at_wall_s`.

    Agents are named agent-001 and so on, the measured softphone of each site synthetic-<site>. Facts of agents come at
    any time, those of probes in the plan's working hours. Equal arguments give equal facts.
    """
    return _History(scenario, plan, seed).run()


def own_script(platform: VirtualPlatform, _seed: int) -> RestScript:
    """What the users' own script does, for the agents of the platform's latest schedule."""
    agents = tuple(platform.schedules.schedules[platform.schedule_id].agents)
    return WeeklyScript(ScriptTarget(platform.business_unit_id, platform.week_id, platform.schedule_id, agents))


class _History:
    """One history on its way. All times in `_s` are the platform's: seconds since the history's beginning."""

    def __init__(self, scenario: Scenario, plan: HistoryPlan, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._zone = ZoneInfo(scenario.timezone)
        begin_s, end_s = begin_wall_s(plan, self._zone), end_wall_s(plan, self._zone)
        measured = with_synthetic(scenario)
        self._platform = VirtualPlatform(measured, seed=seed, start_wall_s=begin_s)
        self._end_s = end_s - begin_s
        self._loaded = any(what.kind == "background" for what in scenario.occurrences)
        self._staff = staff_of(measured)
        self._clock = MonitorClock(self._platform.timeline.edges(begin_s, end_s))
        self._monitors = monitors_of(self._platform, self._staff, self._clock, seed)
        probes = [probe for n, monitor in enumerate(self._monitors) for probe in probes_of(monitor, plan.cadence, n)]
        self._schedule = Schedule(probes)
        edges = {monitor.site: monitor.baseline for monitor in self._monitors}
        self._of_agents = AgentFacts(
            self._staff.names,
            self._staff.synthetic.values(),
            shown_s=self._shown_s,
            edge_s=lambda site: GATEWAY_S + edges[site].path_s(),
        )
        self._order = InOrder()
        self._disorder_s = DISORDER_S + self._clock.furthest_back_s
        self._calls_s = CALLS_S if any(what.kind == "path" for what in scenario.occurrences) else 0.0
        self._busy_s = BUSY_S
        self._busy_until_s = 0.0
        self._runs: list[PublishRun] = []
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._counter = itertools.count()
        self._plan_actions()

    def run(self) -> Iterator[Observation | Marker]:
        """From the first midnight to the last."""
        self._tell(self._of_agents.begin(self._staff.sites, 0.0))
        while (at_s := self._next_action_s()) < self._end_s:
            yield from self._pass(at_s)
            self._act(at_s)
        yield from self._pass(self._end_s)
        yield from self._order.rest()

    # What is planned

    def _plan_actions(self) -> None:
        days = shifts(self._plan, self._zone)
        for shift in days:
            self._at(shift.begin_wall_s, partial(self._begin_day, shift))
        for site in self._staff.synthetic:
            for mishap in mishaps(self._plan.background, site, self._staff.at(site), days, self._seed):
                self._at(mishap.at_wall_s, partial(self._mishap, mishap))
        planned = planned_publishes(self._plan, self._zone, self._seed)
        for number, publish in enumerate(publish for publish in planned if publish.publishes):
            self._at(publish.at_wall_s, partial(self._publish, number, publish.at_wall_s))

    def _at(self, wall_s: float, action: Callable[[], None]) -> None:
        heappush(self._actions, (wall_s - self._platform.start_wall_s, next(self._counter), action))

    def _next_action_s(self) -> float:
        planned_s = self._actions[0][0] if self._actions else math.inf
        running_s = min((run.next_s() for run in self._runs), default=math.inf)
        return max(self._platform.now_s, min(planned_s, running_s))

    def _act(self, now_s: float) -> None:
        while self._actions and self._actions[0][0] <= now_s:
            heappop(self._actions)[2]()
        for run in self._runs:
            run.step(now_s)
        for run in [run for run in self._runs if run.done]:
            self._runs.remove(run)
            self._order.add(run.end_marker(self._platform.wall_s(now_s)))

    # What happens

    def _begin_day(self, shift: Shift) -> None:
        for monitor in self._monitors:
            monitor.baseline.begin_day(shift.day)
            monitor.issued_wall_s = shift.begin_wall_s
        self._schedule.begin(self._platform.now_s, shift.end_wall_s - self._platform.start_wall_s)

    def _mishap(self, mishap: Mishap) -> None:
        phone = self._platform.population.phones[mishap.agent]
        happen(mishap, phone, self._platform.now_s, server_pings=self._platform.scenario.keepalive == "server")

    def _publish(self, number: int, wall_s: float) -> None:
        plan = self._plan.publish
        assert plan is not None
        schedule = self._platform.add_week(wall_s)
        for agent in self._staff.synthetic.values():  # nobody publishes for a synthetic softphone
            del schedule.agents[self._platform.user_ids[agent]]
        rng = random.Random(f"{self._seed}:publish:{number}")  # noqa: S311 - reproducible, not a secret
        script = (self._plan.script_for or own_script)(self._platform, rng.getrandbits(31))
        run = PublishRun(script, self._platform, plan, run_id_of(plan, wall_s, self._zone), len(schedule.agents))
        self._order.add(run.start_marker(wall_s))
        self._runs.append(run)

    # How time passes

    def _pass(self, until_s: float) -> Iterator[Observation | Marker]:
        """Up to that moment, measuring; what can be told by then."""
        platform = self._platform
        while platform.now_s < until_s:
            now_s, edge_s = platform.now_s, platform.population.next_edge_s
            if now_s >= self._busy_until_s and (edge_s - self._calls_s <= now_s or self._busy(now_s)):
                self._busy_until_s = now_s + self._busy_s
                self._busy_s = min(2 * self._busy_s, BUSIEST_S)
            if now_s >= self._busy_until_s:
                self._coast(min(until_s, edge_s - self._calls_s))
                if platform.now_s >= edge_s:
                    self._busy_until_s = edge_s + self._busy_s
            else:
                self._step(min(until_s, self._busy_until_s, self._schedule.next_s))
            yield from self._order.until(self._clock.shown_s(platform.wall_s(platform.now_s)) - self._disorder_s)

    def _busy(self, now_s: float) -> bool:
        """Whether the platform's queues or softphones have something to do, or a publish soon gives them something."""
        return any(run.next_s() < now_s + LOOK_S for run in self._runs) or not self._platform.quiet(now_s)

    def _coast(self, until_s: float) -> None:
        """A quiet stretch, or as much of it as no softphone does anything in: the probes first, then the platform."""
        at_work = self._schedule.next_s < math.inf
        if at_work:
            until_s = min(until_s, max(self._platform.now_s + LOOK_S, self._platform.population.next_s()))
        if until_s - self._platform.now_s > LOOK_S:
            self._busy_s = BUSY_S
        while self._schedule.next_s < until_s:
            if self._loaded:
                self._platform.world.skip(self._schedule.next_s - SETTLED_S)
            self._tell(self._schedule.run())
        self._hear(self._platform.fast_forward(until_s, at_work=at_work))

    def _step(self, until_s: float) -> None:
        self._hear(self._platform.advance(until_s))
        while self._schedule.next_s <= until_s:
            self._tell(self._schedule.run())

    def _hear(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            self._tell(self._of_agents.of(event))

    def _tell(self, told: Iterable[Observation]) -> None:
        for fact in told:
            self._order.add(fact)

    def _shown_s(self, at_s: float) -> float:
        return self._clock.shown_s(self._platform.wall_s(at_s))
