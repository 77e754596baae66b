"""The signalling probe: a fresh ICE-server fetch at every slot, over the session the agent holds."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.config.model import SignallingProbe as SignallingSettings
from monitor.facts.failures import Failure
from monitor.facts.observations import PhaseObserved
from monitor.probes.agent import AgentSession
from monitor.probes.base import Context


class SignallingProbe:
    """Times `ice_servers`; the phases of connecting are told by the session itself as they happen."""

    kind = "signalling"

    def __init__(self, settings: SignallingSettings, context: Context, session: AgentSession) -> None:
        self.name = settings.name
        self.interval_s = settings.interval_s
        self.timeout_s = settings.timeout_s
        self._context = context
        self._session = session

    async def run(self) -> Sequence[PhaseObserved]:
        """One fetch."""
        fetched = await self._session.connection.fetch_ice_servers(self.timeout_s)
        return [self._fact(fetched.seconds, fetched.failure)]

    def failed(self, failure: Failure) -> Sequence[PhaseObserved]:
        """A fetch that did not even end."""
        return [self._fact(None, failure)]

    async def close(self) -> None:
        """Nothing to end: the session is its owner's."""

    def _fact(self, seconds: float | None, failure: Failure | None) -> PhaseObserved:
        return PhaseObserved(
            **self._context.stamp(self.name),
            phase="ice_servers",
            seconds=seconds,
            agent=self._session.name,
            failure=failure,
        )
