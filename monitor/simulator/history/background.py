"""The drops that happen anyway: agents' own networks fail now and then, sometimes several at once; seeded, pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.genesys.keepalive import PING_INTERVAL_S, PING_TIMEOUT_S, SILENCE_LIMIT_S
from monitor.simulator.history.calendar import Shift
from monitor.simulator.history.plan import BackgroundDrops
from monitor.simulator.world.softphone import Softphone

DAY_SPREAD = 0.35  # sigma of the logarithm of a site's day: drops vary more from day to day than chance alone makes
SILENT_SHARE = 0.4  # of the failures: the network goes silent; the rest closes the socket
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Mishap:
    """One agent's connection fails. silent: nothing tells the client, which finds out by its keepalive."""

    at_wall_s: float
    agent: int
    silent: bool


def mishaps(
    figures: BackgroundDrops, site: str, agents: Sequence[int], days: Sequence[Shift], seed: int
) -> list[Mishap]:
    """Every failure at a site, in order. The expected number is the same whatever their clustering."""
    rng = random.Random(f"{seed}:mishaps:{site}")  # noqa: S311 - reproducible, not a secret
    found = [mishap for day in days for mishap in _of_day(figures, agents, day, rng)]
    return sorted(found, key=lambda mishap: mishap.at_wall_s)


def happen(mishap: Mishap, phone: Softphone, now_s: float, *, server_pings: bool) -> None:
    """A connected softphone loses its connection; what was silent has been so since its last good sign of life."""
    if not phone.online:
        return
    if not mishap.silent:
        phone.cut(now_s, "reset", None)
    elif server_pings:
        phone.drop(now_s, "silence", last_good_s=now_s - SILENCE_LIMIT_S)
    else:
        phone.drop(now_s, "ping_timeout", last_good_s=now_s - 2 * (PING_INTERVAL_S + PING_TIMEOUT_S))


def _of_day(figures: BackgroundDrops, agents: Sequence[int], day: Shift, rng: random.Random) -> Iterator[Mishap]:
    """Incidents come at random times, at a rate of the day's own; those of several agents last cluster_s."""
    if figures.per_agent_hour <= 0:
        return
    agents_of_incident = 1 + figures.clustered * (figures.cluster_agents - 1)
    day_factor = math.exp(rng.gauss(0.0, DAY_SPREAD) - DAY_SPREAD**2 / 2)  # 1 on average
    per_s = figures.per_agent_hour * len(agents) * day_factor / agents_of_incident / HOUR_S
    at_s = day.begin_wall_s + rng.expovariate(per_s)
    while at_s < day.end_wall_s:
        for agent in rng.sample(agents, min(len(agents), _agents_of(figures, rng))):
            yield Mishap(at_s + rng.uniform(0.0, figures.cluster_s), agent, rng.random() < SILENT_SHARE)
        at_s += rng.expovariate(per_s)


def _agents_of(figures: BackgroundDrops, rng: random.Random) -> int:
    """One, or in a cluster two and more, `cluster_agents` on average."""
    if rng.random() >= figures.clustered:
        return 1
    return 2 + _geometric(rng, figures.cluster_agents - 2)


def _geometric(rng: random.Random, mean: float) -> int:
    """How many more: 0, 1, 2, ... with that mean."""
    return int(math.log(1.0 - rng.random()) / math.log(mean / (1.0 + mean))) if mean > 0 else 0
