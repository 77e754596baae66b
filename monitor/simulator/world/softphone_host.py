"""What a virtual softphone and its parts need of the population that they belong to; pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from monitor.simulator.world.agent_events import AgentEvent
from monitor.simulator.world.network import Network
from monitor.simulator.world.occurrences import Timeline
from monitor.simulator.world.world import World

ALWAYS = -1  # an epoch that never ends

Step = Callable[[float], None]


class Connecting(Protocol):
    """Something that counts its connections: what was planned for an earlier epoch is void."""

    index: int
    site: str
    epoch: int


class RestAnswer(Protocol):
    """How the platform answers one REST call of a softphone: status 200, 401, 429, 503 or 504."""

    @property
    def delay_s(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def retry_after_s(self) -> float: ...


class Host(Protocol):
    """A Population."""

    world: World
    network: Network
    timeline: Timeline
    server_pings: bool
    server_ping_period_s: float
    call_every_s: float

    def wall_s(self, now_s: float) -> float:
        """Unix seconds of a moment."""
        ...

    def emit(self, event: AgentEvent) -> None:
        """Something happened."""
        ...

    def later(self, at_s: float, phone: Connecting, epoch: int, step: Step) -> None:
        """Call `step` at that time unless the phone has entered another epoch by then; ALWAYS: in any case."""
        ...

    def rest(self, now_s: float, index: int, operation: str, *, token_ends_s: float) -> RestAnswer:
        """One REST call under the token of that agent."""
        ...

    def bound(self, index: int, now_s: float) -> None:
        """That agent's softphone can be reached by calls again."""
        ...
