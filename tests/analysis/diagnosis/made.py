"""Evidence made by hand for the diagnosis: an hour and more of attempts at regular times, as a test needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from monitor.facts.evidence_builder import EvidenceBuilder

Attempt = tuple[float | None, str]  # value, outcome
START_S = 1_789_480_000.0


def regular(
    builder: EvidenceBuilder,
    signal: str,
    of: Callable[[float], Attempt],
    *,
    every_s: float = 30.0,
    until_s: float = 3600.0,
    phase_s: float = 0.0,
    site: str = "chicago",
    probe: str = "p",
    target: str = "",
) -> None:
    """One attempt every so many seconds; `of` says, by the seconds since the start, what it brought."""
    for n in range(round((until_s - phase_s) / every_s)):
        after_s = phase_s + n * every_s
        value, outcome = of(after_s)
        builder.sample(signal, START_S + after_s, value, outcome, site=site, probe=probe, target=target)


def well(value: float) -> Callable[[float], Attempt]:
    """The same good value every time."""
    return lambda _: (value, "ok")


def between(from_s: float, to_s: float, then: Attempt, otherwise: float) -> Callable[[float], Attempt]:
    """Something else between two times, a good value before and after."""
    return lambda after_s: then if from_s <= after_s < to_s else (otherwise, "ok")


def drop_all(
    builder: EvidenceBuilder,
    agents: Iterable[str],
    at_s: float,
    *,
    apart_s: float = 0.01,
    silent_s: float = 0.0,
    site: str = "chicago",
    layer: str = "signalling",
    reason: str = "closed",
) -> None:
    """Each of these agents drops, one shortly after the other."""
    for n, agent in enumerate(agents):
        noticed_s = START_S + at_s + n * apart_s
        builder.drop(noticed_s - silent_s, noticed_s, site=site, agent=agent, layer=layer, reason=reason)


def agents(count: int, site: str = "chicago") -> list[str]:
    """Names of agents."""
    return [f"{site}-{n}" for n in range(count)]
