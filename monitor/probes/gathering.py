"""The gathering probe: one ICE gathering a slot, done by the shard, against the platform's servers or its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.config.model import GatheringProbe as GatheringSettings
from monitor.config.secrets import SecretMissing, resolve
from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.facts.ice import IceServer, Signature
from monitor.facts.observations import GatheringObserved
from monitor.media.gathering import Gathering
from monitor.probes.agent import AgentSession
from monitor.probes.base import Context
from monitor.probes.channel import Asker, ChannelError
from monitor.probes.shard_messages import GatherRequest, from_params, to_params

PLATFORM = "platform"
ANSWER_MARGIN_S = 1.5  # the shard answers this much after the gathering's own limit at the latest, its turn included


@dataclass(frozen=True, slots=True)
class _Servers:
    """What to gather against."""

    servers: tuple[IceServer, ...]
    relay_only: bool


class GatheringProbe:
    """Gathers against the servers of `agent`'s session, or, without an agent, against those of the settings.

    An agent that was never connected is an error (not_connected). Later on an empty list gathers all the same, as the
    softphone would: the real one empties its list while it reconnects, and no STUN service means relay only, so empty.
    """

    kind = "gathering"

    def __init__(
        self, settings: GatheringSettings, context: Context, shard: Asker, agent: AgentSession | None = None
    ) -> None:
        self.name = settings.name
        self.interval_s = settings.interval_s
        self.timeout_s = settings.timeout_s
        self._settings = settings
        self._context = context
        self._shard = shard
        self._agent = agent

    async def run(self) -> Sequence[GatheringObserved]:
        """One gathering; with `fetch: fresh` the list is fetched first, in its own time and limit."""
        limit_mono_s = self._context.clock.mono_s() + self.timeout_s
        servers = await self._servers()
        if isinstance(servers, Failure):
            return self.failed(servers)
        request = GatherRequest(
            servers=servers.servers,
            relay_only=servers.relay_only or self._settings.relay_only,
            interface=self._settings.interface,
            timeout_s=max(0.1, limit_mono_s - self._context.clock.mono_s()),
        )
        try:
            reply = await self._shard.ask("gather", to_params(request), request.timeout_s + ANSWER_MARGIN_S)
        except ChannelError as error:
            return self.failed(failure("gathering", Reason.ERROR, error))
        return [self._fact(from_params(Gathering, reply["gathering"]), reply["lag_s"])]

    def failed(self, failure: Failure) -> Sequence[GatheringObserved]:
        """A gathering that did not come to an end of its own: no server was measured by it."""
        return [self._fact(Gathering(frozenset(), frozenset(), Signature.ERROR, (), None, failure), 0.0)]

    async def close(self) -> None:
        """Nothing to end."""

    async def _servers(self) -> _Servers | Failure:
        if self._agent is None:
            return self._own_servers()
        if self._settings.fetch == "fresh":
            fetched = await self._agent.connection.fetch_ice_servers(self.timeout_s / 2)
            return fetched.failure or _Servers(fetched.servers, fetched.relay_only)
        cached = self._agent.ice_servers
        if not self._agent.was_connected:
            return failure("ice_servers", Reason.NOT_CONNECTED, f"{self._agent.name} has not been connected yet")
        return _Servers(cached, self._agent.connection.relay_only or not cached)

    def _own_servers(self) -> _Servers | Failure:
        servers = [IceServer(url) for url in self._settings.stun]
        try:
            for turn in self._settings.turn:
                servers.append(IceServer(turn.url, resolve(turn.username), resolve(turn.password)))  # noqa: PERF401
        except SecretMissing as missing:
            return failure("secrets", Reason.AUTH, missing, Fault.LOCAL)
        return _Servers(tuple(servers), False)

    def _fact(self, gathering: Gathering, lag_s: float) -> GatheringObserved:
        return GatheringObserved(
            **{**self._context.stamp(self.name), "lag_s": lag_s},
            servers=self.name if self._agent is None else PLATFORM,
            signature=gathering.signature,
            wanted=tuple(sorted(gathering.wanted)),
            obtained=tuple(sorted(gathering.obtained)),
            results=gathering.results,
            seconds=gathering.seconds,
            agent="" if self._agent is None else self._agent.name,
            failure=gathering.failure,
        )
