"""What the softphones of a history's population go through, as the facts that a monitor would tell of it; pure.

Of a working agent that is each drop and each return. The synthetic softphones tell their attempts' phases and REST
calls as well, as the live signalling session does; their calls are the call probe's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from monitor.facts.failures import Failure, Layer, Reason, failure, reason_of_status
from monitor.facts.observations import ApiObserved, ConnectionChanged, Disconnected, Observation, PhaseObserved
from monitor.simulator.world.agent_events import AgentEvent

AGENTS: Final = "agents"  # the probe's name on what is told of working agents
HANDSHAKE: Final = (
    "upgrade",
    "sasl",
    "bind",
)  # what the platform's own work of connecting, signing in, binding shows as
NEW_CONNECTION: Final = ("tcp", "tls")  # answered by the platform's edge, before any queue
CONNECTING: Final = ("users_me", "channel_create")  # the REST calls of a hard reconnect
REASON_OF_SETBACK: Final[Mapping[str, tuple[str, Reason]]] = {
    "refused": ("upgrade", Reason.RESET),  # the edge answers, the service behind it does not
    "timeout": ("sasl", Reason.TIMEOUT),
}


class AgentFacts:
    """Turns events into facts. names: of every agent by its number; synthetic: the numbers of the measured ones.

    shown_s: the monitor's wall time of a moment of the population's clock. edge_s: draws the time of one round trip to
    the platform's edge from a site.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        synthetic: Iterable[int],
        *,
        shown_s: Callable[[float], float],
        edge_s: Callable[[str], float],
    ) -> None:
        self._names = names
        self._synthetic = frozenset(synthetic)
        self._shown_s = shown_s
        self._edge_s = edge_s
        self._opened_s: dict[int, float] = {}  # when each synthetic softphone's attempt came to its socket

    def begin(self, sites: Mapping[int, str], at_s: float) -> Iterator[Observation]:
        """Everybody is connected."""
        for agent, site in sites.items():
            yield ConnectionChanged(**self._about(agent, site, at_s), connected=True)

    def of(self, event: AgentEvent) -> Iterator[Observation]:
        """The facts of one event; most events are none."""
        if event.kind == "dropped":
            yield from self._dropped(event)
        elif event.kind == "connected":
            about = self._about(event.agent, event.site, event.at_s)
            yield ConnectionChanged(**about, connected=True, reconnect=event.detail, seconds=event.seconds)
        elif event.agent in self._synthetic:
            yield from self._of_synthetic(event)

    def _dropped(self, event: AgentEvent) -> Iterator[Observation]:
        layer = Layer(event.layer)
        if event.agent in self._synthetic and layer is not Layer.SIGNALLING:
            return
        yield self._lost(event, layer, event.reason)
        if layer is Layer.SIGNALLING:
            yield ConnectionChanged(**self._about(event.agent, event.site, event.at_s), connected=False)

    def _lost(self, event: AgentEvent, layer: Layer, reason: str) -> Disconnected:
        about = self._about(event.agent, event.site, event.at_s)
        last_good_s = event.at_s if event.last_good_s is None else event.last_good_s
        return Disconnected(
            **about,
            layer=layer,
            reason=reason,
            last_good_wall_s=self._shown_s(last_good_s),
            noticed_wall_s=about["at_wall_s"],
            code=event.code,
            detail=event.detail,
        )

    def _of_synthetic(self, event: AgentEvent) -> Iterator[Observation]:
        if event.kind == "connecting":
            yield from self._setback(event)
            self._opened_s[event.agent] = event.at_s
        elif event.kind == "rest":
            yield from self._rest(event)
            if event.detail in CONNECTING:
                self._opened_s[event.agent] = event.at_s
        elif event.kind == "extdisco_ok" and event.detail == "attempt":
            yield from self._handshake(event)
            yield self._phase(event, "ice_servers", event.seconds)
        elif event.kind == "extdisco_failed" and event.detail == "attempt":
            yield self._phase(event, "ice_servers", None, failure("ice_servers", Reason.TIMEOUT))
            yield self._lost(event, Layer.SIGNALLING, "ice_servers")  # a socket that was well, and is torn down
        elif event.kind == "gave_up" and event.detail not in ("401", "403"):
            yield self._phase(event, "sasl", None, failure("sasl", Reason.AUTH, event.detail))

    def _setback(self, event: AgentEvent) -> Iterator[PhaseObserved]:
        """Why the attempt before this one failed, where no other event has told it."""
        known = REASON_OF_SETBACK.get(event.reason)
        if known is not None:
            phase, reason = known
            if phase == "upgrade":
                yield from self._new_connection(event)
            yield self._phase(event, phase, None, failure(phase, reason))

    def _rest(self, event: AgentEvent) -> Iterator[Observation]:
        status = event.status or 0
        trouble = None if status == 200 else failure(event.detail, reason_of_status(status))
        yield ApiObserved(
            **self._stamp(event.agent, event.site, event.at_s),
            operation=event.detail,
            status=str(status),
            seconds=event.seconds,
            retry_after_s=event.retry_after_s,
            failure=trouble,
        )
        if event.detail == "channel_create":
            yield self._phase(event, "channel_create", event.seconds if trouble is None else None, trouble)

    def _handshake(self, event: AgentEvent) -> Iterator[PhaseObserved]:
        """The phases between the open socket and the ICE-server fetch; the platform's three share what they took."""
        yield from self._new_connection(event)
        shaken_s = event.at_s - (event.seconds or 0.0) - self._opened_s.get(event.agent, event.at_s)
        for phase in HANDSHAKE:
            yield self._phase(event, phase, max(0.0, shaken_s) / len(HANDSHAKE))

    def _new_connection(self, event: AgentEvent) -> Iterator[PhaseObserved]:
        for phase in NEW_CONNECTION:
            yield self._phase(event, phase, self._edge_s(event.site))

    def _phase(
        self, event: AgentEvent, phase: str, seconds: float | None, trouble: Failure | None = None
    ) -> PhaseObserved:
        about = self._about(event.agent, event.site, event.at_s)
        return PhaseObserved(**about, phase=phase, seconds=seconds, failure=trouble)

    def _about(self, agent: int, site: str, at_s: float) -> dict[str, Any]:
        return {**self._stamp(agent, site, at_s), "agent": self._names[agent]}

    def _stamp(self, agent: int, site: str, at_s: float) -> dict[str, Any]:
        probe = self._names[agent] if agent in self._synthetic else AGENTS
        return {"site": site, "probe": probe, "at_wall_s": self._shown_s(at_s)}
