"""Every on-call check with what it reads and its limits; pure.

The limits are defaults to start from, chosen after common practice for voice over IP; the platform publishes none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.facts import signals
from monitor.oncall import checks
from monitor.oncall.figures import STEADY, View
from monitor.oncall.told import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. reads: signals of which one at least is needed; each that comes must not stop.

    limits: per figure the ranges that are no WARNING and not CRITICAL, empty for none. any_fresh: one of `reads` that
    goes on is enough. about_trust: own lag is what it measures, and is therefore no reason to say UNKNOWN. about_drops:
    sites that only have imported drops are worth a line.
    """

    name: str
    tell: Callable[[View], Told]
    reads: tuple[str, ...]
    limits: Mapping[str, tuple[str, str]]
    any_fresh: bool = False
    about_trust: bool = False
    about_drops: bool = False


CHECKS: tuple[Check, ...] = (
    Check(
        name="ice-gathering",
        tell=checks.ice_gathering,
        reads=(signals.ICE_GATHERING,),
        limits={"failed": ("5", "20"), "slow": ("20", ""), "gathering_p95": ("1", "5"), "probe_failed": ("50", "")},
    ),
    Check(
        name="heartbeat",
        tell=checks.heartbeat,
        reads=(signals.WS_RTT, signals.NOTIFICATION_RTT),
        limits={
            "rtt_p95": ("0.15", "0.3"),
            "missed": ("2", "10"),
            "notification_rtt_p95": ("0.15", "0.3"),
            "notification_missed": ("2", "10"),
            "edge_rtt_p95": ("", ""),
        },
    ),
    Check(
        name="disconnects",
        tell=checks.disconnects,
        reads=STEADY,
        limits={
            "drop_rate": ("0.2", "1"),
            "drops": ("", ""),
            "incidents": ("", ""),
            "moved": ("", ""),
            "imported": ("", ""),
        },
        any_fresh=True,
        about_drops=True,
    ),
    Check(
        name="signalling",
        tell=checks.signalling,
        reads=(signals.ICE_SERVERS, signals.WS_RTT),
        limits={
            "connected": ("95:", "80:"),
            "offline": ("5", "20"),
            "ice_fetch_p95": ("1", "5"),
            "ice_fetch_failed": ("2", "10"),
            "phase_failed": ("10", "50"),
            "reconnects_each": ("0.5", "2"),
            "reconnect_p95": ("10", "60"),
        },
    ),
    Check(
        name="api-limits",
        tell=checks.api_limits,
        reads=(signals.API,),
        limits={
            "limited": ("0", "5"),
            "retry_after": ("10", "60"),
            "server_errors": ("1", "10"),
            "refused": ("0", "10"),
            "api_p95": ("1", "5"),
        },
    ),
    Check(
        name="monitor-health",
        tell=checks.monitor_health,
        reads=STEADY,
        limits={
            "loop_lag": ("0.25", "1"),
            "lateness": ("1", "5"),
            "gaps": ("5", "20"),
            "suspect": ("5", "20"),
            "suspect_samples": ("5", "20"),
            "last_fact_age": ("120", ""),
        },
        any_fresh=True,
        about_trust=True,
    ),
    Check(
        name="turn",
        tell=checks.turn,
        reads=(signals.TURN_ALLOCATE,),
        limits={"failed": ("5", "20"), "allocate_p95": ("0.5", "2")},
    ),
)
