"""Rules between settings: what no single value can know. All are asked, so that all conflicts are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.config.document import KeyPath
from monitor.config.model import Agent, Exporter, Fleet, Genesys, PublishJob, named
from monitor.config.probes import (
    ApiProbe,
    CallProbe,
    GatheringProbe,
    HeartbeatProbe,
    Part,
    ProbeSettings,
    SignallingProbe,
    TurnServer,
)
from monitor.config.rules import duration_text
from monitor.config.values import is_loopback

SERVER_SILENCE_S = 35.0  # the real client's limit with server pings; with its own pings it is 58 s
MISSING = object()  # stands for a value that is not there at all


@dataclass(frozen=True)
class Conflict:
    """Settings that do not go together: the path and value of the one to change, and what is allowed."""

    path: KeyPath
    value: object
    allowed: str


@dataclass(frozen=True)
class Draft:
    """The parts that are sound by themselves, at their places in the file; parts with faults of their own are left out.

    agent_names, has_client and has_call are what the file says, sound or not, so that one fault is not told twice.
    """

    has_client: bool
    has_call: bool
    agent_names: frozenset[str]
    genesys: Genesys | None
    agents: dict[int, Agent]
    probes: dict[int, ProbeSettings]
    publish: dict[int, PublishJob]
    exporter: Exporter | None
    fleet: Fleet | None


def conflicts(draft: Draft) -> list[Conflict]:
    """Every conflict, in no particular order."""
    found = [*_genesys(draft), *_agents(draft), *_names(draft), *_publish(draft), *_exporter(draft), *_fleet(draft)]
    for index, probe in draft.probes.items():
        here: KeyPath = ("probes", index)
        found += [*_needs(draft, here, probe), *_probe(draft, here, probe)]
    return found


def _pair(here: KeyPath, part: Part, word: str, *, needed: bool = True) -> Iterator[Conflict]:
    """A secret comes from `word_env` or `word_file`: exactly one of them."""
    env, file = getattr(part, f"{word}_env"), getattr(part, f"{word}_file")
    if env and file:
        yield Conflict((*here, f"{word}_file"), file, f"either {word}_env or {word}_file is needed, not both")
    if needed and not env and not file:
        yield Conflict((*here, f"{word}_env"), MISSING, f"{word}_env or {word}_file is needed")


def _genesys(draft: Draft) -> Iterator[Conflict]:
    genesys = draft.genesys
    if genesys is None:
        return
    urls = {"rest": genesys.rest, "login": genesys.login, "streaming": genesys.streaming}
    missing = [key for key, url in urls.items() if not url]
    if genesys.region and len(missing) < len(urls):
        yield Conflict(
            ("genesys", "region"), genesys.region, "either region or rest, login and streaming is needed, not both"
        )
    if not genesys.region and missing:
        allowed = "region, or all of rest, login and streaming, is needed"
        yield Conflict(("genesys", missing[0]), MISSING, allowed)
    if genesys.client:
        yield from _pair(("genesys", "client"), genesys.client, "id")
        yield from _pair(("genesys", "client"), genesys.client, "secret")


def _agents(draft: Draft) -> Iterator[Conflict]:
    tokens: dict[object, str] = {}
    for index, agent in draft.agents.items():
        here: KeyPath = ("genesys", "agents", index)
        yield from _pair(here, agent, "token")
        key = "token_env" if agent.token_env else "token_file"
        if agent.token and tokens.setdefault(agent.token, agent.name) != agent.name:
            other = tokens[agent.token]
            yield Conflict((*here, key), str(agent.token), f"a user of its own is needed: {other} has this token")


def _twice(names: dict[KeyPath, str], what: str) -> Iterator[Conflict]:
    seen: set[str] = set()
    for path, name in names.items():
        if name in seen:
            yield Conflict(path, name, f"a name that no other {what} has is needed")
        seen.add(name)


def _names(draft: Draft) -> Iterator[Conflict]:
    probes = named(tuple(draft.probes.values()))
    yield from _twice({("genesys", "agents", i, "name"): a.name for i, a in draft.agents.items()}, "agent")
    yield from _twice({("probes", i, "name"): p.name for i, p in zip(draft.probes, probes, strict=True)}, "probe")
    yield from _twice({("publish", i, "name"): p.name for i, p in draft.publish.items()}, "publish job")
    for kind in (SignallingProbe, CallProbe):
        holders: set[str] = set()
        for index, probe in draft.probes.items():
            if isinstance(probe, kind):
                if probe.agent in holders:
                    allowed = f"an agent without another {probe.kind} probe is needed"
                    yield Conflict(("probes", index, "agent"), probe.agent, allowed)
                holders.add(probe.agent)


def _publish(draft: Draft) -> Iterator[Conflict]:
    for index, job in draft.publish.items():
        if job.detect and not job.business_unit:
            yield Conflict(("publish", index, "business_unit"), MISSING, "detect needs the id of a business unit")
        if job.detect and not draft.has_client:
            yield Conflict(("publish", index, "detect"), list(job.detect), "genesys.client is needed for it")
        for way, key in (("poll", "poll_interval"), ("audit", "audit_interval")):
            seconds = getattr(job, f"{key}_s")
            if f"{key}_s" in job.model_fields_set and way not in job.detect:
                allowed = f"only a job with {way} under detect has it"
                yield Conflict(("publish", index, key), duration_text(seconds), allowed)


def _exporter(draft: Draft) -> Iterator[Conflict]:
    exporter = draft.exporter
    if exporter is None:
        return
    yield from _pair(("exporter",), exporter, "token", needed=False)
    if not is_loopback(exporter.host) and exporter.token is None:
        allowed = "an address off loopback needs token_env or token_file"
        yield Conflict(("exporter", "listen"), exporter.listen, allowed)


def _fleet(draft: Draft) -> Iterator[Conflict]:
    """More softphones than carry calls by themselves: there have to be agents, and a call probe to repeat for them."""
    agents = draft.fleet.agents if draft.fleet else 1
    if agents == 1:
        return
    if agents > len(draft.agent_names):
        listed = len(draft.agent_names)
        allowed = f"no more than genesys.agents lists ({listed}), each a user of its own, is needed"
        yield Conflict(("fleet", "agents"), agents, allowed)
    if not draft.has_call:
        yield Conflict(("fleet", "agents"), agents, "a probe of kind call, to repeat for them, is needed")


def _needs(draft: Draft, here: KeyPath, probe: ProbeSettings) -> Iterator[Conflict]:
    """Credentials that a probe cannot do without."""
    agent = getattr(probe, "agent", None)
    if agent is not None and agent not in draft.agent_names:
        known = ", ".join(sorted(draft.agent_names)) or "there are none yet"
        yield Conflict((*here, "agent"), agent, f"the name of an agent under genesys.agents is needed ({known})")
    by_client = isinstance(probe, ApiProbe) or (isinstance(probe, HeartbeatProbe) and probe.channel == "notification")
    if by_client and not draft.has_client:
        key, value = ("channel", "notification") if isinstance(probe, HeartbeatProbe) else ("kind", probe.kind)
        yield Conflict((*here, key), value, "genesys.client is needed for it")


def _probe(draft: Draft, here: KeyPath, probe: ProbeSettings) -> Iterator[Conflict]:
    """Rules within one probe."""
    match probe:
        case HeartbeatProbe():
            yield from _heartbeat(here, probe)
        case SignallingProbe():
            yield from _signalling(draft, here, probe)
        case GatheringProbe():
            yield from _gathering(here, probe)
        case CallProbe():
            yield from _call(here, probe)


def _heartbeat(here: KeyPath, probe: HeartbeatProbe) -> Iterator[Conflict]:
    if probe.channel == "notification" and probe.agent:
        yield Conflict((*here, "agent"), probe.agent, "only channels xmpp and websocket have an agent")
    if probe.channel != "notification" and not probe.agent:
        yield Conflict((*here, "agent"), MISSING, f"channel {probe.channel} needs the name of an agent")


def _signalling(draft: Draft, here: KeyPath, probe: SignallingProbe) -> Iterator[Conflict]:
    detect_s = probe.detect_after_s
    if probe.keepalive == "server" and detect_s is not None and detect_s >= SERVER_SILENCE_S:
        allowed = "less than the 35s of keepalive: server is needed"
        yield Conflict((*here, "detect_after"), duration_text(detect_s), allowed)
    for agent in draft.agents.values():
        if agent.name == probe.agent and agent.keepalive not in (None, probe.keepalive):
            allowed = f"the same as the agent's own keepalive ({agent.keepalive}) is needed"
            yield Conflict((*here, "keepalive"), probe.keepalive, allowed)


def _gathering(here: KeyPath, probe: GatheringProbe) -> Iterator[Conflict]:
    own = bool(probe.stun or probe.turn)
    if not own and not probe.agent:
        yield Conflict((*here, "agent"), MISSING, "an agent, or servers under stun or turn, is needed")
    if own and probe.agent:
        allowed = "either an agent or stun and turn is needed, not both"
        yield Conflict((*here, "agent"), probe.agent, allowed)
    if not probe.agent and "fetch" in probe.model_fields_set:
        yield Conflict((*here, "fetch"), probe.fetch, "only a probe with an agent fetches its servers")
    if probe.relay_only and own and not probe.turn:
        yield Conflict((*here, "relay_only"), True, "at least one server under turn is needed for it")
    for index, server in enumerate(probe.turn):
        yield from _turn((*here, "turn", index), server)


def _turn(here: KeyPath, server: TurnServer) -> Iterator[Conflict]:
    yield from _pair(here, server, "username")
    yield from _pair(here, server, "password")


def _call(here: KeyPath, probe: CallProbe) -> Iterator[Conflict]:
    if probe.answer is None and probe.dial is None:
        yield Conflict((*here, "answer"), MISSING, "answer or dial is needed")
    if probe.answer is not None and probe.dial is not None:
        yield Conflict((*here, "dial"), probe.dial, "either answer or dial is needed, not both")
    if probe.dial is None:
        for key, seconds in (("every", probe.every_s), ("hold", probe.hold_s)):
            if seconds is not None:
                yield Conflict((*here, key), duration_text(seconds), "only a probe that dials has it")
    if probe.hold_across is not None and probe.answer != "any":
        yield Conflict((*here, "hold_across"), probe.hold_across, "answer: any is needed for it")
    if probe.hold_s is not None and probe.every_s is not None and probe.hold_s >= probe.every_s:
        allowed = f"less than every ({duration_text(probe.every_s)}) is needed"
        yield Conflict((*here, "hold"), duration_text(probe.hold_s), allowed)
