"""The platform's physics: REST and signalling as queues of finite capacity, coupled or not; pure, stepped by `now_s`.

Nothing here knows the word failure: a symptom is what a full queue does. Each arrival adds work to a queue, waits for
the work before it, and leaves after a seeded base time. A share of every REST call's work may spill into signalling
(shared database, event fan-out); with coupling 0 the two queues never meet. Other clients' work is a flow of arrivals
that nobody waits for; it is caught up with whenever somebody looks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal, Protocol

SIGNALLING_WORK: Final[Mapping[str, float]] = {
    "ping": 0.1,
    "message": 0.2,
    "pubsub": 0.5,
    "bind": 0.5,
    "connect": 1.0,
    "sasl": 1.0,
    "extdisco": 1.0,
}
REST_WORK: Final[Mapping[str, float]] = {  # every other call: 1
    "schedule_update": 2.0,
    "presence_bulk": 2.0,
    "routing_status_bulk": 2.0,
}
EVENT_WORK = 0.02  # one event handed to one agent's client
MAX_LOAD_ARRIVALS = 200_000


class QueueSettings(Protocol):
    """What a queue is told: work units it can do per second, and its times in seconds."""

    @property
    def capacity(self) -> float: ...
    @property
    def base_s(self) -> float: ...
    @property
    def jitter_s(self) -> float: ...
    @property
    def backlog_limit_s(self) -> float: ...


class WorldSettings(Protocol):
    """What the World is told; a Scenario is one."""

    @property
    def rest(self) -> QueueSettings: ...
    @property
    def signalling(self) -> QueueSettings: ...
    @property
    def coupling(self) -> float: ...
    @property
    def gateway_timeout_s(self) -> float: ...


class ServiceQueue:
    """One service: first come, first served, a backlog that drains in real time, and no more room than its limit."""

    def __init__(self, name: str, settings: QueueSettings, seed: int) -> None:
        self._capacity = settings.capacity
        self._limit_s = settings.backlog_limit_s
        self._shortest_s = settings.base_s - settings.jitter_s
        self._spread_s = 2.0 * settings.jitter_s
        self._random = random.Random(f"{seed}:{name}").random  # noqa: S311 - reproducible jitter, not a secret
        self._now_s = float("-inf")
        self._backlog_s = 0.0
        self.accepted_s = 0.0
        self.done_s = 0.0
        self.turned_away_s = 0.0
        self.lost_s = 0.0

    def backlog_s(self, now_s: float) -> float:
        """Seconds of work still waiting at `now_s`. A time before the last one given counts as the last one."""
        if now_s > self._now_s:
            drained_s = min(self._backlog_s, now_s - self._now_s)
            self._backlog_s -= drained_s
            self.done_s += drained_s
            self._now_s = now_s
        return self._backlog_s

    def add(self, now_s: float, work: float) -> float | None:
        """Queue `work` units; seconds until they are done, or None when the backlog is at its limit."""
        backlog_s, work_s = self.backlog_s(now_s), work / self._capacity
        if backlog_s >= self._limit_s:
            self.turned_away_s += work_s
            return None
        self._backlog_s += work_s
        self.accepted_s += work_s
        return self._backlog_s

    def lose(self, now_s: float) -> None:
        """Whatever waits is lost, as when the service restarts."""
        self.lost_s += self.backlog_s(now_s)
        self._backlog_s = 0.0

    def base_s(self) -> float:
        """Network and service time of the next answer on an empty queue: base plus seeded jitter, in seconds."""
        return max(0.0, self._shortest_s + self._spread_s * self._random())


@dataclass(frozen=True, slots=True)
class Admission:
    """What the World decides about one REST call: the answer leaves after `delay_s`; `refused` is 503, 504 or None."""

    delay_s: float
    refused: int | None = None


@dataclass(slots=True, eq=False)
class Flow:
    """A stream of other clients' work that is still to arrive: at regular times, or at random ones around a mean."""

    service: Literal["rest", "signalling"]
    next_s: float
    period_s: float
    until_s: float
    rng: random.Random | None = None

    def arrived(self) -> None:
        """On to the next arrival."""
        self.next_s += self.period_s if self.rng is None else self.rng.expovariate(1.0) * self.period_s


class World:
    """Both queues and what joins them. Every method takes the present as `now_s` (monotonic seconds)."""

    def __init__(self, settings: WorldSettings, seed: int) -> None:
        self._seed = seed
        self._coupling = settings.coupling
        self._gateway_timeout_s = settings.gateway_timeout_s
        self.rest = ServiceQueue("rest", settings.rest, seed)
        self.signalling = ServiceQueue("signalling", settings.signalling, seed)
        self._flows: list[Flow] = []
        self._next_arrival_s = math.inf
        self._flows_begun = 0
        self._down_until_s = -math.inf

    # Work that somebody waits for

    def rest_call(self, now_s: float, operation: str) -> Admission:
        """One REST call arrives: how long its answer takes, and whether it is refused instead."""
        self._catch_up(now_s)
        base_s = self.rest.base_s()
        wait_s = self._arrive(now_s, REST_WORK.get(operation, 1.0))
        if wait_s is None:
            return Admission(base_s, 503)
        if wait_s > self._gateway_timeout_s:
            return Admission(self._gateway_timeout_s, 504)
        return Admission(base_s + wait_s)

    def signalling_turn(self, now_s: float, work: str) -> float:
        """One signalling operation arrives (a key of SIGNALLING_WORK, else KeyError): seconds until its answer."""
        if now_s >= self._next_arrival_s:
            self._catch_up(now_s)
        base_s = self.signalling.base_s()
        wait_s = self.signalling.add(now_s, SIGNALLING_WORK[work])
        return base_s + (wait_s if wait_s is not None else self.signalling.backlog_s(now_s))

    def fan_out(self, now_s: float, events: int) -> None:
        """`events` notifications leave for agents' clients: signalling work as far as the queues are coupled."""
        self._catch_up(now_s)
        self._spill(now_s, events * EVENT_WORK)

    # Work of other clients

    def add_load(self, now_s: float, rps: float, seconds: float) -> int:
        """Other clients call REST `rps` times a second from now for `seconds`; how many calls that will be.

        Raises ValueError above MAX_LOAD_ARRIVALS calls.
        """
        calls = round(rps * seconds)
        if calls > MAX_LOAD_ARRIVALS:
            raise ValueError(f"rps x seconds must not exceed {MAX_LOAD_ARRIVALS} calls")
        if calls > 0:
            self._begin(now_s, Flow("rest", now_s, 1.0 / rps, now_s + (calls - 0.5) / rps))
        return calls

    def begin_background(
        self, now_s: float, *, rest_per_s: float = 0.0, signalling_per_s: float = 0.0, until_s: float = math.inf
    ) -> None:
        """Other clients' work arrives from now on until `until_s`, at random times with these means.

        rest_per_s: calls of one work unit. signalling_per_s: work units, such as other organisations' softphones make.
        """
        rates: dict[Literal["rest", "signalling"], float] = {"rest": rest_per_s, "signalling": signalling_per_s}
        for service, rate in rates.items():
            if rate > 0:
                self._flows_begun += 1
                rng = random.Random(f"{self._seed}:{service}:{self._flows_begun}")  # noqa: S311 - reproducible
                flow = Flow(service, now_s, 1.0 / rate, until_s, rng)
                flow.arrived()
                self._begin(now_s, flow)

    # The service itself

    def stop_signalling(self, now_s: float, down_s: float) -> None:
        """The signalling service restarts: what waited is lost, and nobody can connect for `down_s`."""
        self._catch_up(now_s)
        self.signalling.lose(now_s)
        self._down_until_s = max(self._down_until_s, now_s + down_s)

    def signalling_up(self, now_s: float) -> bool:
        """Whether the signalling service accepts connections."""
        return now_s >= self._down_until_s

    def backlogs_s(self, now_s: float) -> tuple[float, float]:
        """Seconds of work waiting at REST and at signalling."""
        self._catch_up(now_s)
        return self.rest.backlog_s(now_s), self.signalling.backlog_s(now_s)

    def loaded(self, now_s: float) -> bool:
        """Whether other clients' work of limited length is still arriving."""
        self._catch_up(now_s)
        return any(flow.until_s < math.inf for flow in self._flows)

    def skip(self, until_s: float) -> None:
        """Nothing worth telling happens until then: what would have arrived meanwhile has been done by then."""
        for flow in self._flows:
            while flow.next_s < until_s:
                flow.next_s = until_s
                flow.arrived()
        self._tidy()

    def _begin(self, now_s: float, flow: Flow) -> None:
        self._catch_up(now_s)
        self._flows.append(flow)
        self._tidy()

    def _catch_up(self, now_s: float) -> None:
        """Let every arrival of other clients that is due by now happen, each at its own time and in order."""
        while self._next_arrival_s <= now_s:
            flow = min(self._flows, key=attrgetter("next_s"))
            if flow.service == "rest":
                self._arrive(flow.next_s, 1.0)
            else:
                self.signalling.add(flow.next_s, 1.0)
            flow.arrived()
            self._tidy()

    def _tidy(self) -> None:
        """Forget the flows that have ended."""
        if any(flow.next_s > flow.until_s for flow in self._flows):
            self._flows = [flow for flow in self._flows if flow.next_s <= flow.until_s]
        self._next_arrival_s = min((flow.next_s for flow in self._flows), default=math.inf)

    def _arrive(self, now_s: float, work: float) -> float | None:
        """One call's work into REST and, if it gets in, its coupled share into signalling."""
        wait_s = self.rest.add(now_s, work)
        if wait_s is not None:
            self._spill(now_s, work)
        return wait_s

    def _spill(self, now_s: float, work: float) -> None:
        if self._coupling > 0:
            self.signalling.add(now_s, work * self._coupling)
