"""The scenario's world while the simulator runs: its agents load the same queues, its occurrences act on real sockets.

Virtual time has every cause of a scenario; on real sockets these are what they are there:

background, restart, planned_move, takeover, token, turn, turn_credentials, ice_list_empty, dns, idle_cut,
persistent_idle: as described in occurrences.py, to every real client, or to those of the site where one is named. A
softphone belongs to the site of its user; what shows no user, such as a STUN request, to that of the user who last
signed in from its IP address. dns and ice_list_empty concern lists that are fetched while they are in force.
stun, path, dtls: met by each datagram at the embedded responders and at the far end of calls (impairments.py).
vpn: a second interface is an IP address that no softphone signals from; its STUN requests stay unanswered.
own_lag, clock_step: the monitor's own trouble, which no platform can make: nothing happens here.
nat: no NAT stands between a client and a simulator on the same machine: nothing happens here.

An agent that a real client has signed in as stays out of the population until the scenario begins anew, because its
client may come back at any moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, Final

from monitor.simulator.platform import Platform
from monitor.simulator.streaming.persistent_connections import PersistentConnections
from monitor.simulator.streaming.streaming import Streaming
from monitor.simulator.world.agents import Population
from monitor.simulator.world.occurrences import Edge, Occurrence

LONGEST_WAIT_S: Final = 1.0
SHORTEST_WAIT_S: Final = 0.05  # the population has something to do more often; arrivals catch up by themselves
WATCH_S: Final = 0.25  # how often idle connections are looked for
STALL_S: Final = 2 * WATCH_S  # a look so long after the one before comes late

log = logging.getLogger(__name__)


class LiveWorld:
    """Runs beside the platform's servers: `run` until cancelled. `Platform.live`."""

    def __init__(self, platform: Platform, streaming: Streaming) -> None:
        self._platform = platform
        self._streaming = streaming
        self._changed = asyncio.Event()
        platform.live = self
        self.restart()

    def restart(self) -> None:
        """The platform's scenario begins: a new population, without the agents that real clients have signed in as."""
        platform = self._platform
        self._population = Population(
            platform.scenario, platform.seed, platform.world, platform.limiter, platform.started_wall_s
        )
        self._drops: Counter[str] = Counter()
        self._persistent = PersistentConnections(platform, self._streaming)
        self._acted_wall_s = platform.started_wall_s
        self._real: set[str] = set()
        for user_id in self._streaming.users():
            self.signed_in(user_id)
        self._changed.set()

    def signed_in(self, user_id: str) -> None:
        """A real client is this user's softphone now."""
        index = list(self._platform.users).index(user_id)
        if user_id not in self._real and index < len(self._population.phones):
            self._population.phones[index].step_aside()
        self._real.add(user_id)

    def catch_up(self, now_s: float) -> None:
        """Let the simulated agents do all that is due by `now_s`."""
        for event in self._population.advance(now_s):
            if event.kind == "dropped":
                self._drops[event.reason] += 1

    def schedule_changed(self, user_ids: tuple[str, ...]) -> None:
        """These users' clients have been told of changed shifts; simulated ones may read them."""
        places = {user_id: at for at, user_id in enumerate(self._platform.users)}
        known = [places[user_id] for user_id in user_ids if places[user_id] < len(self._population.phones)]
        self._population.schedule_changed(self._platform.now_s(), known)

    def state(self) -> dict[str, Any]:
        """For the control API: what is in force, and how the agents fare."""
        phones = self._population.phones
        gone = sum(phone.gone for phone in phones)
        connected = self._population.online
        return {
            "occurrences": [_told(one) for one in self._in_force()],
            "agents": {
                "connected": connected,
                "reconnecting": len(phones) - connected - gone,
                "gave_up": gone - sum(phone.aside for phone in phones),
                "real": len(self._real),
            },
            "agent_drops": dict(self._drops),
        }

    async def run(self) -> None:
        """Let time pass, until cancelled."""
        while True:
            try:
                await self._step()
            except Exception:  # a mistake in one step must not end the scenario in silence
                log.exception("the scenario stumbled")
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()

    async def _step(self) -> None:
        now_s = self._platform.arrive()
        until_wall_s = self._platform.scenario_wall_s()
        from_wall_s, self._acted_wall_s = self._acted_wall_s, until_wall_s
        for edge in self._platform.timeline.edges(from_wall_s, until_wall_s):
            self._meet(edge)
        if until_wall_s - from_wall_s < STALL_S:  # after a stall of our own, nobody else's silence means anything
            self._cut_idle()
        await self._persistent.tick(now_s)

    def _cut_idle(self) -> None:
        for occurrence in self._in_force():
            if occurrence.kind == "idle_cut":
                self._streaming.clients.cut_idle(occurrence.after_s, occurrence.site)

    def _meet(self, edge: Edge) -> None:
        what = edge.occurrence
        match what.kind, edge.begins:
            case "restart", True:
                self._streaming.clients.restart(what.site)
            case "planned_move", True:
                self._streaming.clients.move(what.site)
            case "takeover", True:
                self._streaming.clients.take_over(what.site)
            case "token", True:
                self._platform.end_user_tokens(edge.at_wall_s + what.life_s, what.site)

    def _wait_s(self) -> float:
        platform = self._platform
        edge_wall_s = platform.timeline.next_edge(self._acted_wall_s)
        waits = [LONGEST_WAIT_S, self._population.next_s() - platform.now_s()]
        if edge_wall_s is not None:
            waits.append(edge_wall_s - platform.scenario_wall_s())
        if any(one.kind in ("idle_cut", "persistent_idle") for one in platform.scenario.occurrences):
            waits.append(WATCH_S)
        return max(SHORTEST_WAIT_S, min(waits))

    def _in_force(self) -> list[Occurrence]:
        """Each occurrence that lasts and is going on now."""
        wall_s, timeline = self._platform.scenario_wall_s(), self._platform.timeline
        kinds = {one.kind: None for one in self._platform.scenario.occurrences}
        sites = (None, *self._platform.scenario.site_sizes)
        found = [timeline.active(kind, wall_s, site) for kind in kinds for site in sites]
        return list(dict.fromkeys(one for one in found if one is not None))


def _told(occurrence: Occurrence) -> dict[str, Any]:
    return occurrence.model_dump(mode="json", exclude_unset=True)
