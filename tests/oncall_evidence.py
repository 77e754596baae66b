"""Evidence for the tests of on-call checks: a quarter of an hour in which all is well, and what may be added to it."""

from __future__ import annotations

from collections.abc import Callable

from monitor.facts import signals
from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.oncall.judge import Limits, Question

NOW_S = 1_790_000_000.0
PERIOD_S = 900.0
SINCE_S = NOW_S - PERIOD_S

Change = Callable[[EvidenceBuilder], None]


def attempts(
    builder: EvidenceBuilder,
    signal: str,
    value: float | None,
    outcome: str = "ok",
    *,
    count: int = 30,
    until_s: float = NOW_S - 5.0,
    every_s: float = 30.0,
    site: str = "chicago",
    target: str = "",
    suspect: bool = False,
) -> None:
    """So many attempts at a signal, the last one at until_s."""
    for n in range(count):
        at_s = until_s - (count - 1 - n) * every_s
        builder.sample(signal, at_s, value, outcome, site=site, target=target, suspect=suspect)


def well(builder: EvidenceBuilder, *, site: str = "chicago", until_s: float = NOW_S - 5.0) -> None:
    """Everything that a healthy monitor tells of a quarter of an hour."""
    for signal, value, outcome, target in (
        (signals.WS_RTT, 0.03, "ok", "synthetic-1"),
        (signals.NOTIFICATION_RTT, 0.03, "ok", ""),
        (signals.ICE_SERVERS, 0.04, "ok", "synthetic-1"),
        (signals.ICE_GATHERING, 0.05, "ok", "platform"),
        (signals.TURN_ALLOCATE, 0.05, "ok", "turn.example:3478/udp"),
        (signals.API, 0.04, "200", "organizations_me"),
    ):
        attempts(
            builder, signal, value, outcome, site=site, target=target, until_s=until_s, count=31
        )  # the first before


def evidence(*changes: Change, base: Change | None = well) -> Evidence:
    """A healthy quarter of an hour with changes; base None begins with nothing."""
    builder = EvidenceBuilder()
    for change in (*((base,) if base else ()), *changes):
        change(builder)
    return builder.build()


def question(known: Evidence, limits: Limits | None = None, **more: object) -> Question:
    """Asked about the last quarter of an hour."""
    return Question(known, SINCE_S, NOW_S, limits or Limits(), **more)  # type: ignore[arg-type]


def adding(signal: str, value: float | None, outcome: str = "ok", **how: object) -> Change:
    """A change that adds attempts."""
    return lambda builder: attempts(builder, signal, value, outcome, **how)  # type: ignore[arg-type]


def dropping(count: int, layer: str = "signalling", reason: str = "ping_timeout", every_s: float = 0.1) -> Change:
    """A change that adds drops of as many softphones, a few minutes ago."""

    def change(builder: EvidenceBuilder) -> None:
        for n in range(count):
            at_s = NOW_S - 300.0 + n * every_s
            builder.drop(at_s - 30.0, at_s, site="chicago", agent=f"agent-{n}", layer=layer, reason=reason)

    return change
