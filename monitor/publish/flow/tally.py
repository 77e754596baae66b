"""Counts and times of a publish run's requests, as a whole and batch by batch. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.facts.failures import Failure
from monitor.genesys.rest_messages import RestReply

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Latency:
    """One operation. calls: requests sent. answers: 2xx answers, over which seconds is the sum and the rest is taken;
    p50_s to max_s are None without any.
    """

    calls: int
    answers: int
    seconds: float
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    max_s: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """One run in figures. statuses: HTTP status, or the failure's reason where there was none -> how often.

    seconds: from the first request to the last answer or event. retry_after_s: seconds waited because a Retry-After
    said so, summed over requests; retry_wait_s: the same for waits before a retry of whatever policy; stalled_s: wall
    seconds in which waiting for a retry was all that the run did, longest_stall_s the longest of these times. agents:
    how many were to be published; published: those in an applied document, earlier processes included; failed_agents:
    with a write that failed for good. problem: why it did not end well.
    """

    calls: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    operations: Mapping[str, Latency] = field(default_factory=dict)
    seconds: float = 0.0
    batches: int = 0
    agents: int = 0
    published: int = 0
    failed_agents: tuple[str, ...] = ()
    retry_after_s: float = 0.0
    retry_wait_s: float = 0.0
    stalled_s: float = 0.0
    longest_stall_s: float = 0.0
    problem: Failure | None = None


@dataclass(slots=True)
class Tally:
    """Running counts."""

    statuses: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    latencies_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    retry_after_s: float = 0.0
    retry_wait_s: float = 0.0

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self.sent.total()

    def send(self, operation: str) -> None:
        """A request goes out."""
        self.sent[operation] += 1

    def hear(self, operation: str, reply: RestReply) -> None:
        """Its reply has come."""
        self.statuses[status_word(reply)] += 1
        if reply.ok and reply.seconds is not None:
            self.latencies_s[operation].append(reply.seconds)

    def wait(self, seconds: float, *, honoured: bool) -> None:
        """A failed request is waited for. honoured: because of its Retry-After."""
        self.retry_wait_s += seconds
        self.retry_after_s += seconds if honoured else 0.0

    def operations(self) -> dict[str, Latency]:
        """Every operation that was sent, by name."""
        return {name: self._latency(name) for name in sorted(self.sent)}

    def _latency(self, operation: str) -> Latency:
        values = self.latencies_s.get(operation, [])
        found = quantiles(values)
        p50_s, p90_s, p99_s, max_s = (found.get(q) for q in QUANTILES)
        return Latency(self.sent[operation], len(values), sum(values), p50_s, p90_s, p99_s, max_s)


def status_word(reply: RestReply) -> str:
    """The HTTP status, or why there is none."""
    if reply.status is not None:
        return str(reply.status)
    return reply.failure.reason.value if reply.failure is not None else "error"


def quantiles(values: Sequence[float]) -> dict[float, float]:
    """The nearest-rank quantiles of the values, {} when there are none."""
    ordered = sorted(values)
    return {q: ordered[math.ceil(q * len(ordered)) - 1] for q in QUANTILES} if ordered else {}
