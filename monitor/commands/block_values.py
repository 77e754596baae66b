"""One block in figures: from what the publish did, and from what softphones or the monitor saw of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.analysis.experiment.arms import quantile
from monitor.facts.failures import Layer, Reason
from monitor.facts.ice import Signature
from monitor.facts.observations import (
    ConnectionChanged,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    Observation,
    PhaseObserved,
)
from monitor.publish.flow.flow import BatchDone, Ended, FlowEvent, Summary
from monitor.simulator.world.agent_events import AgentEvent

PING_CHANNEL = "xmpp"
ICE_SERVERS = "ice_servers"


@dataclass(slots=True)
class Seen:
    """What was seen in a block: measured seconds, and counts of what gave no measurement."""

    pings_s: list[float] = field(default_factory=list)
    fetches_s: list[float] = field(default_factory=list)
    pings_missed: int = 0
    fetch_timeouts: int = 0
    gatherings_bad: int = 0
    gatherings: int = 0
    drops: int = 0
    offline_s: float = 0.0

    def values(self) -> dict[str, float]:
        """By measure name; a quantile of nothing is left out."""
        found = {
            "ping_p95_s": quantile(self.pings_s, 0.95),
            "ping_max_s": max(self.pings_s, default=None),
            "pings_missed": float(self.pings_missed),
            "ice_p95_s": quantile(self.fetches_s, 0.95),
            "ice_max_s": max(self.fetches_s, default=None),
            "ice_timeouts": float(self.fetch_timeouts),
            "gatherings_bad": float(self.gatherings_bad) if self.gatherings else None,
            "drops": float(self.drops),
            "offline_s": self.offline_s,
        }
        return {name: value for name, value in found.items() if value is not None}


def publish_values(summary: Summary, failed_writes: int, answers_s: Sequence[float]) -> dict[str, float]:
    """What the publish itself took. answers_s: of every call that was answered with 2xx."""
    found = {
        "publish_s": summary.seconds,
        "calls": float(summary.calls),
        "limited": float(summary.statuses.get("429", 0)),
        "retry_after_s": summary.retry_after_s,
        "stalled_s": summary.stalled_s,
        "api_p50_s": quantile(answers_s, 0.5),
        "api_p95_s": quantile(answers_s, 0.95),
        "failed_writes": float(failed_writes),
    }
    return {name: value for name, value in found.items() if value is not None}


def ending_of(events: Iterable[FlowEvent]) -> tuple[Ended | None, int]:
    """How a publish ended, None when it did not, and how many of its writes failed for good."""
    ended, failed = None, 0
    for event in events:
        if isinstance(event, BatchDone):
            failed += event.failed
        elif isinstance(event, Ended):
            ended = event
    return ended, failed


def of_agents(events: Iterable[AgentEvent], start_s: float, window_s: float, until_s: float) -> Seen:
    """What virtual softphones saw from start_s: latencies up to `window_s`, drops and time offline up to `until_s`."""
    seen = Seen()
    offline: dict[int, float] = {}
    for event in events:
        if not start_s <= event.at_s <= until_s:
            continue
        _connection(seen, offline, event)
        if event.at_s <= window_s:
            _latency(seen, event)
    seen.offline_s += sum(until_s - since_s for since_s in offline.values())
    return seen


def _connection(seen: Seen, offline: dict[int, float], event: AgentEvent) -> None:
    if event.kind == "dropped" and event.layer == Layer.SIGNALLING:
        seen.drops += 1
        offline.setdefault(event.agent, event.at_s)
    elif event.kind == "connected" and event.agent in offline:
        seen.offline_s += event.at_s - offline.pop(event.agent)


def _latency(seen: Seen, event: AgentEvent) -> None:
    if event.kind == "ping_ok" and event.seconds is not None:
        seen.pings_s.append(event.seconds)
    elif event.kind == "ping_missed":
        seen.pings_missed += 1
    elif event.kind == "extdisco_ok" and event.seconds is not None:
        seen.fetches_s.append(event.seconds)
    elif event.kind == "extdisco_failed":
        seen.fetch_timeouts += 1
    elif event.kind == "gathered":
        seen.gatherings += 1
        seen.gatherings_bad += event.reason != Signature.OK


def of_facts(facts: Iterable[Observation], start_wall_s: float, window_wall_s: float) -> Seen:
    """What a monitor's own softphones saw between the two moments; what own lag may have falsified is left out."""
    seen = Seen()
    offline: dict[str, float] = {}
    for fact in facts:
        if isinstance(fact, Disconnected) and fact.layer is Layer.SIGNALLING:
            seen.drops += fact.noticed_wall_s >= start_wall_s and fact.last_good_wall_s <= window_wall_s
        elif isinstance(fact, ConnectionChanged):
            _changed(seen, offline, fact, start_wall_s)
        elif start_wall_s <= fact.at_wall_s <= window_wall_s:
            _measured(seen, fact)
    seen.offline_s += sum(max(0.0, window_wall_s - since_wall_s) for since_wall_s in offline.values())
    return seen


def _changed(seen: Seen, offline: dict[str, float], fact: ConnectionChanged, start_wall_s: float) -> None:
    if not fact.connected:
        offline.setdefault(fact.agent, max(start_wall_s, fact.at_wall_s))
    elif fact.agent in offline:
        seen.offline_s += max(0.0, fact.at_wall_s - offline.pop(fact.agent))


def _measured(seen: Seen, fact: Observation) -> None:
    if isinstance(fact, HeartbeatObserved) and fact.channel == PING_CHANNEL:
        if fact.rtt_s is not None and not fact.suspect:
            seen.pings_s.append(fact.rtt_s)
        seen.pings_missed += fact.outcome == "timeout"  # a late pong is told as well, after its timeout
    elif isinstance(fact, PhaseObserved) and fact.phase == ICE_SERVERS:
        if fact.seconds is not None and not fact.suspect:
            seen.fetches_s.append(fact.seconds)
        seen.fetch_timeouts += fact.failure is not None and fact.failure.reason is Reason.TIMEOUT
    elif isinstance(fact, GatheringObserved):
        seen.gatherings += 1
        seen.gatherings_bad += fact.signature is not Signature.OK


def of_markers(attributes: Mapping[str, str], seconds: float) -> dict[str, float]:
    """What a publish's end marker tells of it; a figure that it does not tell, or not as a number, is left out."""
    told = {
        "calls": "calls",
        "limited": "status_429",
        "retry_after_s": "retry_after_seconds",
        "stalled_s": "stalled_seconds",
    }
    found = {name: _number(attributes.get(key)) for name, key in told.items()}
    return {"publish_s": seconds, **{name: value for name, value in found.items() if value is not None}}


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e12 else None
