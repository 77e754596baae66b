"""What `fleet` asks for, carried out on the settings: call probes for so many softphones, and how many processes.

The links to the processes that come of it are in probes/fleet.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from monitor.config.model import Fleet, Settings
from monitor.config.probes import CallProbe, ProbeSettings

CANARY = "canary"
PEERS_PER_SHARD = 150  # what one process holds with a wide margin, both ends talking (docs/performance.md)


def expanded(settings: Settings) -> Settings:
    """The settings with as many call probes as `fleet.agents` says; expanding them once more changes nothing.

    The first call probe is repeated for the agents that carry no calls yet, in their order in the file, under the name
    `<its name>/<agent>`: a name that no file can give. Each brings the agent's signalling session with it. No change
    where so many carry calls already, and as far as there are agents where there are too few.
    """
    calls = [probe for probe in settings.probes if isinstance(probe, CallProbe)]
    missing = settings.fleet.agents - len(calls)
    if settings.fleet.agents == 1 or missing <= 0 or not calls:
        return settings
    made = _repeated(calls, settings)
    added = [probe for probe, _ in zip(made, range(missing), strict=False)]
    probes: tuple[ProbeSettings, ...] = (*settings.probes, *added)
    return settings.model_copy(update={"probes": probes})


def _repeated(calls: list[CallProbe], settings: Settings) -> Iterator[CallProbe]:
    first, carrying = calls[0], {probe.agent for probe in calls}
    for agent in settings.agents:
        if agent.name not in carrying:
            yield first.model_copy(update={"name": f"{first.name}/{agent.name}", "agent": agent.name})


def shard_count(fleet: Fleet, calls: int, processors: int) -> int:
    """How many media processes: a number as it is given, `auto` as many as `calls` need, each on a processor."""
    if fleet.shards != "auto":
        return fleet.shards
    return max(1, min(processors, math.ceil(calls / PEERS_PER_SHARD)))


def media_processes(settings: Settings, processors: int) -> tuple[str, ...]:
    """Their names, in order; the canaries' process is the last."""
    calls = sum(isinstance(probe, CallProbe) for probe in settings.probes)
    count = shard_count(settings.fleet, max(settings.fleet.agents, calls), processors)
    shards = tuple(f"shard{index}" for index in range(count))
    return (*shards, CANARY) if settings.fleet.canaries else shards


def process_of_agents(settings: Settings, processes: Sequence[str]) -> dict[str, int]:
    """Which of the media processes each agent's calls go to: in turn, by the order of the call probes, canaries first.

    As long as that order stays, an agent stays where it is.
    """
    carrying = list(dict.fromkeys(probe.agent for probe in settings.probes if isinstance(probe, CallProbe)))
    canaries = settings.fleet.canaries if CANARY in processes else 0
    shards = len(processes) - (CANARY in processes)
    found = dict.fromkeys(carrying[:canaries], len(processes) - 1)
    return found | {agent: index % shards for index, agent in enumerate(carrying[canaries:])}
