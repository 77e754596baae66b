"""Every agent of the simulated organisation as a virtual softphone: discrete events on a heap, the same for one seed.

Time comes in: `advance` runs everything that is due. What a scenario lets happen to softphones and to the World is
done here as well, so that a live and a virtual platform only have to let time pass.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.limits import RateLimiter
from monitor.simulator.world.network import Network
from monitor.simulator.world.occurrences import Edge, Timeline
from monitor.simulator.world.scenario import Scenario
from monitor.simulator.world.softphone import Softphone
from monitor.simulator.world.softphone_calls import SoftphoneCalls
from monitor.simulator.world.softphone_host import ALWAYS, Connecting, Step
from monitor.simulator.world.softphone_keepalive import next_ping_s
from monitor.simulator.world.world import World

__all__ = ["SHARED_TOKEN", "AgentEvent", "Population", "agent_token"]

SHARED_TOKEN: Final = "agents"  # noqa: S105 - the name of a rate-limit window, not a secret
CUT_CODE: Final = 1012  # RFC 6455 section 7.4.1 and its registry: service restart
DISPLACED_CODE: Final = 1000
SIGN_IN_S: Final = 30.0  # people come back one by one
READ_AFTER_S: Final = (0.5, 5.0)  # a client reads a changed schedule after this long
REFUSED_REST_S: Final = 0.01  # the rate limiter answers before any queue
ROUNDING_S: Final = 1e-6  # Unix seconds are known to a quarter of that

_Entry = tuple[float, int, int, Connecting, Step]


@dataclass(frozen=True, slots=True)
class Answered:
    """One REST call of a softphone: status 200, 401, 429, 503 or 504; retry_after_s 0 where none is told."""

    delay_s: float
    status: int
    retry_after_s: float = 0.0


def agent_token(index: int, *, shared: bool) -> str:
    """The rate-limit window that an agent's REST calls count in."""
    return SHARED_TOKEN if shared else f"agent-{index}"


class Population:
    """All agents, connected at start_s. Times are monotonic seconds; start_s belongs to the Unix time start_wall_s.

    In a live simulator `world` and `limiter` are the ones that real clients meet too: both load the same queues.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        world: World,
        limiter: RateLimiter,
        start_wall_s: float,
        *,
        start_s: float = 0.0,
    ) -> None:
        self.scenario = scenario
        self.world = world
        self.timeline = Timeline(scenario, start_wall_s)
        self.network = Network(scenario, self.timeline, seed)
        self.server_pings = scenario.keepalive == "server"
        self.server_ping_period_s = scenario.server_ping_period_s
        self.call_every_s = scenario.call_every_s
        self._limiter = limiter
        self._wall_offset_s = start_wall_s - start_s
        self._now_s = start_s
        self._rng = random.Random(f"{seed}:agents")  # noqa: S311 - reproducible, not a secret
        self._heap: list[_Entry] = []
        self._planned = 0
        # while coasting: each agent's epoch, and when the next ping would be due
        self._parked: dict[int, tuple[int, float]] | None = None
        self._parked_calls = self._parked_idle = False
        self._told: list[AgentEvent] = []
        self.phones: list[Softphone] = []
        self._calls: list[SoftphoneCalls] = []
        for site, size in scenario.site_sizes.items():
            for _ in range(size):
                self._add(site, seed)
        self._victims = {site: self._rng.choice(self._at(site)) for site in (None, *scenario.site_sizes)}
        self._next_edge_wall_s: float | None = start_wall_s  # what always holds begins now
        self._next_edge_s = start_s

    # The interface

    def next_s(self) -> float:
        """When `advance` next has something to do; infinity when it never has."""
        return min(self._heap[0][0] if self._heap else math.inf, self._next_edge_s)

    def advance(self, until_s: float) -> list[AgentEvent]:
        """Let time pass up to and including `until_s`; what happened, in order."""
        if self._parked is not None:
            self._resume()
        return self._run(until_s)

    def _run(self, until_s: float) -> list[AgentEvent]:
        heap = self._heap
        while True:
            at_s = heap[0][0] if heap else math.inf
            if self._next_edge_s <= until_s and self._next_edge_s <= at_s:
                self._meet_edges()
                continue
            if at_s > until_s:
                break
            _, _, epoch, phone, step = heapq.heappop(heap)
            if epoch in (ALWAYS, phone.epoch):
                step(at_s)
        self._now_s = max(self._now_s, until_s)
        told, self._told = self._told, []
        return told

    def cut(self, now_s: float, reason: str, code: int | None, site: str | None = None) -> None:
        """The server closed the sockets of every agent (of a site). code None: without a close frame."""
        for phone in self._at(site):
            phone.cut(now_s, reason, code)

    def move(self, now_s: float, site: str | None = None) -> None:
        """The platform asks every connected agent's client to connect elsewhere."""
        for phone in self._at(site):
            phone.ask_to_move(now_s)

    def schedule_changed(self, now_s: float, agents: Iterable[int]) -> None:
        """These agents' clients were told of a changed schedule: some of them read it over REST."""
        for index in agents:
            phone = self.phones[index]
            if phone.online and phone.rng.random() < self.scenario.schedule_reads:
                self.later(now_s + phone.rng.uniform(*READ_AFTER_S), phone, ALWAYS, self._reader(phone))

    @property
    def next_edge_s(self) -> float:
        """When the scenario next lets something begin or end; infinity when it never does any more."""
        return self._next_edge_s

    @property
    def online(self) -> int:
        """How many agents are connected."""
        return sum(phone.online for phone in self.phones)

    def settled(self) -> bool:
        """Every agent is connected, without a missed ping, or has given up for good."""
        return all(phone.gone or (phone.online and not phone.watch.misses) for phone in self.phones)

    def coast(self, until_s: float, *, calls: bool, at_work: bool = True) -> list[AgentEvent]:
        """As `advance`, but every ping is taken to be answered, and with `calls` every call to go well.

        at_work: False, when agents are away, takes it that no proxy finds their softphones idle either. Only where
        nothing is going on: `settled`, and queues that are empty. Costs next to nothing; each agent keeps its rhythm
        for the `advance` after it.
        """
        if self._parked is not None and (self._parked_calls, self._parked_idle) != (calls, not at_work):
            self._resume()
        if self._parked is None:
            self._park(calls, idle=not at_work)
        return self._run(until_s)

    def _park(self, calls: bool, *, idle: bool) -> None:
        kept: list[_Entry] = []
        self._parked, self._parked_calls, self._parked_idle = {}, calls, idle
        for entry in self._heap:
            at_s, _, epoch, phone, step = entry
            ping_s = next_ping_s(at_s, step, idle=idle) if epoch == phone.epoch else None
            if ping_s is not None and (idle or not self.phones[phone.index].watch.may_idle(at_s)):
                _, other_s = self._parked.get(phone.index, (0, math.inf))
                self._parked[phone.index] = (epoch, min(ping_s, other_s))
            elif not calls or step != self._calls[phone.index].propose:
                kept.append(entry)
        heapq.heapify(kept)
        self._heap = kept

    def _resume(self) -> None:
        parked, self._parked = self._parked or {}, None
        for index, (epoch, due_s) in parked.items():
            if self.phones[index].epoch == epoch:
                self.phones[index].watch.rejoin(self._now_s, due_s)
        if self._parked_calls:
            for calls, phone in zip(self._calls, self.phones, strict=True):
                self.later(calls.next_call_s(self._now_s), phone, ALWAYS, calls.propose)

    # What softphones ask of their host

    def wall_s(self, now_s: float) -> float:
        """Unix seconds of a moment."""
        return now_s + self._wall_offset_s

    def emit(self, event: AgentEvent) -> None:
        """Something happened."""
        self._told.append(event)

    def later(self, at_s: float, phone: Connecting, epoch: int, step: Step) -> None:
        """Call `step` then, unless the phone has entered another epoch by that time; ALWAYS: in any case."""
        self._planned += 1
        heapq.heappush(self._heap, (at_s, self._planned, epoch, phone, step))

    def rest(self, now_s: float, index: int, operation: str, *, token_ends_s: float) -> Answered:
        """One REST call under an agent's token, past the same limit and into the same queue as everybody's."""
        if now_s >= token_ends_s:
            return Answered(REFUSED_REST_S, 401)
        token = agent_token(index, shared=self.scenario.shared_agent_token)
        allowance = self._limiter.take(token, now_s, self.scenario.rate_limit)
        if allowance.limited:
            return Answered(REFUSED_REST_S, 429, float(allowance.reset_s))
        admission = self.world.rest_call(now_s, operation)
        return Answered(admission.delay_s, admission.refused or 200)

    def bound(self, index: int, now_s: float) -> None:
        """That agent's softphone can be reached by calls again."""
        self._calls[index].reachable(now_s)

    # Beginnings

    def _add(self, site: str, seed: int) -> None:
        index = len(self.phones)
        rng = random.Random(f"{seed}:agent:{index}")  # noqa: S311 - reproducible, not a secret
        hidden = rng.random() < self.scenario.hidden_tabs
        phone = Softphone(self, index, site, hidden=hidden, rng=rng)
        calls = SoftphoneCalls(self, phone, random.Random(f"{seed}:calls:{index}"))  # noqa: S311 - as above
        self.phones.append(phone)
        self._calls.append(calls)
        phone.begin_online(self._now_s)
        self.later(calls.next_call_s(self._now_s), phone, ALWAYS, calls.propose)

    def _reader(self, phone: Softphone) -> Step:
        def read(now_s: float) -> None:
            answer = self.rest(now_s, phone.index, "schedules", token_ends_s=phone.token_ends_s)
            event = AgentEvent(now_s, phone.index, phone.site, "rest", seconds=answer.delay_s, status=answer.status)
            self.emit(event._replace(detail="schedules"))

        return read

    # Occurrences

    def _meet_edges(self) -> None:
        wall_s, now_s = self._next_edge_wall_s, self._next_edge_s
        assert wall_s is not None
        for edge in self.timeline.edges(wall_s, math.nextafter(wall_s, math.inf)):
            self._meet(edge, now_s)
        self._next_edge_wall_s = self.timeline.next_edge(wall_s)
        self._next_edge_s = math.inf if self._next_edge_wall_s is None else self._moment_of(self._next_edge_wall_s)

    def _moment_of(self, wall_s: float) -> float:
        """The clock's time of an edge: not before it, however the two are rounded."""
        now_s = wall_s - self._wall_offset_s
        return now_s if self.wall_s(now_s) >= wall_s else now_s + ROUNDING_S

    def _meet(self, edge: Edge, now_s: float) -> None:
        what = edge.occurrence
        match what.kind, edge.begins:
            case "background", True:
                until_s = now_s + what.for_s if what.for_s is not None else math.inf
                self.world.begin_background(
                    now_s, rest_per_s=what.rest_per_s, signalling_per_s=what.signalling_per_s, until_s=until_s
                )
            case "restart", True:
                self.world.stop_signalling(now_s, what.down_s)
                self.cut(now_s, "closed", CUT_CODE, what.site)
            case "planned_move", True:
                self.move(now_s, what.site)
            case "takeover", True:
                self._victims[what.site].cut(now_s, "duplicate_id", DISPLACED_CODE)
            case "path", True:
                for phone in self._at(what.site):
                    self._calls[phone.index].path_changed(now_s)
            case "token", _:
                self._tokens(now_s, what.life_s if edge.begins else None, what.site)

    def _tokens(self, now_s: float, life_s: float | None, site: str | None) -> None:
        """The users' tokens end after life_s; None: whoever had to stop signs in anew."""
        for phone in self._at(site):
            if life_s is not None:
                phone.token_ends_s = now_s + life_s
                self.later(phone.token_ends_s, phone, ALWAYS, phone.token_ended)
            else:
                self.later(now_s + phone.rng.uniform(0.0, SIGN_IN_S), phone, ALWAYS, phone.sign_in)

    def _at(self, site: str | None) -> list[Softphone]:
        return [phone for phone in self.phones if site in (None, phone.site)]
