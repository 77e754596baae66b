"""What the probes of one site's synthetic softphone observe over signalling and REST in a history; pure.

Each asks the world at its slot and tells facts as the live probe of the same name does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.facts.failures import Failure, Reason, failure, reason_of_status
from monitor.facts.observations import (
    ApiObserved,
    HeartbeatObserved,
    Observation,
    OwnLagObserved,
    PhaseObserved,
    TokenObserved,
)
from monitor.genesys.requests import IQ_TIMEOUT_S
from monitor.simulator.history.baseline import TCP_SHARE, Baseline
from monitor.simulator.history.clock import MonitorClock, OwnLoop, Slot
from monitor.simulator.virtual.platform import LIMIT_S, VirtualPlatform
from monitor.simulator.world.softphone import Softphone
from monitor.simulator.world.world import Admission

PING_TIMEOUT_S = 5.0
SERVICE = "service"  # the name of the monitor's own credentials
PROCESS = "prober"
API_OPERATION = "organizations_me"
GATEWAY_S = 0.018  # a WebSocket ping is answered at the platform's edge, whatever waits behind it


@dataclass(slots=True)
class SiteMonitor:
    """Everything that measures at one site. agent: the synthetic softphone's name; phone: that softphone."""

    site: str
    agent: str
    phone: Softphone
    platform: VirtualPlatform
    baseline: Baseline
    loop: OwnLoop
    clock: MonitorClock
    issued_wall_s: float  # of the synthetic softphone's token
    overdue: list[tuple[float, str, int]] = field(default_factory=list)  # pongs: when, channel, of which connection

    def stamp(self, probe: str, slot: Slot, seconds: float) -> dict[str, Any]:
        """The fields that every fact of a slot starts with, told `seconds` after its start."""
        return {
            "site": self.site,
            "probe": probe,
            "at_wall_s": self.clock.shown_s(slot.wall_s + seconds),
            "lag_s": slot.lag_s,
            "lateness_s": slot.lateness_s,
        }


Measure = Callable[[SiteMonitor, str, Slot], Iterator[Observation]]  # site, the probe's name, its slot


def heartbeat(channel: str) -> Measure:
    """The heartbeat probe of `notification`, `xmpp` or `websocket`."""

    def measure(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
        yield from _late_pongs(monitor, probe, channel, slot)
        agent = "" if channel == "notification" else monitor.agent
        seconds = _round_trip(monitor, channel, slot)
        path_s = TCP_SHARE * (GATEWAY_S + monitor.baseline.path_s())
        if seconds is None:
            trouble = failure(f"{channel}_ping", Reason.NOT_CONNECTED)
            stamp = monitor.stamp(probe, slot, 0.0)
            yield HeartbeatObserved(**stamp, channel=channel, outcome="not_connected", agent=agent, failure=trouble)
        elif seconds < PING_TIMEOUT_S:
            stamp = monitor.stamp(probe, slot, seconds)
            yield HeartbeatObserved(
                **stamp, channel=channel, outcome="ok", rtt_s=seconds, tcp_rtt_s=path_s, agent=agent
            )
        else:
            monitor.overdue.append((slot.at_s + seconds, channel, monitor.phone.epoch))
            trouble = failure(f"{channel}_ping", Reason.TIMEOUT, f"no pong within {PING_TIMEOUT_S:g} s")
            stamp = monitor.stamp(probe, slot, PING_TIMEOUT_S)
            yield HeartbeatObserved(
                **stamp, channel=channel, outcome="timeout", tcp_rtt_s=path_s, agent=agent, failure=trouble
            )

    return measure


def ice_servers(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
    """The signalling probe: a fresh ICE-server fetch."""
    seconds, trouble = fetch(monitor, slot, IQ_TIMEOUT_S)
    told_s = seconds if seconds is not None else waited_s(trouble, IQ_TIMEOUT_S)
    stamp = monitor.stamp(probe, slot, told_s)
    yield PhaseObserved(**stamp, phase="ice_servers", seconds=seconds, agent=monitor.agent, failure=trouble)


def fetch(monitor: SiteMonitor, slot: Slot, limit_s: float) -> tuple[float | None, Failure | None]:
    """Two requests for ICE servers side by side, of which the later answer counts: its seconds, or what went wrong."""
    if not monitor.phone.online:
        return None, failure("ice_servers", Reason.NOT_CONNECTED)
    world = monitor.platform.world
    turn_s = max(world.signalling_turn(slot.at_s, "extdisco"), world.signalling_turn(slot.at_s, "extdisco"))
    seconds = monitor.loop.measured_s(slot, turn_s + monitor.baseline.path_s())
    if seconds >= limit_s:
        return None, failure("ice_servers", Reason.TIMEOUT, f"no answer within {limit_s:g} s")
    return seconds, None


def waited_s(trouble: Failure | None, limit_s: float) -> float:
    """How long a measurement that brought nothing took: its whole limit, unless it was over at once."""
    return limit_s if trouble is not None and trouble.reason is Reason.TIMEOUT else 0.0


def api(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
    """The API probe: one small REST request under the service's own token."""
    platform = monitor.platform
    allowance = platform.limiter.take(SERVICE, slot.at_s, platform.scenario.rate_limit)
    admission = Admission(LIMIT_S, 429) if allowance.limited else platform.world.rest_call(slot.at_s, API_OPERATION)
    seconds = monitor.loop.measured_s(slot, admission.delay_s + monitor.baseline.path_s())
    status = admission.refused or 200
    yield ApiObserved(
        **monitor.stamp(probe, slot, seconds),
        operation=API_OPERATION,
        status=str(status),
        seconds=seconds,
        retry_after_s=float(allowance.reset_s) if allowance.limited else None,
        failure=None if status == 200 else failure(API_OPERATION, reason_of_status(status), f"HTTP {status}"),
    )


def own_lag(monitor: SiteMonitor, _probe: str, slot: Slot) -> Iterator[Observation]:
    """The worst of the last second, as the journal keeps it."""
    stamp = monitor.stamp(PROCESS, slot, 0.0) | {"lag_s": 0.0, "lateness_s": 0.0}
    yield OwnLagObserved(**stamp, process=PROCESS, lag_samples_s=(slot.lag_s,), lateness_samples_s=(slot.lateness_s,))


def token(monitor: SiteMonitor, _probe: str, slot: Slot) -> Iterator[Observation]:
    """The times of the synthetic softphone's token: signed in for the day, unless the platform ends it sooner."""
    issued_s, ends_s = monitor.issued_wall_s, monitor.phone.token_ends_s
    expires_s = min(issued_s + monitor.platform.scenario.tokens.user_s, monitor.platform.wall_s(ends_s))
    stamp = monitor.stamp(monitor.agent, slot, 0.0)
    yield TokenObserved(**stamp, token=monitor.agent, issued_wall_s=issued_s, expires_wall_s=expires_s)


def _round_trip(monitor: SiteMonitor, channel: str, slot: Slot) -> float | None:
    """Seconds until the pong is read, None without a connection to ping on."""
    world = monitor.platform.world
    connected = world.signalling_up(slot.at_s) if channel == "notification" else monitor.phone.online
    if not connected:
        return None
    turn_s = GATEWAY_S if channel == "websocket" else world.signalling_turn(slot.at_s, "ping")
    return monitor.loop.measured_s(slot, turn_s + monitor.baseline.path_s())


def _late_pongs(monitor: SiteMonitor, probe: str, channel: str, slot: Slot) -> Iterator[Observation]:
    """The pongs of earlier slots that came since, unless their connection had ended by then."""
    come = [one for one in monitor.overdue if one[1] == channel and one[0] <= slot.at_s]
    for at_s, _, epoch in come:
        monitor.overdue.remove((at_s, channel, epoch))
        if channel == "notification" or epoch == monitor.phone.epoch:
            stamp = monitor.stamp(probe, slot, at_s - slot.at_s)
            agent = "" if channel == "notification" else monitor.agent
            yield HeartbeatObserved(**stamp, channel=channel, outcome="late", agent=agent)
