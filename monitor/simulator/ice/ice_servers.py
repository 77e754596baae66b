"""Which ICE servers a softphone is handed out: real or embedded, empty or under a name that does not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from monitor.simulator.ice.stun_responder import IceService, turn_credentials, turn_services
from monitor.simulator.platform import Platform
from monitor.simulator.world.scenario import Scenario

UNKNOWN_DOMAIN: Final = "simulated.invalid"  # RFC 2606 section 2: never resolves
EMBEDDED_USERNAME: Final = "simulated"


class IceServers:
    """What is handed out now; the embedded responders listen on the given UDP ports."""

    def __init__(self, platform: Platform, *, stun_port: int, turn_port: int, turn_secret: str) -> None:
        self._platform = platform
        self.stun_port = stun_port
        self.turn_port, self._turn_secret = turn_port, turn_secret

    def now(self, address: str, site: str) -> tuple[IceService, ...]:
        """The services for a client at `site` that reaches this machine at `address`.

        No STUN service is how a softphone is told to use TURN only.
        """
        platform = self._platform
        address, wall_s = platform.urls.advertised or address, platform.scenario_wall_s()
        wanted = platform.network.hand_out(wall_s)
        found: tuple[IceService, ...] = self._turn(address, wall_s) if wanted.turn else ()
        if wanted.stun:
            found += (IceService("stun", address, self.stun_port, "udp"),)
        if platform.active("dns", site) is not None:
            found = tuple(replace(service, host=f"{service.type}.{UNKNOWN_DOMAIN}") for service in found)
        return found

    def _turn(self, address: str, wall_s: float) -> tuple[IceService, ...]:
        """A real server where the scenario names one; ours where it is about TURN."""
        platform, scenario = self._platform, self._platform.scenario
        if scenario.turn is not None:
            life_s = min(scenario.turn_credential_life_s, platform.network.credential_life_s(wall_s))
            return turn_services(scenario.turn, platform.clock.wall_s(), life_s)
        if not is_about_turn(scenario):
            return ()
        life_s = scenario.turn_credential_life_s  # the server itself knows what the occurrences make of it
        username, password = turn_credentials(EMBEDDED_USERNAME, self._turn_secret, platform.clock.wall_s(), life_s)
        return (IceService("turn", address, self.turn_port, "udp", username, password),)


def is_about_turn(scenario: Scenario) -> bool:
    """Whether a scenario needs a TURN server, so that one is embedded where it names none."""
    about = any(one.kind in ("turn", "turn_credentials") for one in scenario.occurrences)
    return about or "turn_credential_life_s" in scenario.model_fields_set
