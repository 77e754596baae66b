"""Settings to sessions and probes: the only place that knows every kind of probe and what it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from monitor.config.load import missing_credentials
from monitor.config.model import Genesys, ProbeSettings, Settings
from monitor.config.probes import HeartbeatProbe as HeartbeatSettings
from monitor.config.probes import SignallingProbe as SignallingSettings
from monitor.config.secrets import SecretRef, resolve
from monitor.genesys.regions import Endpoints, for_region, for_urls
from monitor.probes.agent import AgentPlan, AgentSession
from monitor.probes.api import ApiProbe
from monitor.probes.base import Context, Probe
from monitor.probes.call import CallProbe
from monitor.probes.gathering import GatheringProbe
from monitor.probes.heartbeat import HeartbeatProbe
from monitor.probes.link import Replaceable
from monitor.probes.service import SERVICE, ServicePlan, ServiceSession
from monitor.probes.signalling import SignallingProbe
from monitor.probes.turnstile import Turnstile

Plan = AgentPlan | ServicePlan
Session = AgentSession | ServiceSession


class Unready(Exception):  # noqa: N818 - a state of the settings and the environment, not a mistake of ours
    """Settings that cannot be carried out here. `problems`: one clear line each, without any secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Needs:
    """What a probe may be built from. shard_of: whose calls go to which of `shards`; gatherings go to the first."""

    context: Context
    shards: Sequence[Replaceable]
    agents: Mapping[str, AgentSession] = field(default_factory=dict)
    service: ServiceSession | None = None
    shard_of: Mapping[str, int] = field(default_factory=dict)


def session_plans(settings: Settings, env: Mapping[str, str] | None = None) -> dict[str, Plan]:
    """The sessions that the probes need, by name. Raises Unready with every missing credential at once."""
    env = os.environ if env is None else env
    missing = missing_credentials(settings, env)
    if missing:
        raise Unready([str(problem) for problem in missing])
    plans: dict[str, Plan] = {}
    if settings.genesys is not None:
        for name in sorted({agent_of(probe) for probe in settings.probes} - {""}):
            plans[name] = _agent_plan(settings, settings.genesys, name, env)
        if any(needs_service(probe) for probe in settings.probes):
            plans[SERVICE] = _service_plan(settings, settings.genesys, env)
    return plans


def make_session(plan: Plan, context: Context, opening: Turnstile) -> Session:
    """The session of a plan, not yet running. opening: where the agents' wait for their turn to connect first."""
    return AgentSession(plan, context, opening) if isinstance(plan, AgentPlan) else ServiceSession(plan, context)


def make_probe(settings: ProbeSettings, needs: Needs) -> Probe:
    """The probe of its settings, listening to its session already. Raises Unready for a session it does not find."""
    return _FACTORIES[settings.kind](settings, needs)


def agent_of(probe: ProbeSettings) -> str:
    """Whose signalling session the probe shares; empty when none."""
    return getattr(probe, "agent", None) or ""


def needs_service(probe: ProbeSettings) -> bool:
    """Whether the probe works with the service credentials."""
    return probe.kind == "api" or _is_notification(probe)


def session_of(probe: ProbeSettings) -> str:
    """Name of the session the probe hangs on; empty when it needs none."""
    return SERVICE if needs_service(probe) else agent_of(probe)


def unheeded_interfaces(settings: Settings) -> list[str]:
    """One line for every probe whose `interface` cannot be heeded, as its connection is shared or not bindable."""
    return [
        f"probe {probe.name}: interface {probe.interface} is not heeded: "
        + ("REST requests follow the routing table" if probe.kind == "api" else "the signalling probe's decides")
        for probe in settings.probes
        if probe.interface and (probe.kind == "api" or (probe.kind == "heartbeat" and not _is_notification(probe)))
    ]


def _is_notification(probe: ProbeSettings) -> bool:
    return isinstance(probe, HeartbeatSettings) and probe.channel == "notification"


def _agent_plan(settings: Settings, genesys: Genesys, name: str, env: Mapping[str, str]) -> AgentPlan:
    agent = next((agent for agent in genesys.agents if agent.name == name), None)
    if agent is None:
        raise Unready([f"agent {name}: not among genesys.agents"])
    return AgentPlan(
        name=name,
        site=settings.site,
        endpoints=_endpoints(genesys),
        options=settings.session_options(name),
        interface=_interface(settings, lambda p: isinstance(p, SignallingSettings) and p.agent == name),
        token=_secret(agent.token, f"agent {name}", env),
    )


def _service_plan(settings: Settings, genesys: Genesys, env: Mapping[str, str]) -> ServicePlan:
    if genesys.client is None:
        raise Unready(["service: no client under genesys"])
    return ServicePlan(
        site=settings.site,
        endpoints=_endpoints(genesys),
        notifications=any(_is_notification(probe) for probe in settings.probes),
        interface=_interface(settings, _is_notification),
        client_id=_secret(genesys.client.id, SERVICE, env),
        client_secret=_secret(genesys.client.secret, SERVICE, env),
    )


def _interface(settings: Settings, decides: Callable[[ProbeSettings], bool]) -> str | None:
    """The network interface of a shared connection: that of the first probe that decides about it."""
    return next((probe.interface for probe in settings.probes if decides(probe)), None)


def _secret(ref: SecretRef | None, owner: str, env: Mapping[str, str]) -> str:
    if ref is None:
        raise Unready([f"{owner}: no credentials named"])
    return resolve(ref, env)


def _endpoints(genesys: Genesys) -> Endpoints:
    if genesys.region is not None:
        return for_region(genesys.region)
    return for_urls(genesys.rest or "", genesys.login or "", genesys.streaming or "")


def _agent(settings: ProbeSettings, needs: Needs) -> AgentSession:
    try:
        return needs.agents[agent_of(settings)]
    except KeyError:
        raise Unready([f"probe {settings.name}: no session of agent {agent_of(settings) or '(none)'}"]) from None


def _service(settings: ProbeSettings, needs: Needs) -> ServiceSession:
    if needs.service is None:
        raise Unready([f"probe {settings.name}: no service credentials"])
    return needs.service


def _heartbeat(settings: Any, needs: Needs) -> Probe:
    if _is_notification(settings):
        service = _service(settings, needs)
        return HeartbeatProbe(settings, needs.context, ping=service.connection.ping, subscribe=service.subscribe)
    agent = _agent(settings, needs)
    ping = partial(agent.connection.ping, settings.channel)
    return HeartbeatProbe(settings, needs.context, ping=ping, subscribe=agent.subscribe, agent=agent.name)


def _signalling(settings: Any, needs: Needs) -> Probe:
    return SignallingProbe(settings, needs.context, _agent(settings, needs))


def _gathering(settings: Any, needs: Needs) -> Probe:
    agent = _agent(settings, needs) if settings.agent else None
    return GatheringProbe(settings, needs.context, needs.shards[0], agent)


def _call(settings: Any, needs: Needs) -> Probe:
    shard = needs.shards[needs.shard_of.get(settings.agent, 0)]
    return CallProbe(settings, needs.context, shard, _agent(settings, needs))


def _api(settings: Any, needs: Needs) -> Probe:
    return ApiProbe(settings, needs.context, _service(settings, needs))


_FACTORIES: dict[str, Callable[[Any, Needs], Probe]] = {
    "heartbeat": _heartbeat,
    "signalling": _signalling,
    "gathering": _gathering,
    "call": _call,
    "api": _api,
}
