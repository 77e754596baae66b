"""Who is in a history: the scenario's agents, and at each site a synthetic softphone that is measured; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from monitor.simulator.history.baseline import Baseline
from monitor.simulator.history.calls import CallProbe
from monitor.simulator.history.clock import MonitorClock, OwnLoop
from monitor.simulator.history.gathering import fresh_gathering, gathering, stun
from monitor.simulator.history.grid import CallGrid, Due, GridProbe
from monitor.simulator.history.plan import Cadence
from monitor.simulator.history.probes import Measure, SiteMonitor, api, heartbeat, ice_servers, own_lag, token
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.scenario import Scenario

SITE_SPREAD: Final = 0.29
SPREAD: Final = 0.618  # of an interval between the phases of one probe and the next, so that they keep apart


@dataclass(frozen=True, slots=True)
class Staff:
    """Names and sites of everybody by number, and each site's synthetic softphone."""

    names: dict[int, str]
    sites: dict[int, str]
    synthetic: dict[str, int]

    def at(self, site: str) -> list[int]:
        """Everybody at a site."""
        return [number for number, where in self.sites.items() if where == site]


def with_synthetic(scenario: Scenario) -> Scenario:
    """The scenario with one agent more at each site."""
    sites = {site: size + 1 for site, size in scenario.site_sizes.items()}
    return scenario.model_copy(update={"sites": sites, "agents": sum(sites.values())})


def staff_of(measured: Scenario) -> Staff:
    """The last agent of each site of `with_synthetic` is the synthetic one; the others are agent-001 and so on."""
    staff, number, agent = Staff({}, {}, {}), 0, 0
    for site, size in measured.site_sizes.items():
        for _ in range(size - 1):
            agent += 1
            staff.names[number], staff.sites[number] = f"agent-{agent:03d}", site
            number += 1
        staff.names[number], staff.sites[number] = f"synthetic-{site}", site
        staff.synthetic[site] = number
        number += 1
    return staff


def monitors_of(platform: VirtualPlatform, staff: Staff, clock: MonitorClock, seed: int) -> list[SiteMonitor]:
    """What measures at each site."""
    monitors = []
    for site, number in staff.synthetic.items():
        baseline = Baseline(site, seed)
        platform.population.phones[number].watch.stay_visible()
        monitors.append(
            SiteMonitor(
                site=site,
                agent=staff.names[number],
                phone=platform.population.phones[number],
                platform=platform,
                baseline=baseline,
                loop=OwnLoop(site, baseline, platform.timeline),
                clock=clock,
                issued_wall_s=platform.start_wall_s,
            )
        )
    return monitors


def probes_of(monitor: SiteMonitor, cadence: Cadence, site_number: int) -> list[Due]:
    """The probes of a site as the shipped example configures them, with a few beside that tell causes apart.

    Sites keep apart as probes do, so that none always comes second to the platform's queues.
    """
    measures: list[tuple[str, Measure, float]] = [
        ("heartbeat-1", heartbeat("notification"), cadence.heartbeat_s),
        ("heartbeat-2", heartbeat("xmpp"), cadence.heartbeat_s),
        ("heartbeat-3", heartbeat("websocket"), cadence.websocket_s),
        ("signalling-1", ice_servers, cadence.signalling_s),
        ("own-servers", stun, cadence.gathering_s),
        ("api-1", api, cadence.api_s),
        ("own-lag", own_lag, cadence.own_lag_s),
        ("token", token, cadence.token_s),
        *((name, measure, cadence.gathering_s) for name, measure in _gatherings(monitor.platform.scenario)),
    ]
    probes: list[Due] = [
        GridProbe(monitor, name, measure, interval_s, (number * SPREAD + site_number * SITE_SPREAD) % 1.0 * interval_s)
        for number, (name, measure, interval_s) in enumerate(measures)
    ]
    call = CallProbe(monitor, "call-1", hold_s=cadence.hold_s, media_s=cadence.media_s)
    return [
        *probes,
        CallGrid(monitor, call, cadence.call_s, (SPREAD + site_number * SITE_SPREAD) % 1.0 * cadence.call_s),
    ]


def _gatherings(scenario: Scenario) -> Sequence[tuple[str, Measure]]:
    """With the list the session holds, and with a fresh one. A second interface is used beside the first, and there
    are probes that are bound to one of them.
    """
    second = next((what.interface for what in scenario.occurrences if what.kind == "vpn"), None)
    if second is None:
        return [("gathering-1", gathering()), ("gathering-2", fresh_gathering)]
    return [
        ("gathering-1", gathering((None, second))),
        ("gathering-2", fresh_gathering),
        ("gathering-lan", gathering((None,))),
        (f"gathering-{second}", gathering((second,))),
    ]
