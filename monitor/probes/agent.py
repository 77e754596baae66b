"""One synthetic agent's signalling session: owned here, shared by every probe that names the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.config.model import SessionOptions
from monitor.facts.ice import IceServer
from monitor.genesys.auth import StaticToken
from monitor.genesys.backoff import BackoffOptions
from monitor.genesys.connection import ConnectionOptions, SoftphoneConnection
from monitor.genesys.events import Connected, Dropped, Event, GaveUp
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest import Rest
from monitor.probes.base import Context
from monitor.probes.reporting import Listener, Reporter
from monitor.probes.turnstile import SET_UP, Turn, Turnstile

# A fleet comes up so many sessions at a time: all at once they would slow each other in our own loop, and what is timed
# of their phases would be that. Reconnects are not held back, as the real softphones' are not.
OPEN_AT_ONCE = 10
OPEN_TURN_S = 1.0  # a platform that does not answer holds 150 agents up for 15 s


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """Everything that makes one agent's session what it is; a session is kept over a reload while this is equal."""

    name: str
    site: str
    endpoints: Endpoints
    options: SessionOptions
    interface: str | None
    token: str = field(repr=False)


class AgentSession:
    """Holds one SoftphoneConnection, turns its events into facts and hands every event to the subscribed probes."""

    def __init__(self, plan: AgentPlan, context: Context, opening: Turnstile | None = None) -> None:
        """opening: where sessions of one process wait for their turn to connect first; None to go at once."""
        self.plan = plan
        self.name = plan.name
        self._opening = opening
        self._turn: Turn | None = None
        self._report = Reporter(context, plan.name, softphone=True)
        self._tokens = StaticToken(plan.name, plan.token, clock=context.clock)
        self._rest = Rest(plan.endpoints, self._tokens, clock=context.clock, on_reply=self._report.reply)
        self.connection = SoftphoneConnection(
            plan.endpoints,
            self._rest,
            self._tokens,
            connection_options(plan),
            self._event,
            context.clock,
        )

    @property
    def connected(self) -> bool:
        """True while the signalling session is up."""
        return self.connection.connected

    @property
    def was_connected(self) -> bool:
        """True once the session has been up."""
        return self._report.was_connected

    @property
    def gave_up(self) -> bool:
        """True once the platform refused the token: the session stays down, as the real softphone does."""
        return self._report.gave_up

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """The ICE servers the session holds, as the real client does; empty before the first connect."""
        return self.connection.ice_servers

    @property
    def relay_only(self) -> bool:
        """True when the platform offered no STUN service: the real client then wants relay candidates alone."""
        return self.connection.relay_only

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event, in order, from the event loop; returns what ends that."""
        return self._report.subscribe(listener)

    async def run(self) -> None:
        """Keep the session up until cancelled. The wait for the turn to open it is in no measured time."""
        self._report.begin()
        if self._opening is not None:
            self._turn = await self._opening.turn(SET_UP)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report.report_token(self._tokens), name=f"{self.name} token")
            tasks.create_task(self.connection.run(), name=f"{self.name} signalling")

    async def close(self) -> None:
        """Leave the platform in order. Idempotent."""
        await self.connection.close()
        await self._rest.aclose()
        self._report.down()

    def _event(self, event: Event) -> None:
        if self._turn is not None and isinstance(event, Connected | Dropped | GaveUp):
            self._turn.over()
        self._report.event(event)


def connection_options(plan: AgentPlan) -> ConnectionOptions:
    """The plan in the connection's own terms."""
    return ConnectionOptions(
        name=plan.name,
        keepalive=plan.options.keepalive,
        detect_after_s=plan.options.detect_after_s,
        watch_silence=plan.options.watch_silence,
        backoff=BackoffOptions(full_jitter=plan.options.reconnect_jitter),
        interface=plan.interface,
    )
