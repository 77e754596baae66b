"""Facts to entries of a probe's log: one attempt, how it ended, and every phase with its time; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitor.facts.failures import Failure
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    GatheringObserved,
    HeartbeatObserved,
    Observation,
    PhaseObserved,
)

OK = "ok"
CONNECTING = ("token", "channel_create", "tcp", "tls", "upgrade", "sasl", "bind", "ice_servers")  # in this order
CALLING = ("propose", "offer", "ice_checks", "dtls", "first_media")
LONGEST_PAUSE_S = 120.0  # between two phases of one attempt


@dataclass(slots=True)
class Entry:
    """One attempt. key: what its phases have in common, such as the conversation. bad: it failed."""

    at_s: float
    outcome: str
    key: str = ""
    took_s: float | None = None
    words: str = ""
    suspect: bool = False
    bad: bool = False
    phases: list[tuple[str, str, float | None]] = field(default_factory=list)
    failure: Failure | None = None

    def add(self, later: Entry) -> None:
        """Take a later phase of the same attempt in."""
        self.at_s = max(self.at_s, later.at_s)
        self.phases += later.phases
        self.suspect |= later.suspect
        self.outcome, self.failure, self.bad = later.outcome, later.failure, self.bad or later.bad
        measured = [seconds for _, _, seconds in self.phases if seconds is not None]
        self.took_s = sum(measured) if measured else None

    def to_json(self) -> dict[str, Any]:
        """As the page is told of it."""
        failed = self.failure
        return {
            "at": round(self.at_s, 3),
            "took_s": self.took_s,
            "outcome": self.outcome,
            "text": _text(self),
            "suspect": self.suspect,
            "phases": [{"name": name, "outcome": outcome, "seconds": s} for name, outcome, s in self.phases],
            "failure": None
            if failed is None
            else {
                "operation": failed.operation,
                "reason": failed.reason.value,
                "fault": failed.fault.value,
                "detail": failed.detail,
            },
        }


def entry_of(fact: Observation) -> Entry | None:
    """The attempt, or the phase of one, that a fact tells of; None for a fact that is no attempt."""
    make = _MAKERS.get(type(fact))
    return None if make is None else make(fact)


def goes_on(before: Entry, later: Entry) -> bool:
    """Whether a later phase belongs to the same attempt: in order, not after a failure, and soon enough."""
    order = CONNECTING if later.phases and later.phases[0][0] in CONNECTING else CALLING
    if not later.key or before.key != later.key or before.bad or later.at_s - before.at_s > LONGEST_PAUSE_S:
        return False
    names = [name for name, _, _ in (*before.phases, *later.phases)]
    places = [order.index(name) for name in names if name in order]
    return len(places) == len(names) and places == sorted(set(places))


def _heartbeat(fact: HeartbeatObserved) -> Entry:
    bad = fact.outcome != OK
    return Entry(
        at_s=fact.at_wall_s,
        outcome=fact.outcome,
        took_s=fact.rtt_s,
        words=f"{fact.channel} ping",
        suspect=fact.suspect,
        bad=bad,
        phases=[("ping", fact.outcome, fact.rtt_s)],
        failure=fact.failure,
    )


def _phase(fact: PhaseObserved) -> Entry:
    return _of_phase(fact, fact.phase, fact.seconds, fact.failure, f"connecting {fact.agent}")


def _call_phase(fact: CallPhaseObserved) -> Entry:
    return _of_phase(fact, fact.phase, fact.seconds, fact.failure, f"call {fact.conversation_id}")


def _of_phase(fact: Observation, name: str, seconds: float | None, failed: Failure | None, key: str) -> Entry:
    outcome = OK if failed is None else failed.reason.value
    return Entry(
        at_s=fact.at_wall_s,
        outcome=outcome,
        key=key,
        took_s=seconds,
        suspect=fact.suspect,
        bad=failed is not None,
        phases=[(name, outcome, seconds)],
        failure=failed,
    )


def _gathering(fact: GatheringObserved) -> Entry:
    """A phase a server: what is slow or silent is seen at once."""
    phases: list[tuple[str, str, float | None]] = [
        (f"{one.scheme} {one.server} {one.transport}", one.outcome.value, one.seconds) for one in fact.results
    ]
    wanted, obtained = (" ".join(types) or "nothing" for types in (fact.wanted, fact.obtained))
    return Entry(
        at_s=fact.at_wall_s,
        outcome=fact.signature.value,
        took_s=fact.seconds,
        words=f"wanted {wanted}, obtained {obtained}",
        suspect=fact.suspect,
        bad=fact.signature != OK,
        phases=phases,
        failure=fact.failure,
    )


def _api(fact: ApiObserved) -> Entry:
    bad = fact.failure is not None
    waiting = "" if fact.retry_after_s is None else f", told to wait {fact.retry_after_s:g} s"
    return Entry(
        at_s=fact.at_wall_s,
        outcome=fact.failure.reason.value if fact.failure is not None else OK,
        took_s=fact.seconds,
        words=f"{fact.operation}: {fact.status}{waiting}",
        suspect=fact.suspect,
        bad=bad,
        phases=[(fact.operation, fact.status if bad else OK, fact.seconds)],
        failure=fact.failure,
    )


def _text(entry: Entry) -> str:
    """The attempt in a line."""
    last = entry.phases[-1][0] if entry.phases else ""
    about = entry.words or (f"failed in {last}" if entry.bad else f"through {last}")
    took = "" if entry.took_s is None else f" in {entry.took_s * 1000:.1f} ms"
    why = "" if entry.failure is None else f": {entry.failure.detail}".rstrip(": ")
    return f"{about}: {entry.outcome}{took}{why}"


_MAKERS: dict[type[Observation], Callable[[Any], Entry]] = {
    HeartbeatObserved: _heartbeat,
    PhaseObserved: _phase,
    CallPhaseObserved: _call_phase,
    GatheringObserved: _gathering,
    ApiObserved: _api,
}
